"""The model's card: what it was measured to do, for whom less well, and its limits."""

from __future__ import annotations

import gradio as gr

from medkd.app.pages.context import Desk
from medkd.app.pages.event import Updates
from medkd.app.pages.markup import markup, pane
from medkd.app.pages.meaning import WEAKNESS, weak_subgroups
from medkd.app.storage.account import Account


class ModelPage:
    """The bundle's card.

    Args:
        desk: whose bundle.
    """

    def __init__(self, desk: Desk) -> None:
        self._html = markup(
            "model_page",
            card=desk.card,
            subgroups=weak_subgroups(desk.card),
            weakness=WEAKNESS,
            training_samples=desk.card.get("training_samples"),
        )
        with gr.Column(visible=False, elem_id="model") as self.column:
            self.card = pane()
        self.parts = [self.card]

    def opened(self, account: Account) -> Updates:
        """What is shown to an account."""
        return {self.card: self._html}
