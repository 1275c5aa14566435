"""Adjudication panel: everyone's readings of a case, and the form for the final reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.pages.components import Updates, pane
from medkd.app.pages.markup import markup
from medkd.app.pages.reading_form import format_reading, parse_reading, questions_of
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.storage.account import Account
from medkd.errors import InputError


class AdjudicationPanel:
    """The readings of all readers, and a form for the final one."""

    def __init__(self, context: ViewerContext) -> None:
        self._context = context
        target = context.bundle.target
        with gr.Column(visible=False, elem_id="settle") as self.column:
            self._readings = pane()
            self._answers = [
                gr.Radio(list(question.choices), label=f"Final reading: {question.label}", elem_classes="answer")
                for question in questions_of(target)
            ]
            self._comment = gr.Textbox(label="Comment", lines=2, max_lines=4, max_length=4000, elem_id="final-comment")
            self.button = gr.Button(
                "Store the final reading", variant="primary", elem_id="give-final", visible=bool(self._answers)
            )
        self.parts = [self.column, self._readings, *self._answers, self._comment]
        self.inputs = [*self._answers, self._comment]

    def hide(self) -> Updates:
        """Updates that hide the panel while a case is read."""
        return {self.column: gr.update(visible=False), self._readings: ""}

    def show(self, account: Account, case: int) -> Updates:
        """The panel for a case.

        Raises:
            InputError: the account is not an adjudicator's.
        """
        if not account.may("adjudicator"):
            raise InputError("only an adjudicator may settle a case", remedy="Ask an admin for the role")
        context, target = self._context, self._context.bundle.target
        key = context.case_key(case)
        final = context.reviews.adjudications().get(key.case_key)
        verdicts = {row.reader: row for row in context.reviews.verdicts() if row.case.case_key == key.case_key}
        readings = {row.reader: row for row in context.reviews.readings() if row.case.case_key == key.case_key}
        rows = [
            {
                "reader": reader,
                "reading": format_reading(target, readings[reader].reading) if reader in readings else "",
                "blinded": readings[reader].blinded if reader in readings else None,
                "agreement": verdicts[reader].agreement if reader in verdicts else "",
                "comment": verdicts[reader].comment if reader in verdicts else "",
            }
            for reader in sorted({*readings, *verdicts})
        ]
        readings_html = markup(
            "adjudication", rows=rows, final=final, words=format_reading(target, final.reading) if final else ""
        )
        stored: Mapping[str, str] = final.reading if final else {}
        values = [
            _chosen(question.choices, target.names[index], stored)
            for index, question in enumerate(questions_of(target))
        ]
        return {
            self.column: gr.update(visible=True),
            self._readings: readings_html,
            **{answer: gr.update(value=value) for answer, value in zip(self._answers, values, strict=True)},
            self._comment: gr.update(value=final.comment if final else ""),
        }

    def store(self, account: Account, case: int, inputs: Mapping[Any, Any]) -> Updates:
        """Store the final reading."""
        reading = parse_reading(self._context.bundle.target, [inputs[answer] for answer in self._answers])
        self._context.reviews.adjudicate(
            self._context.case_key(case), account, reading, comment=inputs[self._comment] or ""
        )
        return self.show(account, case)


def _chosen(choices: tuple[tuple[str, str], ...], name: str, stored: Mapping[str, str]) -> str | None:
    values = [value for _, value in choices]
    if stored.get(name) in values:
        return stored[name]
    # The answer to a question with exclusive classes is the class that is present.
    return next(
        (known for known, answer in stored.items() if answer == "yes" and known in values), "unsure" if stored else None
    )
