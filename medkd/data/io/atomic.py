"""Atomic writing: under a temporary name that is renamed, so that nothing is ever half written."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medkd.errors import InputError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write a file to.

    Renamed onto it when the block ends well, removed when it does not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path``, which replaces it when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write text under a temporary name and rename it."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON, indented, keys in the order given; NaN is refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


@contextmanager
def removed_on_input_error(run: Path) -> Iterator[None]:
    """Remove ``run`` when the block ends in an ``InputError`` and did not exist before.

    A run that was interrupted, or begun earlier, stays, so that it can be continued.
    """
    created = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        yield
    except InputError:
        if run in created:
            shutil.rmtree(run, ignore_errors=True)
        for folder in created[1:]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


def written_once(root: Path, name: str, settings: Any, write: Callable[[Path], None]) -> Path:
    """Write a synthetic cohort below ``root``, whole or not at all.

    An existing one with the same settings is left as it is.

    Args:
        root: a folder that does not exist, is empty, or holds another cohort of that name (which is replaced).
        name: of the cohort; ``root/NAME.json`` holds the settings.
        settings: a dataclass of plain values.
        write: writes the cohort into a folder.

    Raises:
        InputError: ``root`` holds something else.
    """
    root, document = Path(root), dataclasses.asdict(settings)
    record = root / f"{name}.json"
    if record.is_file() and json.loads(record.read_text(encoding="utf-8")) == document:
        return root
    if root.exists() and not record.is_file() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(
            f"{root} holds something that is not a {name}", where="--root", remedy="Name an empty or a new folder"
        )
    with writing_folder(root) as folder:
        write(folder)
        write_json(folder / record.name, document)
    return root
