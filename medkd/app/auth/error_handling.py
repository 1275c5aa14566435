"""Error redaction: failures are printed by kind and place alone, since a message may name a patient."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio

PUBLIC_MESSAGE = "something went wrong; what was not confirmed is not stored"
"""The message that the browser gets."""


def print_error_location(error: Exception) -> None:
    """Print kind and place of a failure to stderr, without its message."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    print(f"medkd app: {type(error).__name__} in {last.filename}:{last.lineno}", file=sys.stderr)


def redact_handler_errors(blocks: gradio.Blocks) -> None:
    """Wrap every handler of the pages, once: Gradio itself would print the traceback with its message."""
    for handler in blocks.fns.values():
        if handler.fn is not None and not hasattr(handler.fn, _MARK):
            handler.fn = _redacting(handler.fn)


_MARK = "_medkd_redacting"


def _redacting(function: Callable[..., Any]) -> Callable[..., Any]:
    import gradio as gr

    @functools.wraps(function)
    def handler(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except gr.Error:
            raise
        except Exception as error:
            print_error_location(error)
            raise gr.Error(PUBLIC_MESSAGE, print_exception=False) from None

    setattr(handler, _MARK, True)
    return handler
