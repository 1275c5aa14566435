"""What the files of a bundle are called, and what may be named in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from medkd.data.core.target import Kind, Target
from medkd.errors import InputError

VERSION = 1
CALIBRATION_VERSION = 2
"""Since 2 it may hold the split-conformal quantiles."""
OWN = ("medkd",)
CONFIG, PREPROCESS, CALIBRATION, REPORT = "config.yaml", "preprocess.yaml", "calibration.json", "report.json"
DRIFT, CARD, CARD_PAGE = "drift.json", "card.json", "CARD.md"


def read_target(document: Any, where: str) -> Target:
    """A target from plain values.

    Raises:
        InputError: a key is missing or unknown.
    """
    keys = {field.name for field in dataclasses.fields(Target)}
    if (
        not isinstance(document, Mapping)
        or not set(document) <= keys
        or not {"key", "kind", "columns"} <= set(document)
    ):
        raise InputError("target cannot be read", where=where, remedy=f"It takes: {', '.join(sorted(keys))}")
    found = Target.from_dict(document)
    if found.kind not in get_args(Kind) or not found.columns or not isinstance(found.columns, tuple):
        raise InputError(
            "target cannot be read",
            where=where,
            remedy=f"Its kind is one of: {', '.join(get_args(Kind))}; columns is a list",
        )
    return found
