"""Registry: the things that a recipe or a command may name, as the engine is handed it.

The engine imports no modality, cohort or task. A command looks them up, or passes a registry down to what does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from medkd.data.core.cohort import Cohort
    from medkd.data.core.modality import Modality


@dataclass(frozen=True)
class Entry:
    """One line of what there is, known without importing it.

    Args:
        name: what a user types; of an objective or network its dotted class path.
        summary: first line of its docstring.
        trouble: why it cannot be used, and the remedy; "" if nothing is known against it.
        method: the name that the field knows an objective by, such as "RKD".
        source: the publication of an objective.
    """

    name: str
    summary: str
    trouble: str = ""
    method: str = ""
    source: str = ""


class Registry(Protocol):
    """Cohorts, modalities, objectives, networks and tasks by name.

    Every look-up raises ``InputError`` where there is nothing of that name (the nearest one is named), or where a
    package that it needs is missing.
    """

    def entries(self, kind: str) -> list[Entry]:
        """Everything of one kind: "tasks", "cohorts", "modalities", "objectives" or "networks"."""
        ...

    def load(self, kind: str, name: str) -> Any:
        """The class, or a task's folder, imported now."""
        ...

    def cohort(self, name: str) -> type[Cohort]:
        """The cohort of that name."""
        ...

    def cohorts(self) -> Iterator[type[Cohort]]:
        """Every cohort that can be imported."""
        ...

    def modality(self, name: str) -> type[Modality]:
        """The modality of that name."""
        ...

    def task(self, name: str) -> Path:
        """The folder of a task, which holds its recipe; ``name`` may also be the path of such a folder."""
        ...
