"""Model page: the bundle's card with its metrics, weak subgroups and limits."""

from __future__ import annotations

import gradio as gr

from medkd.app.pages.components import Updates, pane
from medkd.app.pages.markup import markup
from medkd.app.pages.score_sentences import WEAK_SUBGROUP_NOTE, weak_subgroups
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.storage.account import Account


class ModelPage:
    """The bundle's card, the same for every account."""

    def __init__(self, context: ViewerContext) -> None:
        self._html = markup(
            "model_page",
            card=context.card,
            subgroups=weak_subgroups(context.card),
            weakness=WEAK_SUBGROUP_NOTE,
            training_samples=context.card.get("training_samples"),
        )
        with gr.Column(visible=False, elem_id="model") as self.column:
            self.card = pane()
        self.parts = [self.card]

    def show(self, account: Account) -> Updates:
        """The page for an account."""
        return {self.card: self._html}
