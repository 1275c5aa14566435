"""What an adjudicator sees of a case that readers differ on, and the reading that settles it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.pages.context import Desk
from medkd.app.pages.event import Updates
from medkd.app.pages.markup import markup, pane
from medkd.app.pages.question import fields_of, reading_of, words_of
from medkd.app.storage.account import Account
from medkd.errors import InputError


class SettlePanel:
    """The readings of all readers, and a form for the final one.

    Args:
        desk: whose cases.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        target = desk.bundle.target
        with gr.Column(visible=False, elem_id="settle") as self.column:
            self._said = pane()
            self._answers = [
                gr.Radio(list(field.choices), label=f"Final reading: {field.label}", elem_classes="answer")
                for field in fields_of(target)
            ]
            self._comment = gr.Textbox(label="Comment", lines=2, max_lines=4, max_length=4000, elem_id="final-comment")
            self.button = gr.Button(
                "Store the final reading", variant="primary", elem_id="give-final", visible=bool(self._answers)
            )
        self.parts = [self.column, self._said, *self._answers, self._comment]
        self.inputs = [*self._answers, self._comment]

    def hidden(self) -> Updates:
        """Where a case is read, not settled."""
        return {self.column: gr.update(visible=False), self._said: ""}

    def opened(self, account: Account, case: int) -> Updates:
        """What is shown to an adjudicator.

        Raises:
            InputError: the account is none's.
        """
        if not account.may("adjudicator"):
            raise InputError("only an adjudicator may settle a case", remedy="Ask an admin for the role")
        desk, target = self._desk, self._desk.bundle.target
        key = desk.key(case)
        final = desk.verdicts.adjudications().get(key.case_key)
        verdicts = {row.reader: row for row in desk.verdicts.verdicts() if row.case.case_key == key.case_key}
        readings = {row.reader: row for row in desk.verdicts.readings() if row.case.case_key == key.case_key}
        rows = [
            {
                "reader": reader,
                "reading": words_of(target, readings[reader].reading) if reader in readings else "",
                "blinded": readings[reader].blinded if reader in readings else None,
                "agreement": verdicts[reader].agreement if reader in verdicts else "",
                "comment": verdicts[reader].comment if reader in verdicts else "",
            }
            for reader in sorted({*readings, *verdicts})
        ]
        told = markup("settle", rows=rows, final=final, words=words_of(target, final.reading) if final else "")
        stored: Mapping[str, str] = final.reading if final else {}
        values = [_value(field.choices, target.names[place], stored) for place, field in enumerate(fields_of(target))]
        return {
            self.column: gr.update(visible=True),
            self._said: told,
            **{answer: gr.update(value=value) for answer, value in zip(self._answers, values, strict=True)},
            self._comment: gr.update(value=final.comment if final else ""),
        }

    def settle(self, account: Account, case: int, inputs: Mapping[Any, Any]) -> Updates:
        """Store the final reading."""
        reading = reading_of(self._desk.bundle.target, [inputs[answer] for answer in self._answers])
        self._desk.verdicts.adjudicate(self._desk.key(case), account, reading, comment=inputs[self._comment] or "")
        return self.opened(account, case)


def _value(choices: tuple[tuple[str, str], ...], name: str, stored: Mapping[str, str]) -> str | None:
    values = [value for _, value in choices]
    if stored.get(name) in values:
        return stored[name]
    # Of exclusive classes the question's answer is the class that was called present.
    return next(
        (known for known, answer in stored.items() if answer == "yes" and known in values), "unsure" if stored else None
    )
