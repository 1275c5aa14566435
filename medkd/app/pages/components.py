"""How handlers are attached to what a reader does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

Updates = dict[Any, Any]
"""Component → what it shows next; the others stay as they are."""
HANDLER: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "always_last",
}
"""Answered at once, in the request itself: an open connection a reader is not needed, and no name of ours is an API."""


def width_of(request: gr.Request) -> int:
    """Pixels that the reader's window is wide, as ``keys.js`` tells in a cookie.

    What cannot be is taken for a usual one.
    """
    told = request.cookies.get("width", "")
    return min(max(int(told), 800), 4000) if told.isascii() and told.isdigit() and len(told) < 6 else 1366
