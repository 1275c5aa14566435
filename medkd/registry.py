"""Registry: the tasks, cohorts, modalities, objectives and networks that are installed.

Our own are found by walking their folders, and listed from their source; those of other packages are announced by
entry points (``medkd.cohorts``, ...). A class of ours is imported only when it is asked for. The module is a
``medkd.data.core.registry.Registry``: commands hand it to the engine.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medkd.class_index import ClassIndex, ClassSource, folders, submodules
from medkd.data.core.registry import Entry
from medkd.errors import InputError, nearest
from medkd.parser import Parser, one_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from medkd.data.core.cohort import Cohort
    from medkd.data.core.modality import Modality

RECIPE = "recipe.yaml"
"""The file that makes a folder a task."""
BASES = {
    "cohorts": "medkd.data.core.cohort:Cohort",
    "modalities": "medkd.data.core.modality:Modality",
    "objectives": "medkd.objectives.objective:Objective",
    "networks": "medkd.networks.network:Network",
}
"""The class that everything of a kind derives from."""
KINDS = ("tasks", *BASES)
_SINGULAR = {
    "tasks": "task",
    "cohorts": "cohort",
    "modalities": "modality",
    "objectives": "objective",
    "networks": "network",
}
_WHERE = {"tasks": "TASK", "cohorts": "--cohort"}
_ONE_PER_MODULE = ("cohorts", "modalities")
"""Kinds of which a module holds one, under the module's own name; of the others every public class counts."""


def add_arguments(parser: Parser) -> None:
    """The arguments of ``medkd list``."""
    kinds = one_of("medkd list KIND", KINDS)
    parser.add_argument("kind", nargs="?", metavar="KIND", type=kinds, help=f"{', '.join(KINDS)}; default: all")


def main(namespace: argparse.Namespace) -> int:
    """Print ``medkd list [KIND]``, one line per thing."""
    for kind in [namespace.kind] if namespace.kind else KINDS:
        lines = [_line(kind, entry) for entry in entries(kind)]
        width = max((len(name) for name, _ in lines), default=0) + 2
        print("\n".join([kind, *(f"  {name:<{width}}{text}" for name, text in lines or [("(none)", "")])]))
    return 0


def _line(kind: str, entry: Entry) -> tuple[str, str]:
    """What a line begins with, and the rest; an objective is named as the field names it, and its path comes last."""
    if kind in ("tasks", *_ONE_PER_MODULE):
        return entry.name, entry.trouble or entry.summary
    text = entry.trouble or " ".join(filter(None, (entry.summary, entry.source and f"{entry.source}.")))
    return entry.method or entry.name.rpartition(".")[2], f"{text} {entry.name}"


def entries(kind: str) -> list[Entry]:
    """Everything of one kind, by name: our own folders first, then what other packages announce."""
    if kind == "tasks":
        return sorted(_tasks(), key=lambda entry: entry.name)
    index = ClassIndex()
    ours = [entry for module in submodules(f"medkd.{kind}") for entry in _ours(kind, module, index)]
    return ours + [_foreign(kind, point)[0] for _, point in sorted(_points(kind).items())]


def load(kind: str, name: str) -> Any:
    """The class or task folder of that name, imported now.

    Raises:
        InputError: there is none, or a package that it needs is missing.
    """
    if kind == "tasks":
        return task(name)
    for source in _sources(kind, name):
        try:
            return getattr(importlib.import_module(source.module), source.name)
        except Exception as error:
            raise _unusable(kind, name, _trouble(error)) from error
    if name in (points := _points(kind)):
        entry, loaded = _foreign(kind, points[name])
        if entry.trouble:
            raise _unusable(kind, name, entry.trouble)
        return loaded
    names = [entry.name for entry in entries(kind)]
    raise InputError(
        f"no {_SINGULAR[kind]} '{name}'", where=_WHERE.get(kind, _SINGULAR[kind]), remedy=nearest(name, names)
    )


def cohort(name: str) -> type[Cohort]:
    """The cohort of that name.

    Raises:
        InputError: there is none, or a package that it needs is missing.
    """
    cohort_class: type[Cohort] = load("cohorts", name)
    return cohort_class


def cohorts() -> Iterator[type[Cohort]]:
    """Every cohort that can be imported."""
    for entry in entries("cohorts"):
        if not entry.trouble:
            try:
                yield cohort(entry.name)
            except InputError:
                continue


def modality(name: str) -> type[Modality]:
    """The modality of that name.

    Raises:
        InputError: there is none, or a package that it needs is missing.
    """
    modality_class: type[Modality] = load("modalities", name)
    return modality_class


