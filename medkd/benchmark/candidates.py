"""Which objectives take part, and why the others do not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medkd.benchmark.dataset import TARGET
from medkd.benchmark.stacked_network import EMBEDDING
from medkd.errors import InputError, nearest
from medkd.objectives.objective import Objective
from medkd.registry import entries

GIVEN = {"logits", "embedding"}
"""Fields of an output that a small network on columns has."""
_LACKS = {"tokens": "tokens", "features": "feature maps", "state": "a Gaussian state"}
_UNFIT = {"MaskDistillation": "needs masks: the Dice overlap of two class scores means nothing"}
SIZES = {"dim": EMBEDDING, "negatives": 128}
"""Of a memory of all samples: the network's own width, and not every other sample at each step.

All other settings are a class's own.
"""


def _told(samples: int) -> dict[str, Any]:
    """What a constructor may ask for without a default, because a recipe knows it."""
    return {
        "student_dim": EMBEDDING,
        "teacher_dim": EMBEDDING,
        "classes": TARGET.outputs,
        "samples": samples,
        "similarity": [[1.0, 0.0], [0.0, 1.0]],
    }


@dataclass(frozen=True)
class Contestant:
    """An objective that takes part, with its class's own settings.

    Args:
        name: its class in small letters, as ``soft_labels``.
        kind: its class.
        summary: first line of its docstring.
    """

    name: str
    kind: type[Objective]
    summary: str

    def build(self, samples: int) -> Objective:
        """A new one for so many training samples. Sizes that a recipe knows are told; the rest keeps its default."""
        asked = inspect.signature(self.kind).parameters
        needed: dict[str, Any] = {
            name: told
            for name, told in _told(samples).items()
            if name in asked and asked[name].default is asked[name].empty
        }
        return self.kind(**(needed | {name: size for name, size in SIZES.items() if name in asked}))


@dataclass(frozen=True)
class Absent:
    """An objective that does not take part, and why."""

    name: str
    reason: str


def contestants(chosen: Sequence[str] = ()) -> tuple[list[Contestant], list[Absent]]:
    """Every objective that can be asked of a two-class student on columns, ours and other packages'.

    And those that cannot.

    Args:
        chosen: names of those wanted; empty means all.

    Raises:
        InputError: a name is unknown, or that objective cannot take part.
    """
    taking: dict[str, Contestant] = {}
    absent: dict[str, Absent] = {}
    for entry in entries("objectives"):
        if entry.found is None:
            absent[entry.name] = Absent(entry.name, entry.trouble)
            continue
        name = snake(entry.found.__name__)
        one = Contestant(name, entry.found, entry.summary)
        if reason := _reason(one):
            absent[name] = Absent(name, reason)
        else:
            taking[name] = one
    for name in chosen:
        if name in absent:
            raise InputError(
                f"'{name}' does not take part: it {absent[name].reason}", where="--objectives", remedy="Leave it out"
            )
        if name not in taking:
            raise InputError(f"no objective '{name}'", where="--objectives", remedy=nearest(name, taking))
    return [one for one in taking.values() if not chosen or one.name in chosen], list(absent.values())


def snake(title: str) -> str:
    """A class's name in small letters.

    >>> snake("SoftLabels")
    'soft_labels'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", title).lower()


def _reason(one: Contestant) -> str:
    """Why it does not take part; "" where it does."""
    kind = one.kind
    if kind.__name__ in _UNFIT:
        return _UNFIT[kind.__name__]
    lacking = [
        _LACKS[field] for field in dict.fromkeys((*kind.needs_student, *kind.needs_teacher)) if field not in GIVEN
    ]
    if lacking:
        return f"needs {' and '.join(lacking)}, which a network on columns does not have"
    if not kind.needs_teacher:
        return "hears no teacher: it is a label's own loss"
    asked = [
        name
        for name, held in inspect.signature(kind).parameters.items()
        if held.default is held.empty and name not in _told(1)
    ]
    if asked:
        return f"asks for {', '.join(asked)}, which this benchmark does not know"
    try:
        one.build(samples=2).check(TARGET)
    except InputError as error:
        return f"refuses two exclusive classes: {error.what}"
    return ""
