"""Failures, noted by where they happened alone: what they say may name a patient."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio

TOLD = "something went wrong; what was not confirmed is not stored"
"""What whoever asked is told."""


def note(error: Exception) -> None:
    """Write kind and place of a failure to the terminal, without its message."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    print(f"medkd app: {type(error).__name__} in {last.filename}:{last.lineno}", file=sys.stderr)


def quieten(blocks: gradio.Blocks) -> None:
    """Let no handler of these pages fail loudly: Gradio prints the whole traceback, message and all.

    Args:
        blocks: whose handlers are wrapped, once.
    """
    for handler in blocks.fns.values():
        if handler.fn is not None and not hasattr(handler.fn, _MARK):
            handler.fn = _quiet(handler.fn)


_MARK = "_medkd_quiet"


def _quiet(act: Callable[..., Any]) -> Callable[..., Any]:
    import gradio as gr

    @functools.wraps(act)
    def handler(*given: Any) -> Any:
        try:
            return act(*given)
        except gr.Error:
            raise
        except Exception as error:
            note(error)
            raise gr.Error(TOLD, print_exception=False) from None

    setattr(handler, _MARK, True)
    return handler
