"""One case: the signal to the left.

To the right the reader's own reading first, then the model's output and their verdict on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from medkd.app.cases.table import OK
from medkd.app.pages.context import Desk
from medkd.app.pages.event import HANDLER, Updates, width_of
from medkd.app.pages.markup import markup, pane
from medkd.app.pages.model_view import model_figure, model_view
from medkd.app.pages.plot import plot_data
from medkd.app.pages.question import fields_of, reading_of, words_of
from medkd.app.pages.settle_panel import SettlePanel
from medkd.app.pages.signal_view import SignalView
from medkd.app.pages.worklist_page import WorkListPage
from medkd.app.storage.account import Account
from medkd.app.storage.records import AGREEMENTS
from medkd.errors import InputError

_PANEL, _SCORE = 464, 374
"""Pixels that stand beside the signal, and those of the model's figure among them."""


class CasePage:
    """A case.

    Args:
        desk: whose cases.
        worklist: whose order "next" follows.
    """

    def __init__(self, desk: Desk, worklist: WorkListPage) -> None:
        self._desk = desk
        self._worklist = worklist
        with gr.Column(visible=False, elem_id="case") as self.column:
            self._number = gr.Textbox(visible="hidden", elem_id="number", show_label=False)
            self._head = pane()
            with gr.Row(elem_id="desk"):
                with gr.Column(elem_id="signal"):
                    self._signal = SignalView(desk)
                with gr.Column(elem_id="panel"):
                    self._build_panel()
            self._hints = pane()
        self.parts = [self._number, self._head, *self._signal.parts, self._told, self._asked, *self._answers]
        self.parts += [self._model, self._reading, self._score, self._meaning]
        self.parts += [self._verdict, self._agreement, self._comment, *self._settle.parts, self._hints]
        self._wire()

    def _build_panel(self) -> None:
        self._told = pane()
        with gr.Column(visible=False, elem_id="asked") as self._asked:
            pane(markup("case_question", rule=self._desk.bundle.target.rule))
            self._answers = [
                gr.Radio(list(field.choices), label=field.label, elem_classes="answer")
                for field in fields_of(self._desk.bundle.target)
            ]
            self._give_reading = gr.Button("Submit my reading", variant="primary", elem_id="give-reading")
        with gr.Column(visible=False, elem_id="model-view") as self._model:
            self._reading = pane()
            self._score = gr.Plot(show_label=False, container=False)
            self._meaning = pane()
        with gr.Column(visible=False, elem_id="verdict") as self._verdict:
            self._agreement = gr.Radio(
                [(word.capitalize(), word) for word in AGREEMENTS],
                label="Do you agree with the model?",
                elem_id="agreement",
            )
            self._comment = gr.Textbox(
                label="Comment",
                lines=2,
                max_lines=4,
                max_length=4000,
                elem_id="comment",
                placeholder="Why? (may stay empty)",
            )
            self._give_verdict = gr.Button("Save and open the next case", variant="primary", elem_id="give-verdict")
        self._settle = SettlePanel(self._desk)

    def _wire(self) -> None:
        place = [self._number, *self._answers]

        def read(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._desk.account(request.username)
            return self._guarded(lambda: self._read(account, inputs))

        def judge(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._desk.account(request.username)
            return self._guarded(lambda: self._judge(account, inputs, width_of(request)))

        def settle(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._desk.account(request.username)
            return self._guarded(lambda: self._settled(account, inputs))

        def drawn(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._desk.account(request.username)
            case = int(inputs[self._number])
            return self._signal.drawn(case, inputs, width_of(request) - _PANEL, seen=self._may_see(case, account))

        self._give_reading.click(read, {*place, *self._worklist.inputs}, self.parts, **HANDLER)
        judged: set[gr.blocks.Block] = {self._number, self._agreement, self._comment, *self._worklist.inputs}
        self._give_verdict.click(judge, judged, self.parts, **HANDLER)
        self._settle.button.click(settle, {self._number, *self._settle.inputs}, self.parts, **HANDLER)
        for listen in self._signal.changes:
            listen(drawn, {self._number, *self._signal.controls}, self._signal.parts, **HANDLER)

    def opened(self, account: Account, case: int, inputs: Mapping[Any, Any], width: int) -> Updates:
        """What is shown to an account.

        Args:
            account: who reads.
            case: its number.
            inputs: search, filter and order of the work list.
            width: of the window, pixels.

        Raises:
            InputError: there is no such case.
        """
        row = self._desk.cases.row(case)
        self._desk.audit.append(account.name, "case opened", case=row["pseudonym"])
        self._desk.stopwatch.begin(account.name, case)
        return {
            self._number: str(case),
            **self._signal.opened(case, width - _PANEL, seen=row["status"] == OK and self._may_see(case, account)),
            **{answer: gr.update(value=None) for answer in self._answers},
            **self._state(account, case, inputs),
        }

    def settling(self, account: Account, case: int, inputs: Mapping[Any, Any], width: int) -> Updates:
        """A case that an adjudicator is to settle.

        Everyone's readings and the model's output, and a form for the final reading.

        Args:
            account, case, inputs, width: as for ``opened``.

        Raises:
            InputError: there is no such case, or the account may not settle any.
        """
        panel = self._settle.opened(account, case)
        shown = self.opened(account, case, inputs, width)
        self._desk.verdicts.shown(self._desk.key(case), account.name)
        return {
            **shown,
            **panel,
            **self._model_shown(case),
            **self._signal.allowed(self._desk.cases.row(case)["status"] == OK),
            self._asked: gr.update(visible=False),
            self._verdict: gr.update(visible=False),
            self._hints: markup("case_hints", doing="settle"),
        }

    def _may_see(self, case: int, account: Account) -> bool:
        return self._desk.verdicts.may_see_model(self._desk.key(case).case_key, account.name, self._desk.blinded)

    def _state(self, account: Account, case: int, inputs: Mapping[Any, Any], told: str = "") -> Updates:
        """Head, panel and hints, as they follow from what is stored."""
        desk = self._desk
        row, key = desk.cases.row(case), desk.key(case)
        scored = row["status"] == OK
        seen = scored and self._may_see(case, account)
        verdict = desk.verdicts.verdict_of(key.case_key, account.name) if seen else None
        reading = desk.verdicts.reading_of(key.case_key, account.name)
        if seen:
            desk.verdicts.shown(key, account.name)
        if not scored:
            told = markup("notice", tone="warn", text=f"Set aside, so the model says nothing: {row['reason']}")
        return {
            self._head: self._worklist.head(account, case, inputs),
            self._told: told,
            self._asked: gr.update(visible=scored and not seen),
            **(self._model_shown(case) if seen else self._model_hidden()),
            self._reading: markup("case_reading", words=words_of(desk.bundle.target, reading.reading))
            if reading
            else "",
            **self._settle.hidden(),
            self._verdict: gr.update(visible=seen),
            self._agreement: gr.update(value=verdict.agreement if verdict else None),
            self._comment: gr.update(value=verdict.comment if verdict else ""),
            self._hints: markup("case_hints", doing="judge" if seen else "read" if scored else ""),
        }

    def _model_hidden(self) -> Updates:
        return {self._model: gr.update(visible=False), self._score: None, self._meaning: ""}

    def _model_shown(self, case: int) -> Updates:
        if self._desk.cases.row(case)["status"] != OK:
            return self._model_hidden()
        return {
            self._model: gr.update(visible=True),
            self._score: plot_data(model_figure(self._desk, case, _SCORE)),
            self._meaning: model_view(self._desk, case),
        }

    def _read(self, account: Account, inputs: Mapping[Any, Any]) -> Updates:
        case = int(inputs[self._number])
        reading = reading_of(self._desk.bundle.target, [inputs[answer] for answer in self._answers])
        seconds = self._desk.stopwatch.taken(account.name, case)
        self._desk.verdicts.reading(
            self._desk.key(case), account.name, reading, seconds=seconds, model=self._desk.output(case)
        )
        self._desk.stopwatch.begin(account.name, case)
        return {**self._state(account, case, inputs), **self._signal.allowed(True)}

    def _settled(self, account: Account, inputs: Mapping[Any, Any]) -> Updates:
        stored = self._settle.settle(account, int(inputs[self._number]), inputs)
        return {**stored, self._told: markup("notice", tone="good", text="Stored.")}

    def _judge(self, account: Account, inputs: Mapping[Any, Any], width: int) -> Updates:
        case = int(inputs[self._number])
        agreement = inputs[self._agreement]
        if agreement is None:
            raise InputError("choose agree, disagree or unsure first")
        seconds = self._desk.stopwatch.taken(account.name, case)
        following = self._worklist.next_of(account, case, inputs)
        self._desk.verdicts.verdict(
            self._desk.key(case), account.name, agreement, comment=inputs[self._comment] or "", seconds=seconds,
            model=self._desk.output(case), blinded=self._desk.blinded,
        )  # fmt: skip
        if following is None:
            return self._state(
                account, case, inputs, markup("notice", tone="good", text="Saved. This was the last case of the list.")
            )
        return {
            **self.opened(account, following, inputs, width),
            self._told: markup("notice", tone="good", text=f"Case {case}: saved."),
        }

    def _guarded(self, act: Callable[[], Updates]) -> Updates:
        try:
            return act()
        except InputError as error:
            return {self._told: markup("notice", tone="bad", text=str(error))}
