"""Case page: the signal, the reader's own reading, then the model's output and the verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from medkd.app.cases.table import OK
from medkd.app.pages.adjudication_panel import AdjudicationPanel
from medkd.app.pages.components import HANDLER, Updates, pane, plot_data, width_of
from medkd.app.pages.markup import markup
from medkd.app.pages.model_output import model_output_figure, model_output_html
from medkd.app.pages.reading_form import format_reading, parse_reading, questions_of
from medkd.app.pages.signal_view import SignalView
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.pages.worklist_page import WorklistPage
from medkd.app.storage.account import Account
from medkd.app.storage.records import AGREEMENTS
from medkd.errors import InputError

_PANEL_WIDTH, _SCORE_WIDTH = 464, 374
"""Pixels: width of the panel beside the signal, and of the model's figure in it."""


class CasePage:
    """One case; ``worklist`` determines which one is next."""

    def __init__(self, context: ViewerContext, worklist: WorklistPage) -> None:
        self._context = context
        self._worklist = worklist
        with gr.Column(visible=False, elem_id="case") as self.column:
            self._number = gr.Textbox(visible="hidden", elem_id="number", show_label=False)
            self._head = pane()
            with gr.Row(elem_id="case-columns"):
                with gr.Column(elem_id="signal"):
                    self._signal = SignalView(context)
                with gr.Column(elem_id="panel"):
                    self._build_panel()
            self._hints = pane()
        self.parts = [self._number, self._head, *self._signal.parts, self._notice, self._reading_form, *self._answers]
        self.parts += [self._model, self._reading, self._score, self._score_text]
        self.parts += [self._verdict, self._agreement, self._comment, *self._adjudication.parts, self._hints]
        self._wire()

    def _build_panel(self) -> None:
        self._notice = pane()
        with gr.Column(visible=False, elem_id="asked") as self._reading_form:
            pane(markup("case_question", rule=self._context.bundle.target.rule))
            self._answers = [
                gr.Radio(list(question.choices), label=question.label, elem_classes="answer")
                for question in questions_of(self._context.bundle.target)
            ]
            self._give_reading = gr.Button("Submit my reading", variant="primary", elem_id="give-reading")
        with gr.Column(visible=False, elem_id="model-view") as self._model:
            self._reading = pane()
            self._score = gr.Plot(show_label=False, container=False)
            self._score_text = pane()
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
        self._adjudication = AdjudicationPanel(self._context)

    def _wire(self) -> None:
        answers: set[gr.blocks.Block] = {self._number, *self._answers, *self._worklist.inputs}

        def read(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._context.account(request.username)
            return self._notice_errors(lambda: self._read(account, inputs))

        def judge(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._context.account(request.username)
            return self._notice_errors(lambda: self._judge(account, inputs, width_of(request)))

        def settle(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._context.account(request.username)
            return self._notice_errors(lambda: self._adjudicate(account, inputs))

        def drawn(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            account = self._context.account(request.username)
            case = int(inputs[self._number])
            return self._signal.redraw(
                case, inputs, width_of(request) - _PANEL_WIDTH, seen=self._may_see_model(case, account)
            )

        self._give_reading.click(read, answers, self.parts, **HANDLER)
        judged: set[gr.blocks.Block] = {self._number, self._agreement, self._comment, *self._worklist.inputs}
        self._give_verdict.click(judge, judged, self.parts, **HANDLER)
        self._adjudication.button.click(settle, {self._number, *self._adjudication.inputs}, self.parts, **HANDLER)
        for listen in self._signal.changes:
            listen(drawn, {self._number, *self._signal.controls}, self._signal.parts, **HANDLER)

    def show(self, account: Account, case: int, inputs: Mapping[Any, Any], width: int) -> Updates:
        """The page for an account; the case is recorded as opened.

        Args:
            inputs: search, filter and order of the work list.
            width: of the window, pixels.

        Raises:
            InputError: there is no such case.
        """
        row = self._context.cases.row(case)
        self._context.audit.append(account.name, "case opened", case=row["pseudonym"])
        self._context.stopwatch.start(account.name, case)
        return {
            self._number: str(case),
            **self._signal.show(
                case, width - _PANEL_WIDTH, seen=row["status"] == OK and self._may_see_model(case, account)
            ),
            **{answer: gr.update(value=None) for answer in self._answers},
            **self._state(account, case, inputs),
        }

    def show_adjudication(self, account: Account, case: int, inputs: Mapping[Any, Any], width: int) -> Updates:
        """The page for adjudication: everyone's readings, the model's output, and a form for the final reading.

        Arguments are those of ``show``.

        Raises:
            InputError: there is no such case, or the account is not an adjudicator's.
        """
        panel = self._adjudication.show(account, case)
        page = self.show(account, case, inputs, width)
        self._context.reviews.mark_shown(self._context.case_key(case), account.name)
        return {
            **page,
            **panel,
            **self._model_shown(case),
            **self._signal.model_controls(self._context.cases.row(case)["status"] == OK),
            self._reading_form: gr.update(visible=False),
            self._verdict: gr.update(visible=False),
            self._hints: markup("case_hints", doing="settle"),
        }

    def _may_see_model(self, case: int, account: Account) -> bool:
        return self._context.reviews.may_see_model(
            self._context.case_key(case).case_key, account.name, self._context.blinded
        )

    def _state(self, account: Account, case: int, inputs: Mapping[Any, Any], notice: str = "") -> Updates:
        """Head, panel and hints, derived from what is stored."""
        context = self._context
        row, key = context.cases.row(case), context.case_key(case)
        scored = row["status"] == OK
        seen = scored and self._may_see_model(case, account)
        verdict = context.reviews.verdict_of(key.case_key, account.name) if seen else None
        reading = context.reviews.reading_of(key.case_key, account.name)
        if seen:
            context.reviews.mark_shown(key, account.name)
        if not scored:
            notice = markup("notice", tone="warn", text=f"Set aside, so the model says nothing: {row['reason']}")
        return {
            self._head: self._worklist.head(account, case, inputs),
            self._notice: notice,
            self._reading_form: gr.update(visible=scored and not seen),
            **(self._model_shown(case) if seen else self._model_hidden()),
            self._reading: markup("case_reading", words=format_reading(context.bundle.target, reading.reading))
            if reading
            else "",
            **self._adjudication.hide(),
            self._verdict: gr.update(visible=seen),
            self._agreement: gr.update(value=verdict.agreement if verdict else None),
            self._comment: gr.update(value=verdict.comment if verdict else ""),
            self._hints: markup("case_hints", doing="judge" if seen else "read" if scored else ""),
        }

    def _model_hidden(self) -> Updates:
        return {self._model: gr.update(visible=False), self._score: None, self._score_text: ""}

    def _model_shown(self, case: int) -> Updates:
        if self._context.cases.row(case)["status"] != OK:
            return self._model_hidden()
        return {
            self._model: gr.update(visible=True),
            self._score: plot_data(model_output_figure(self._context, case, _SCORE_WIDTH)),
            self._score_text: model_output_html(self._context, case),
        }

    def _read(self, account: Account, inputs: Mapping[Any, Any]) -> Updates:
        case = int(inputs[self._number])
        reading = parse_reading(self._context.bundle.target, [inputs[answer] for answer in self._answers])
        seconds = self._context.stopwatch.elapsed(account.name, case)
        self._context.reviews.store_reading(
            self._context.case_key(case), account.name, reading, seconds=seconds, model=self._context.model_output(case)
        )
        self._context.stopwatch.start(account.name, case)
        return {**self._state(account, case, inputs), **self._signal.model_controls(True)}

    def _adjudicate(self, account: Account, inputs: Mapping[Any, Any]) -> Updates:
        stored = self._adjudication.store(account, int(inputs[self._number]), inputs)
        return {**stored, self._notice: markup("notice", tone="good", text="Stored.")}

    def _judge(self, account: Account, inputs: Mapping[Any, Any], width: int) -> Updates:
        case = int(inputs[self._number])
        agreement = inputs[self._agreement]
        if agreement is None:
            raise InputError("choose agree, disagree or unsure first")
        seconds = self._context.stopwatch.elapsed(account.name, case)
        next_case = self._worklist.next_of(account, case, inputs)
        self._context.reviews.store_verdict(
            self._context.case_key(case), account.name, agreement, comment=inputs[self._comment] or "", seconds=seconds,
            model=self._context.model_output(case), blinded=self._context.blinded,
        )  # fmt: skip
        if next_case is None:
            return self._state(
                account, case, inputs, markup("notice", tone="good", text="Saved. This was the last case of the list.")
            )
        return {
            **self.show(account, next_case, inputs, width),
            self._notice: markup("notice", tone="good", text=f"Case {case}: saved."),
        }

    def _notice_errors(self, action: Callable[[], Updates]) -> Updates:
        try:
            return action()
        except InputError as error:
            return {self._notice: markup("notice", tone="bad", text=str(error))}
