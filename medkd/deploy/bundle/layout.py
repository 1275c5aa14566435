"""Names of a bundle's files, of its runtimes, and of the forms that it can be exported to.

Nothing here imports anything, so that a command's options can name them.
"""

from __future__ import annotations

from typing import Literal, get_args

OWN = ("medkd",)
"""Packages whose classes a bundle may name without being trusted."""
CONFIG, PREPROCESS, CALIBRATION, REPORT = "config.yaml", "preprocess.yaml", "calibration.json", "report.json"
DRIFT, CARD, CARD_PAGE = "drift.json", "card.json", "CARD.md"

Runtime = Literal["torch", "onnx"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
"""What computes a bundle's logits: torch from the weights, or ONNX Runtime from the graph."""

Form = Literal["huggingface", "onnx"]
FORMS: tuple[Form, ...] = get_args(Form)
"""What a bundle can be exported to."""
