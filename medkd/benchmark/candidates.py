"""Candidates: the objectives that take part in the benchmark, and why the others do not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medkd.benchmark.dataset import TARGET
from medkd.benchmark.stacked.network import EMBEDDING
from medkd.data.core.registry import Registry
from medkd.errors import InputError, nearest
from medkd.objectives.objective import Objective

AVAILABLE = {"logits", "embedding"}
"""Fields of an output that a small network on columns has."""
_LACKS = {"tokens": "tokens", "features": "feature maps", "state": "a Gaussian state"}
_UNFIT = {"MaskDistillation": "needs masks: the Dice overlap of two class scores means nothing"}
SIZES = {"dim": EMBEDDING, "negatives": 128}
"""Arguments of an objective that stores all samples: the network's own width, and fewer negatives than all samples.

All other arguments keep the class's defaults.
"""


def _recipe_arguments(samples: int) -> dict[str, Any]:
    """Arguments that a constructor may require without a default, because a recipe knows them."""
    return {
        "student_dim": EMBEDDING,
        "teacher_dim": EMBEDDING,
        "classes": TARGET.outputs,
        "samples": samples,
        "similarity": [[1.0, 0.0], [0.0, 1.0]],
    }


@dataclass(frozen=True)
class Candidate:
    """An objective that takes part, with its class's own settings.

    Args:
        name: such as ``soft_labels``.
        kind: its class.
        summary: first line of its docstring.
    """

    name: str
    kind: type[Objective]
    summary: str

    def build(self, samples: int) -> Objective:
        """A new objective for so many training samples; arguments that no recipe sets keep their default."""
        parameters = inspect.signature(self.kind).parameters
        required: dict[str, Any] = {
            name: value
            for name, value in _recipe_arguments(samples).items()
            if name in parameters and parameters[name].default is parameters[name].empty
        }
        return self.kind(**(required | {name: size for name, size in SIZES.items() if name in parameters}))


@dataclass(frozen=True)
class Excluded:
    """An objective that does not take part, and why."""

    name: str
    reason: str


def find_candidates(registry: Registry, chosen: Sequence[str] = ()) -> tuple[list[Candidate], list[Excluded]]:
    """Every installed objective that a two-class student on columns can use, and those that it cannot.

    Args:
        registry: of the objectives.
        chosen: names of the candidates to return; empty means all.

    Raises:
        InputError: a name is unknown, or that objective cannot take part.
    """
    candidates: dict[str, Candidate] = {}
    excluded: dict[str, Excluded] = {}
    for entry in registry.entries("objectives"):
        name = short_name(entry.name)
        if entry.trouble:
            excluded[name] = Excluded(name, entry.trouble)
            continue
        candidate = Candidate(name, registry.load("objectives", entry.name), entry.summary)
        if reason := _reason(candidate):
            excluded[name] = Excluded(name, reason)
        else:
            candidates[name] = candidate
    for name in chosen:
        if name in excluded:
            raise InputError(
                f"'{name}' does not take part: it {excluded[name].reason}", where="--objectives", remedy="Leave it out"
            )
        if name not in candidates:
            raise InputError(f"no objective '{name}'", where="--objectives", remedy=nearest(name, candidates))
    return [each for each in candidates.values() if not chosen or each.name in chosen], list(excluded.values())


def short_name(class_path: str) -> str:
    """The name of an objective in the benchmark: its module for ours, else its class in small letters.

    >>> short_name("medkd.objectives.soft_labels.SoftLabels"), short_name("other.losses.MyLoss")
    ('soft_labels', 'my_loss')
    """
    module, _, title = class_path.rpartition(".")
    if module.startswith("medkd.objectives."):
        return module.rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", title).lower()


def _reason(candidate: Candidate) -> str:
    """Why an objective does not take part; "" where it does."""
    kind = candidate.kind
    if kind.__name__ in _UNFIT:
        return _UNFIT[kind.__name__]
    lacking = [
        _LACKS[field] for field in dict.fromkeys((*kind.needs_student, *kind.needs_teacher)) if field not in AVAILABLE
    ]
    if lacking:
        return f"needs {' and '.join(lacking)}, which a network on columns does not have"
    if not kind.needs_teacher:
        return "uses no teacher: it is a loss on labels"
    unknown = [
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty and name not in _recipe_arguments(1)
    ]
    if unknown:
        return f"requires {', '.join(unknown)}, which this benchmark does not know"
    try:
        candidate.build(samples=2).check(TARGET)
    except InputError as error:
        return f"refuses two exclusive classes: {error.what}"
    return ""
