"""Class index: the classes of our own folders, read from their syntax trees, so that listing imports none."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = "medkd"


@dataclass(frozen=True)
class ClassSource:
    """A class as its source shows it.

    Args:
        module: dotted name of the module that defines it.
        name: its own.
        summary: first line of its docstring, without the marks of code, which a terminal would show as they are.
        constants: class attributes that are plain strings.
        abstract: whether it names ABC as a base or holds an abstract method.
        bases: names of its base classes, as written.
    """

    module: str
    name: str
    summary: str
    constants: dict[str, str]
    abstract: bool
    bases: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    """One parsed file: its classes, and what it imports at its top level."""

    name: str
    classes: dict[str, ClassSource] = field(default_factory=dict)
    origins: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Local name → module and name that it was imported from."""
    imported: list[str] = field(default_factory=list)
    """Dotted names in the order of their import."""


class ClassIndex:
    """Parsed modules of ``medkd``, each read once.

    Raises:
        SyntaxError: from every method that reads a file which is not Python.
    """

    def __init__(self) -> None:
        self._modules: dict[str, _Module | None] = {}

    def classes(self, package: str, module: str, base: str) -> Iterator[ClassSource]:
        """Classes below ``package.module`` that derive from ``base``, in alphabetical order.

        Args:
            package: dotted name of the folder.
            module: a module or a package in it; of a package, every file counts.
            base: "module:Class".
        """
        home, _, title = base.partition(":")
        modules = [self._module(name) for name in _below(package, module)]
        classes = [one for parsed in modules if parsed for one in parsed.classes.values()]
        for one in sorted(classes, key=lambda one: one.name):
            if (one.module, one.name) != (home, title) and self._derives(one, home, title, set()):
                yield one

    def missing(self, module: str) -> str | None:
        """The first package that importing a module would find missing; None if all are there."""
        for name in self._third_party(module, set()):
            if importlib.util.find_spec(name) is None:
                return name
        return None

    def _derives(self, one: ClassSource, home: str, title: str, seen: set[str]) -> bool:
        for name in one.bases:
            parent = self._resolve(one.module, name)
            if parent is None:
                # Exported from somewhere that is not a plain import: then the name decides.
                if name == title:
                    return True
            elif (parent.module, parent.name) == (home, title):
                return True
            elif f"{parent.module}:{parent.name}" not in seen:
                seen.add(f"{parent.module}:{parent.name}")
                if self._derives(parent, home, title, seen):
                    return True
        return False

    def _resolve(self, module: str, name: str) -> ClassSource | None:
        """The class that a name means in a module, through the imports of our own modules."""
        parsed = self._module(module)
        if parsed is None:
            return None
        if name in parsed.classes:
            return parsed.classes[name]
        origin = parsed.origins.get(name)
        return self._resolve(*origin) if origin and origin[0] != module else None

    def _third_party(self, module: str, seen: set[str]) -> Iterator[str]:
        """Packages that importing a module needs, through our own modules, in the order of their import."""
        parts = module.split(".")
        for name in (".".join(parts[:count]) for count in range(1, len(parts) + 1)):
            parsed = None if name in seen else self._module(name)
            seen.add(name)
            for imported in parsed.imported if parsed else ():
                if imported.partition(".")[0] == ROOT:
                    yield from self._third_party(imported, seen)
                elif imported not in seen and (package := imported.partition(".")[0]) not in sys.stdlib_module_names:
                    seen.add(imported)
                    yield package

    def _module(self, name: str) -> _Module | None:
        """A parsed module; None where no file of that name is ours."""
        if name not in self._modules:
            file = _file(name)
            self._modules[name] = None if file is None else _parsed(name, file)
        return self._modules[name]


def submodules(package: str) -> dict[str, Path]:
    """Modules and packages in a package's folders, by name, in alphabetical order."""
    paths = {}
    for folder in folders(package):
        for path in Path(folder).iterdir():
            if path.suffix == ".py" and path.stem != "__init__":
                paths[path.stem] = path
            elif (path / "__init__.py").is_file():
                paths[path.name] = path
    return dict(sorted(paths.items()))


def folders(package: str) -> list[str]:
    """Folders that a package's modules come from; empty where it is a plain module, or not there."""
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", ()))
    parent, _, name = package.rpartition(".")
    if not parent:
        return list(getattr(importlib.util.find_spec(package), "submodule_search_locations", None) or ())
    return [str(Path(folder) / name) for folder in folders(parent) if (Path(folder) / name).is_dir()]


def _file(module: str) -> Path | None:
    if module.partition(".")[0] != ROOT:
        return None
    for folder in folders(module):
        if (Path(folder) / "__init__.py").is_file():
            return Path(folder) / "__init__.py"
    parent, _, name = module.rpartition(".")
    files = (Path(folder) / f"{name}.py" for folder in (folders(parent) if parent else ()))
    return next((file for file in files if file.is_file()), None)


def _below(package: str, module: str) -> Iterator[str]:
    name = f"{package}.{module}"
    yield name
    path = submodules(package)[module]
    if path.is_dir():
        for file in sorted(path.rglob("*.py")):
            inside = file.relative_to(path).with_suffix("").parts
            if inside[-1] != "__init__":
                yield ".".join([name, *inside])


def _parsed(name: str, file: Path) -> _Module:
    module = _Module(name)
    for node in ast.parse(file.read_text(encoding="utf-8"), str(file)).body:
        if isinstance(node, ast.ClassDef):
            module.classes[node.name] = _class(name, node)
        elif isinstance(node, ast.Import):
            module.imported.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module.origins[alias.asname or alias.name] = (node.module, alias.name)
            module.imported.append(node.module)
            # A name that is imported from a package of ours may be a module of it.
            if node.module.partition(".")[0] == ROOT:
                module.imported.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return module


def _class(module: str, node: ast.ClassDef) -> ClassSource:
    bases = tuple(ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases)
    methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    marked = any(ast.unparse(mark).endswith("abstractmethod") for method in methods for mark in method.decorator_list)
    summary = next(iter((ast.get_docstring(node) or "").splitlines()), "").replace("``", "")
    return ClassSource(module, node.name, summary, dict(_constants(node)), marked or "ABC" in bases, bases)


def _constants(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for inner in node.body:
        targets = inner.targets if isinstance(inner, ast.Assign) else [getattr(inner, "target", None)]
        value = getattr(inner, "value", None)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from ((target.id, value.value) for target in targets if isinstance(target, ast.Name))
