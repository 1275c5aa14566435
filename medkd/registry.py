"""What there is.

Tasks, cohorts, modalities and objectives, found by walking their folders and the entry points of other packages.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medkd.arguments import KINDS
from medkd.errors import InputError, nearest
from medkd.extras import remedy_for

if TYPE_CHECKING:
    from medkd.data.core.cohort import Cohort
    from medkd.data.core.modality import Modality

RECIPE = "recipe.yaml"
"""The file that makes a folder a task."""
_BASES = {
    "cohorts": "medkd.data.core.cohort:Cohort",
    "modalities": "medkd.data.core.modality:Modality",
    "objectives": "medkd.objectives.objective:Objective",
}
_SINGULAR = {"cohorts": "cohort", "modalities": "modality", "objectives": "objective", "tasks": "task"}


@dataclass(frozen=True)
class Entry:
    """One thing that was found.

    Args:
        name: what a user types, or for an objective its dotted class path.
        summary: first line of its docstring.
        found: the class, or a task's folder; None if it could not be imported.
        trouble: why not, and how to mend it; "" if all is well.
    """

    name: str
    summary: str
    found: Any
    trouble: str = ""


def main(namespace: argparse.Namespace) -> int:
    """Print ``medkd list [KIND]``, one line a thing."""
    for kind in [namespace.kind] if namespace.kind else KINDS:
        found = entries(kind)
        print(kind)
        width = max((len(entry.name) for entry in found), default=0) + 2
        for entry in found:
            print(f"  {entry.name:<{width}}{entry.trouble or entry.summary}")
        if not found:
            print("  (none)")
    return 0


def entries(kind: str) -> list[Entry]:
    """Everything of one kind, by name: our own folders first, then what other packages announce.

    Args:
        kind: tasks, cohorts, modalities or objectives.
    """
    if kind == "tasks":
        return sorted(_tasks().values(), key=lambda entry: entry.name)
    own = [entry for name in _modules(kind) for entry in _own(kind, name)]
    foreign = [_foreign(kind, point) for _, point in sorted(_points(kind).items())]
    return own + foreign


def find_cohort(name: str) -> type[Cohort]:
    """The cohort of that name.

    Raises:
        InputError: there is none, or a package that it needs is missing.
    """
    found: type[Cohort] = _find("cohorts", name, "--cohort")
    return found


def find_modality(name: str) -> type[Modality]:
    """The modality of that name.

    Raises:
        InputError: there is none, or a package that it needs is missing.
    """
    found: type[Modality] = _find("modalities", name, "modality")
    return found


def find_task(name: str) -> Path:
    """The folder of a task, which holds its recipe; ``name`` may also be the path of such a folder.

    Raises:
        InputError: there is no task of that name.
    """
    tasks = _tasks()
    if name in tasks:
        folder: Path = _usable(tasks[name], "tasks", "TASK")
        return folder
    if (Path(name) / RECIPE).is_file():
        return Path(name)
    raise InputError(f"no task '{name}'", where="TASK", remedy=nearest(name, tasks))


def _find(kind: str, name: str, where: str) -> Any:
    for entry in _candidates(kind, name):
        return _usable(entry, kind, where)
    names = [entry.name for entry in entries(kind)]
    raise InputError(f"no {_SINGULAR[kind]} '{name}'", where=where, remedy=nearest(name, names))


def _usable(entry: Entry, kind: str, where: str) -> Any:
    if entry.trouble:
        raise InputError(f"{_SINGULAR[kind]} '{entry.name}' cannot be used", where=where, remedy=entry.trouble)
    return entry.found


def _candidates(kind: str, name: str) -> Iterator[Entry]:
    if name in _modules(kind):
        yield from _own(kind, name)
    points = _points(kind)
    if name in points:
        yield _foreign(kind, points[name])


def _modules(kind: str) -> list[str]:
    package = importlib.import_module(f"medkd.{kind}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def _points(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"medkd.{kind}")}


def _base(kind: str) -> type:
    module, _, name = _BASES[kind].partition(":")
    base: type = getattr(importlib.import_module(module), name)
    return base


def _own(kind: str, name: str) -> Iterator[Entry]:
    """A module may hold several objectives, but one cohort or modality: the one that bears the module's name."""
    path = f"medkd.{kind}.{name}"
    try:
        module = importlib.import_module(path)
        base = _base(kind)
    except Exception as error:
        yield Entry(name, "", None, _trouble(error))
        return
    for title, found in sorted(inspect.getmembers(module, inspect.isclass)):
        defined_here = found.__module__ == path or found.__module__.startswith(f"{path}.")
        if not defined_here or not issubclass(found, base) or found is base or inspect.isabstract(found):
            continue
        if kind == "objectives" and not title.startswith("_"):
            yield Entry(f"{path}.{title}", _first_line(found), found)
        elif getattr(found, "name", None) == name:
            yield Entry(name, _first_line(found), found)


def _foreign(kind: str, point: EntryPoint) -> Entry:
    try:
        found = point.load()
        base = _base(kind)
    except Exception as error:
        return Entry(point.name, "", None, _trouble(error))
    if not (inspect.isclass(found) and issubclass(found, base)):
        return Entry(point.name, "", None, f"broken: {point.value} is not a {base.__name__}")
    return Entry(point.name, _first_line(found), found)


def _trouble(error: Exception) -> str:
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing and missing != "medkd":
        return f"needs {missing}. {remedy_for(missing)}"
    return f"broken: {type(error).__name__}: {' '.join(str(error).split())}"


def _tasks() -> dict[str, Entry]:
    own = importlib.import_module("medkd.tasks").__path__
    folders = [folder for place in own for folder in sorted(Path(place).iterdir()) if (folder / RECIPE).is_file()]
    foreign = {name: _foreign_task(point) for name, point in _points("tasks").items()}
    return foreign | {folder.name: Entry(folder.name, _first_comment(folder / RECIPE), folder) for folder in folders}


def _foreign_task(point: EntryPoint) -> Entry:
    try:
        places = [Path(place) for place in getattr(point.load(), "__path__", ())]
    except Exception as error:
        return Entry(point.name, "", None, _trouble(error))
    for place in places:
        if (place / RECIPE).is_file():
            return Entry(point.name, _first_comment(place / RECIPE), place)
    return Entry(point.name, "", None, f"broken: {point.value} is not a folder with a {RECIPE}")


def _first_line(thing: Any) -> str:
    """Of its docstring, without the marks of code, which a terminal would show as they are."""
    return next(iter((inspect.getdoc(thing) or "").splitlines()), "").replace("``", "")


def _first_comment(recipe: Path) -> str:
    with recipe.open(encoding="utf-8") as lines:
        return next((line.lstrip("# ").rstrip() for line in lines if line.strip(" #\n")), "")
