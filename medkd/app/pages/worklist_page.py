"""Work list page: search, filter, order, and the reader's progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.cases.table import OK
from medkd.app.cases.worklist import SORTS, STATUSES, Worklist
from medkd.app.pages.components import HANDLER, Updates, pane
from medkd.app.pages.markup import markup
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.storage.account import Account

PAGE_SIZE = 25
_SHOW = {"read by me": "Read by me", "disagree": "I disagree", "abstains": "Model abstains"}
_ORDER = {
    "case": "Case number",
    "uncertainty": "Most uncertain first",
    "drift": "Most drifted first",
    "disagreement": "Most disagreement first",
}
_TONES = {"": "", "read": "accent", "agree": "good", "disagree": "bad", "unsure": "warn"}
_MAX_CLASS_ORDERS = 6
"""Number of classes up to which the list can be sorted by each."""


class WorklistPage:
    """The work list.

    In blinded mode the model's output for an unread case is not shown, and no filter or order uses it (see
    ``medkd.app.cases.worklist``): sorted by uncertainty, the cases that the reader has read are in that order, and the
    others follow by number.
    """

    def __init__(self, context: ViewerContext) -> None:
        self._context = context
        names = context.bundle.target.names
        shown = [(_SHOW.get(name, name.capitalize()), name) for name in STATUSES]
        orders = [(_ORDER[name], name) for name in SORTS]
        if len(names) <= _MAX_CLASS_ORDERS:
            orders += [(f"Highest {name} first", f"p_cal_{name}") for name in names]
        with gr.Column(elem_id="list") as self.column:
            with gr.Row(elem_id="tools"):
                hint = "case number or patient"
                self._search = gr.Textbox(
                    label="Search", placeholder=hint, elem_id="search", max_length=100, scale=0, min_width=230
                )
                self._status = gr.Radio(shown, value=STATUSES[0], label="Show", elem_id="status", scale=1)
                self._sort = gr.Dropdown(
                    orders, value=SORTS[0], label="Order", filterable=False, elem_id="sort", scale=0, min_width=230
                )
            self._page = gr.Textbox("1", visible="hidden", show_label=False, elem_id="page-number")
            self._head = pane()
            self._table = pane()
            pane(markup("list_foot"))
        self.inputs = [self._search, self._status, self._sort, self._page]
        self.parts = [self._page, self._head, self._table]

        def changed(inputs: dict[Any, Any], request: gr.Request) -> Updates:
            return self.show(context.account(request.username), inputs, page=1)

        for listen in (self._search.change, self._status.input, self._sort.input):
            listen(changed, set(self.inputs), self.parts, **HANDLER)

    def show(self, account: Account, inputs: Mapping[Any, Any], page: int | None = None) -> Updates:
        """The page for an account.

        Args:
            inputs: values of search, filter, order and page number.
            page: replaces the page number of ``inputs``, from 1; a number past the end is the last page.
        """
        current = str(inputs[self._page])
        number = page or (int(current) if current.isascii() and current.isdigit() else 1)
        rows, total = self._list(account).page(page=number, size=PAGE_SIZE, **self._query(account, inputs))
        pages = max(1, math.ceil(total / PAGE_SIZE))
        number = min(max(number, 1), pages)
        first = (number - 1) * PAGE_SIZE + 1 if total else 0
        return {
            self._page: str(number),
            self._head: self._progress(
                account, page=number, pages=pages, total=total, first=first, last=min(number * PAGE_SIZE, total)
            ),
            self._table: markup(
                "list_table", rows=[self._row_values(row) for row in rows], names=self._context.bundle.target.names
            ),
        }

    def head(self, account: Account, case: int, inputs: Mapping[Any, Any]) -> str:
        """The line above a case: its name, the reader's progress with it, and its neighbours in the list."""
        row = self._context.cases.row(case)
        order = self._order(account, inputs)
        index = order.index(case) if case in order else None
        mine = self._context.reviews.progress_of(account.name).get(row["sample_id"], "")
        words, tone = _state(row["status"], mine)
        return markup(
            "case_head",
            number=case,
            name=row["pseudonym"],
            identifier=row["sample_id"] if account.identifiers else "",
            words=words,
            tone=tone,
            place=f"{index + 1} of {len(order)}" if index is not None else "not in the filtered list",
            previous=_neighbour(order, index, -1),
            next=_neighbour(order, index, 1),
        )

    def next_of(self, account: Account, case: int, inputs: Mapping[Any, Any]) -> int | None:
        """The next case in the list, None at its end; to be called before a verdict, which may remove ``case``."""
        order = self._order(account, inputs)
        return _neighbour(order, order.index(case) if case in order else None, 1)

    def _order(self, account: Account, inputs: Mapping[Any, Any]) -> list[int]:
        return self._list(account).order(**self._query(account, inputs))

    def _list(self, account: Account) -> Worklist:
        everyone = account.may("adjudicator")
        progress = self._context.reviews.progress_by_case(None if everyone else account.name)
        return Worklist(self._context.cases, progress, blinded=self._context.blinded)

    def _query(self, account: Account, inputs: Mapping[Any, Any]) -> dict[str, Any]:
        return {
            "search": str(inputs[self._search] or ""),
            "status": inputs[self._status] or STATUSES[0],
            "sort": inputs[self._sort] or SORTS[0],
            "reader": account.name,
            "identifiers": account.identifiers,
            "everyone": account.may("adjudicator"),
        }

    def _row_values(self, row: dict[str, Any]) -> dict[str, Any]:
        words, tone = _state(row["status"], row["mine"])
        scores = [row[f"p_cal_{name}"] for name in self._context.bundle.target.names]
        has_probabilities = self._context.bundle.target.kind in ("binary", "multilabel", "multiclass")
        hidden = self._context.blinded and not row["mine"]
        return {**row, "words": words, "tone": tone, "scores": scores, "probable": has_probabilities, "hidden": hidden}

    def _progress(self, account: Account, **position: int) -> str:
        status = self._context.cases.table["status"]
        scored = int((status == OK).sum())
        read = len(self._context.reviews.progress_of(account.name))
        return markup(
            "list_head", read=read, scored=scored, aside=len(status) - scored, blinded=self._context.blinded, **position
        )


def _state(status: str, mine: str) -> tuple[str, str]:
    """Label of a case's state in the list, and its CSS class."""
    return (status, "warn") if status != OK else (mine or "unread", _TONES[mine])


def _neighbour(order: list[int], index: int | None, step: int) -> int | None:
    """The case ``step`` places further; from a case that the filter excludes, the list's first."""
    if index is None:
        return order[0] if order and step > 0 else None
    return order[index + step] if 0 <= index + step < len(order) else None