def task(name: str) -> Path:
    """The folder of a task, which holds its recipe; ``name`` may also be the path of such a folder.

    Raises:
        InputError: there is no task of that name.
    """
    if name in (ours := _our_tasks()):
        return ours[name]
    if name in (points := _points("tasks")):
        entry, folder = _foreign_task(points[name])
        if folder is None:
            raise _unusable("tasks", name, entry.trouble)
        return folder
    if (Path(name) / RECIPE).is_file():
        return Path(name)
    raise InputError(f"no task '{name}'", where="TASK", remedy=nearest(name, [*ours, *points]))


def _ours(kind: str, module: str, index: ClassIndex) -> Iterator[Entry]:
    try:
        for source in index.classes(f"medkd.{kind}", module, BASES[kind]):
            if not _counts(kind, module, source):
                continue
            missing = index.missing(source.module)
            trouble = _needs(missing) if missing else ""
            constants = source.constants
            yield Entry(
                _name(kind, source),
                source.summary,
                trouble,
                constants.get("method", "") if kind == "objectives" else "",
                constants.get("source", "") if kind == "objectives" else "",
            )
    except SyntaxError as error:
        yield Entry(module, "", _trouble(error))


def _sources(kind: str, name: str) -> Iterator[ClassSource]:
    """The class of ours of that name, where there is one."""
    package = f"medkd.{kind}"
    module = name if kind in _ONE_PER_MODULE else name.removeprefix(f"{package}.").partition(".")[0]
    if module in submodules(package):
        try:
            for source in ClassIndex().classes(package, module, BASES[kind]):
                if _counts(kind, module, source) and _name(kind, source) == name:
                    yield source
        except SyntaxError as error:
            raise _unusable(kind, name, _trouble(error)) from error


def _counts(kind: str, module: str, source: ClassSource) -> bool:
    """A module may hold several objectives, but one cohort or modality: the one that bears the module's name."""
    if kind in _ONE_PER_MODULE:
        return source.constants.get("name") == module
    return not source.abstract and not source.name.startswith("_")


def _name(kind: str, source: ClassSource) -> str:
    return source.constants["name"] if kind in _ONE_PER_MODULE else f"{source.module}.{source.name}"


@cache
def _needs(package: str) -> str:
    from medkd.extras import remedy_for

    return f"needs {package}. {remedy_for(package)}"


def _unusable(kind: str, name: str, trouble: str) -> InputError:
    return InputError(
        f"{_SINGULAR[kind]} '{name}' cannot be used", where=_WHERE.get(kind, _SINGULAR[kind]), remedy=trouble
    )


def _points(kind: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"medkd.{kind}")}


def _foreign(kind: str, point: EntryPoint) -> tuple[Entry, Any]:
    """What another package announces, imported to see whether it can be used."""
    try:
        loaded = point.load()
        home, _, title = BASES[kind].partition(":")
        base: type = getattr(importlib.import_module(home), title)
    except Exception as error:
        return Entry(point.name, "", _trouble(error)), None
    if not (inspect.isclass(loaded) and issubclass(loaded, base)):
        return Entry(point.name, "", f"broken: {point.value} is not a {base.__name__}"), None
    summary = next(iter((inspect.getdoc(loaded) or "").splitlines()), "").replace("``", "")
    method, source = (str(getattr(loaded, name, "")) for name in ("method", "source"))
    return Entry(point.name, summary, "", method, source), loaded


def _trouble(error: Exception) -> str:
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing and missing != "medkd":
        return _needs(missing)
    return f"broken: {type(error).__name__}: {' '.join(str(error).split())}"


def _our_tasks() -> dict[str, Path]:
    inside = (folder for home in folders("medkd.tasks") for folder in Path(home).iterdir())
    return {folder.name: folder for folder in inside if (folder / RECIPE).is_file()}


def _tasks() -> Iterator[Entry]:
    ours = _our_tasks()
    yield from (Entry(name, _first_comment(folder / RECIPE)) for name, folder in ours.items())
    yield from (_foreign_task(point)[0] for name, point in _points("tasks").items() if name not in ours)


def _foreign_task(point: EntryPoint) -> tuple[Entry, Path | None]:
    try:
        homes = [Path(home) for home in getattr(point.load(), "__path__", ())]
    except Exception as error:
        return Entry(point.name, "", _trouble(error)), None
    for home in homes:
        if (home / RECIPE).is_file():
            return Entry(point.name, _first_comment(home / RECIPE)), home
    return Entry(point.name, "", f"broken: {point.value} is not a folder with a {RECIPE}"), None


def _first_comment(recipe: Path) -> str:
    with recipe.open(encoding="utf-8") as lines:
        return next((line.lstrip("# ").rstrip() for line in lines if line.strip(" #\n")), "")
