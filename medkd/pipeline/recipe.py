"""Recipe: a task on one readable page, checked as a whole before any work starts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field

from medkd.data.io.atomic import write_text
from medkd.data.io.document import Document, parse_document
from medkd.errors import InputError, nearest
from medkd.evidence.comparison import CONTROLS
from medkd.evidence.settings import EvidenceSettings
from medkd.pipeline.nested_values import merged, override
from medkd.pipeline.search_ranges import Range, parse_ranges

ARMS = ("teacher", "student", "baseline")
FAST = {"fast": True, "seeds": 1, "protocol": "kfold:3", "label_fractions": (1.0,), "evidence": {"replicates": 200}}
"""Top-level keys of a ``--fast`` run."""
HEADER = "The resolved recipe of this run: medkd stage THIS_FILE NAME --out RUN"


def _named(view: str) -> str:
    if not view:
        raise ValueError("Name what it sees, for example ecg[I]")
    return view


def _known_control(name: str) -> str:
    if name not in CONTROLS:
        raise ValueError(nearest(name, CONTROLS))
    return name


Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Values = dict[str, Any]
"""Free-form names with values, which the class that they are for checks (see ``medkd.pipeline.check_arms``)."""


class FitSettings(Document):
    """One network's fit: everything that a Lightning CLI run takes, less the paths."""

    view: Annotated[str, AfterValidator(_named)]
    """What it sees."""
    modalities: Values = Field(default_factory=dict)
    """Name → ``class_path`` and ``init_args``; what is left out comes from the cohort."""
    model: Values = Field(default_factory=dict)
    """Arguments of ``Distiller``: network, learning rate; for a student objectives and weights."""
    data: Values = Field(default_factory=dict)
    """Arguments of ``SampleData``: batch_size, steps, augment."""
    trainer: Values = Field(default_factory=dict)
    """Arguments of Lightning's ``Trainer``."""


class Pretraining(FitSettings):
    """A fit that comes first and needs no label; the arm that names it begins with its weights."""

    model: Annotated[Values, Field(min_length=1)]
    freeze_up_to: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Up to this label fraction the arm trains its head alone."""


class Arm(FitSettings):
    """The fits of the teacher, the student or the baseline."""

    pretrain: Pretraining | None = None


class SplitSettings(Document):
    """Settings of the split."""

    shared_recordings: Literal["join", "leave"] = "join"
    """Whether subjects that share a recording are split as one, or left for the leak audit to find."""


class Recipe(Document):
    """What ``medkd distill`` does."""

    task: Text
    cohort: Text
    """The cohort by default."""
    root: str = ""
    """The cohort's folder; "" for one that is synthesised."""
    target: str = ""
    """"" for the cohort's default, as for ``protocol``."""
    protocol: str = ""
    seeds: Count = 3
    """Number of seeds, from 0."""
    label_fractions: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (1.0,)
    """Fractions of the training subjects that keep their label; the largest gives the headline."""
    teacher: Arm
    student: Arm
    baseline: Arm
    """The student without objectives, and what the recipe's ``baseline`` changes."""
    controls: tuple[Annotated[str, AfterValidator(_known_control)], ...] = tuple(CONTROLS)
    """Control teachers that are run."""
    cohort_options: Values = Field(default_factory=dict)
    """Arguments of a synthetic cohort."""
    split: SplitSettings = SplitSettings()
    evidence: Values = Field(default_factory=dict)
    """Arguments of ``EvidenceSettings`` (metric, replicates, ...)."""
    search: dict[str, Range] = Field(default_factory=dict)
    """What ``medkd tune`` may change, by the dotted key of an arm's value."""
    threads: Count = 1
    """CPU threads of one fit."""
    fast: bool = False
    """A smoke run; its verdict is invalid."""

    def arm(self, name: str) -> Arm:
        """The teacher, the student or the baseline."""
        return {"teacher": self.teacher, "student": self.student, "baseline": self.baseline}[name]

    @property
    def evidence_settings(self) -> EvidenceSettings:
        """Settings of the evidence, with the defaults of what the recipe does not name."""
        return EvidenceSettings(**self.evidence)

    def save(self, path: Path, header: str = HEADER) -> None:
        """Write the resolved recipe, from which any stage can be repeated, below ``header`` as comments."""
        comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
        write_text(path, comment + yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False))


