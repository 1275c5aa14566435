"""Where a synthetic cohort lies: written once, and never over anything else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medkd.data.io.atomic import write_json, writing_folder
from medkd.errors import InputError


def written_once(root: Path, name: str, settings: Any, write: Callable[[Path], None]) -> Path:
    """Write a synthetic cohort below ``root``, whole or not at all.

    One of the same settings that is there already is left as it is.

    Args:
        root: a folder that does not exist, is empty, or holds another cohort of that name (which is replaced).
        name: of the cohort; ``root/NAME.json`` holds the settings.
        settings: a dataclass of plain values.
        write: writes the cohort into a folder.

    Raises:
        InputError: ``root`` holds something else.
    """
    root, held = Path(root), dataclasses.asdict(settings)
    record = root / f"{name}.json"
    if record.is_file() and json.loads(record.read_text(encoding="utf-8")) == held:
        return root
    if root.exists() and not record.is_file() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(
            f"{root} holds something that is no {name}", where="--root", remedy="Name an empty or a new folder"
        )
    with writing_folder(root) as folder:
        write(folder)
        write_json(folder / record.name, held)
    return root
