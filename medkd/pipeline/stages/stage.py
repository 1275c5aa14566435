"""Stage: a step of a recipe, the inputs that decide its result, and the markers of its progress."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from medkd import __version__
from medkd.data.io.atomic import write_json
from medkd.data.io.digest import digest_of
from medkd.data.io.document import Document, parse_document
from medkd.data.io.load import read_json

BEGUN, DONE = "begun", "done"


class Marker(Document):
    """A small file that says which version of a stage was begun, or is finished."""

    kind: str
    name: str
    digest: str
    command: str
    """What a user types to repeat it."""


@dataclass(frozen=True)
class Stage(ABC):
    """A step of a recipe.

    Args:
        name: its folder, relative to the run's.
        needs: the stages whose outputs it reads, by the name that it uses for them.
        config: plain values that decide its result; paths do not belong here.
    """

    kind: ClassVar[str]
    revision: ClassVar[int] = 1
    """Raised by one whenever it writes something else for the same needs and configuration."""
    name: str
    needs: dict[str, Stage] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Changes when the stage's result would."""
        needs = {name: stage.digest for name, stage in self.needs.items()}
        content = {"kind": self.kind, "version": __version__, "name": self.name, "needs": needs, "config": self.config}
        return digest_of(content | ({"revision": self.revision} if self.revision > 1 else {}))

    def folder(self, run: Path) -> Path:
        """The folder of its outputs."""
        return run / self.name

    def is_done(self, run: Path) -> bool:
        """Whether it finished with the same inputs and configuration."""
        return self._digest_at(run, DONE) == self.digest

    def execute(self, run: Path) -> None:
        """Run it and mark it finished; outputs of a killed attempt with the same digest are kept, to resume from."""
        if self._digest_at(run, BEGUN) != self.digest and self.folder(run).exists():
            shutil.rmtree(self.folder(run))
        self._marker(run, DONE).unlink(missing_ok=True)
        marker = Marker(kind=self.kind, name=self.name, digest=self.digest, command=self.command(run))
        write_json(self._marker(run, BEGUN), marker.model_dump())
        self.run(run)
        write_json(self._marker(run, DONE), marker.model_dump())
        self._marker(run, BEGUN).unlink()

    def _marker(self, run: Path, state: str) -> Path:
        """Markers are kept apart from the outputs, so that a bundle's folder holds a bundle and nothing else."""
        return run / "stages" / f"{self.name}.{state}.json"

    def _digest_at(self, run: Path, state: str) -> str | None:
        marker, remedy = self._marker(run, state), "Remove it: the stage is then run again"
        return parse_document(Marker, read_json(marker, remedy), marker, remedy).digest if marker.is_file() else None

    @abstractmethod
    def run(self, run: Path) -> None:
        """Do the work, below ``self.folder(run)``."""

    def remedy(self, run: Path) -> str:
        """The remedy for a damaged output of it."""
        return f"Remove {self._marker(run, DONE)}: the stage is then run again"

    def command(self, run: Path) -> str:
        """The command that repeats it by hand."""
        return f"medkd stage {run / 'recipe.yaml'} {self.name} --out {run}"