def load_recipe(path: Path, overrides: Sequence[str] = (), **chosen: Any) -> Recipe:
    """Read a recipe, set dotted keys, and check every key.

    Args:
        path: a task's ``recipe.yaml``, or the resolved one of a run.
        overrides: ``STAGE.KEY=VALUE``, values in YAML.
        chosen: top-level keys from the command line; None is left out, and names with values change those alone.

    Raises:
        InputError: the file is missing or is not a recipe, or a key is unknown; the nearest valid one is named.
    """
    content = _read(path)
    for key, value in chosen.items():
        if value is not None:
            both = isinstance(value, Mapping) and isinstance(content.get(key), Mapping)
            # A copy: an override may reach into it.
            content[key] = copy.deepcopy(merged(content[key], value) if both else value)
    for dotted in overrides:
        override(content, dotted)
    recipe = parse_document(Recipe, _completed(content, path), path)
    _check_pretraining(recipe, path)
    _check_evidence(recipe.evidence, path)
    return recipe


def task_recipe(folder: Path, cohort: str | None, overrides: Sequence[str] = (), **chosen: Any) -> Recipe:
    """The recipe that a task's folder holds for a cohort: COHORT.yaml where there is one, else recipe.yaml."""
    specific = folder / f"{cohort}.yaml"
    path = specific if cohort and specific.is_file() else folder / "recipe.yaml"
    return load_recipe(path, overrides, cohort=cohort, **chosen)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("no such recipe", where=path, remedy="See: medkd list tasks")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(
            f"not YAML: {' '.join(str(error).split())[:120]}", where=path, remedy="Correct the file"
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            "not a recipe", where=path, remedy="It is a mapping with the keys teacher, student, baseline, ..."
        )
    return content


def _completed(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A recipe's content with its baseline and ranges in full; null stands for what is left out."""
    recipe = _given(content)
    for name in ("label_fractions", "controls"):
        if name in recipe and not isinstance(recipe[name], list | tuple):
            recipe[name] = [recipe[name]]
    recipe["search"] = {key: range_.to_dict() for key, range_ in parse_ranges(recipe.get("search", {}), path).items()}
    student, change = recipe.get("student"), recipe.get("baseline", {})
    if isinstance(student, dict) and isinstance(change, dict):
        recipe["baseline"] = _baseline(_given(student), change)
    return recipe | {name: _given(recipe[name]) for name in ARMS if isinstance(recipe.get(name), dict)}


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _baseline(student: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The student without its teacher, and what ``change`` says.

    One of another family (trees for a network) brings its whole model.
    """
    model = student.get("model", {})
    if isinstance(model, dict):
        model = {key: value for key, value in model.items() if key not in ("objectives", "weights")}
        changed = change.get("model") or {}
        other = {"learner": "network", "network": "learner"}
        if any(name in changed and other[name] in model for name in other):
            model = {}
    return merged(copy.deepcopy({**student, "model": model}), change)


def _check_pretraining(recipe: Recipe, path: Path) -> None:
    if recipe.teacher.pretrain or (recipe.baseline.pretrain and not recipe.student.pretrain):
        raise InputError(
            "pretrain is the student's",
            where=path,
            remedy="Move it to student; the baseline has the same unless baseline.pretrain is null",
        )
    for name, arm in (("student", recipe.student), ("baseline", recipe.baseline)):
        if arm.pretrain and "learner" in arm.model:
            raise InputError(
                f"{name} has a learner and pretrain", where=path, remedy="Only a network begins with another's weights"
            )


def _check_evidence(evidence: Mapping[str, Any], path: Path) -> None:
    known = [item.name for item in fields(EvidenceSettings)]
    for key in evidence:
        if key not in known:
            raise InputError(f"unknown key 'evidence.{key}'", where=path, remedy=nearest(key, known))
    try:
        EvidenceSettings(**evidence)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"evidence is not accepted: {error}", where=path, remedy="See the settings in docs/evidence.md"
        ) from error
