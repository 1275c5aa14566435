"""A task's recipe: one readable page, checked as a whole before any work starts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from medkd.data.io.atomic import write_text
from medkd.errors import InputError, nearest
from medkd.evidence.controls import CONTROLS
from medkd.evidence.settings import EvidenceSettings
from medkd.pipeline.tuning.ranges import parse_ranges


@dataclass(frozen=True)
class Arm:
    """How one network is fitted: everything that a Lightning CLI run takes, less the paths.

    Args:
        view: what it sees.
        modalities: name → ``class_path`` and ``init_args``; what is left out comes from the cohort.
        model: of ``Distiller``: network, learning rate; for a student objectives and weights.
        data: of ``SampleData``: batch_size, steps, augment.
        trainer: of Lightning's ``Trainer``.
        pretrain: a fit that comes first and needs no label: ``view``, ``modalities``, ``model``, ``data`` and
            ``trainer`` as above. This arm begins with its weights, and up to the share of labels ``freeze_up_to``
            trains its head alone.
    """

    view: str
    modalities: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    pretrain: dict[str, Any] = field(default_factory=dict)

    def pretraining(self) -> Arm:
        """The fit that comes first, as an arm."""
        return Arm(**{key: value for key, value in self.pretrain.items() if key != "freeze_up_to"})

    def freezes(self, label_fraction: float) -> bool:
        """Whether with this share of labels the head alone is trained."""
        return label_fraction <= float(self.pretrain.get("freeze_up_to", 0.0))


@dataclass(frozen=True)
class Recipe:
    """What ``medkd distill`` does.

    Args:
        task: its name.
        cohort: default cohort.
        teacher, student, baseline: the arms. The baseline is the student without objectives, and what ``baseline`` changes.
        root: the cohort's folder; "" for one that is synthesised.
        target, protocol: "" for the cohort's default.
        seeds: number of them, from 0.
        label_fractions: shares of the training subjects that keep their label; the largest gives the headline.
        controls: which controls are run.
        cohort_options: for a synthesised cohort.
        split: ``shared_recordings``: "join" splits subjects that share a recording as one; "leave" lets the leak audit
            find them.
        evidence: settings of the evidence (metric, replicates, ...).
        search: what ``medkd tune`` may change: dotted key of an arm's value → ``low``, ``high``, ``log``, or
            ``choices``.
        threads: CPU threads of one fit.
        fast: a smoke run; its verdict is invalid.
    """

    task: str
    cohort: str
    teacher: Arm
    student: Arm
    baseline: Arm
    root: str = ""
    target: str = ""
    protocol: str = ""
    seeds: int = 3
    label_fractions: tuple[float, ...] = (1.0,)
    controls: tuple[str, ...] = tuple(CONTROLS)
    cohort_options: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    fast: bool = False

    def save(
        self, path: Path, header: str = "The resolved recipe of this run: medkd stage THIS_FILE NAME --out RUN"
    ) -> None:
        """Write the resolved recipe, from which any stage can be repeated, below the lines of ``header`` as comments."""
        held = asdict(self)
        held["label_fractions"], held["controls"] = list(self.label_fractions), list(self.controls)
        comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
        write_text(path, comment + yaml.safe_dump(held, sort_keys=False))


def load_recipe(path: Path, overrides: Sequence[str] = (), **chosen: Any) -> Recipe:
    """Read a recipe, set dotted keys, and check every key.

    Args:
        path: a task's ``recipe.yaml``, or the resolved one of a run.
        overrides: ``STAGE.KEY=VALUE``, values in YAML.
        chosen: top-level keys from the command line; None is left out, and names with values change those alone.

    Raises:
        InputError: the file is missing or is not a recipe, or a key is unknown; the nearest valid one is named.
    """
    if not path.is_file():
        raise InputError("no such recipe", where=path, remedy="See: medkd list tasks")
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(
            f"not YAML: {' '.join(str(error).split())[:120]}", where=path, remedy="Mend the file"
        ) from error
    if not isinstance(held, dict):
        raise InputError(
            "not a recipe", where=path, remedy="It is a mapping with the keys teacher, student, baseline, ..."
        )
    held = copy.deepcopy(held)
    for key, value in chosen.items():
        if value is not None:
            both = isinstance(value, Mapping) and isinstance(held.get(key), Mapping)
            # A copy: an override may reach into it.
            held[key] = copy.deepcopy(merged(held[key], value) if both else value)
    for override in overrides:
        _set(held, override)
    return _checked(held, path)


def _set(held: dict[str, Any], override: str) -> None:
    dotted, _, text = override.partition("=")
    *path, last = dotted.split(".")
    place = held
    for name in path:
        inner = place.setdefault(name, {})
        if inner is None:
            inner = place[name] = {}
        if not isinstance(inner, dict):
            raise InputError(
                f"'{dotted}' reaches into a plain value", where=f"--{dotted}", remedy="Name a key that the recipe has"
            )
        place = inner
    try:
        place[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(
            f"'{text}' is not YAML", where=f"--{dotted}", remedy="Write a number, text, [a, list] or {name: value}"
        ) from error


def _checked(held: dict[str, Any], path: Path) -> Recipe:
    _check_keys(held, [item.name for item in fields(Recipe)], path, "")
    for name in ("task", "cohort", "teacher", "student"):
        if not held.get(name):
            raise InputError(f"recipe has no '{name}'", where=path, remedy="Add it")
    for name in ("task", "cohort", "root", "target", "protocol"):
        if held.get(name) is not None and not isinstance(held[name], str):
            raise InputError(f"{name} is {held[name]!r}", where=path, remedy="It must be text")
    for name in ("seeds", "threads"):
        if held.get(name) is not None and (type(held[name]) is not int or held[name] < 1):
            raise InputError(f"{name} is {held[name]!r}", where=path, remedy="It must be a whole number of 1 or more")
    for name in ("teacher", "student", "baseline"):
        _check_keys(_mapping(held.get(name) or {}, name, path), [item.name for item in fields(Arm)], path, f"{name}.")
        for key in ("modalities", "model", "data", "trainer"):
            _mapping((held.get(name) or {}).get(key) or {}, f"{name}.{key}", path)
        _check_pretraining(
            _mapping((held.get(name) or {}).get("pretrain") or {}, f"{name}.pretrain", path), f"{name}.pretrain", path
        )
    split = _mapping(held.get("split") or {}, "split", path)
    _check_keys(split, ["shared_recordings"], path, "split.")
    if (shared := split.get("shared_recordings", "join")) not in ("join", "leave"):
        raise InputError(f"split.shared_recordings is '{shared}'", where=path, remedy="Choose from: join, leave")
    _check_evidence(_mapping(held.get("evidence") or {}, "evidence", path), path)
    _mapping(held.get("cohort_options") or {}, "cohort_options", path)
    held["search"] = {key: found.to_dict() for key, found in parse_ranges(held.get("search") or {}, path).items()}
    held["controls"] = tuple(_listed(tuple(CONTROLS) if held.get("controls") is None else held["controls"]))
    for control in held["controls"]:
        if control not in CONTROLS:
            raise InputError(f"unknown control '{control}'", where=path, remedy=nearest(str(control), CONTROLS))
    student = held["student"]
    for name in ("teacher", "student"):
        if not held[name].get("view"):
            raise InputError(f"{name} has no view", where=path, remedy=f"Add {name}.view, for example ecg[I]")
    alone = {
        **copy.deepcopy(student),
        "model": {
            key: value for key, value in student.get("model", {}).items() if key not in ("objectives", "weights")
        },
    }
    held["baseline"] = _alone(alone, held.get("baseline") or {})
    shares = _listed(1.0 if held.get("label_fractions") is None else held["label_fractions"])
    if not shares or not all(isinstance(share, int | float) and 0 < share <= 1 for share in shares):
        raise InputError(
            f"label_fractions are {list(shares)}",
            where=path,
            remedy="Give shares above 0 and up to 1, such as [0.3, 1]",
        )
    held["label_fractions"] = tuple(float(share) for share in shares)
    if (held["teacher"].get("pretrain") or {}) or (held["baseline"].get("pretrain") and not student.get("pretrain")):
        raise InputError(
            "pretrain is the student's",
            where=path,
            remedy="Move it to student; the baseline has the same unless baseline.pretrain is null",
        )
    for name in ("student", "baseline"):
        if held[name].get("pretrain") and "learner" in (held[name].get("model") or {}):
            raise InputError(
                f"{name} has a learner and pretrain", where=path, remedy="Only a network begins with another's weights"
            )
    for name in ("teacher", "student", "baseline"):
        held[name] = Arm(**{key: value for key, value in held[name].items() if value is not None})
    return Recipe(**{key: value for key, value in held.items() if value is not None})


def _check_pretraining(held: dict[str, Any], name: str, path: Path) -> None:
    if not held:
        return
    _check_keys(
        held, [*(item.name for item in fields(Arm) if item.name != "pretrain"), "freeze_up_to"], path, f"{name}."
    )
    if not held.get("view") or not held.get("model"):
        raise InputError(f"{name} has no view or no model", where=path, remedy="Add both, as an arm has them")
    if type(held.get("freeze_up_to", 0)) not in (int, float):
        raise InputError(
            f"{name}.freeze_up_to is {held['freeze_up_to']!r}", where=path, remedy="Give a share of labels, from 0 to 1"
        )


def _alone(student: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The student without its teacher, and what ``baseline`` changes.

    One of another family (trees for a network) brings its whole model.
    """
    model = change.get("model") or {}
    other = {"learner": "network", "network": "learner"}
    if any(name in model and other[name] in student["model"] for name in other):
        student = {**student, "model": {}}
    return merged(student, change)


def _check_evidence(held: dict[str, Any], path: Path) -> None:
    _check_keys(held, [item.name for item in fields(EvidenceSettings)], path, "evidence.")
    try:
        EvidenceSettings(**held)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"evidence is not accepted: {error}", where=path, remedy="See the settings in docs/evidence.md"
        ) from error


def _mapping(value: Any, name: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{name} is '{value}'", where=path, remedy="It holds names with values")
    return value


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _check_keys(held: Mapping[str, Any], valid: Sequence[str], where: object, prefix: str) -> None:
    for key in held:
        if key not in valid:
            raise InputError(f"unknown key '{prefix}{key}'", where=where, remedy=nearest(str(key), valid))


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the leaves of ``change`` set.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result
