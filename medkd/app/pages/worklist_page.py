"""The work list: search, filter, order, and how far the reader is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.cases.table import OK
from medkd.app.cases.worklist import SORTS, STATUSES, WorkList
from medkd.app.pages.context import Desk
from medkd.app.pages.event import HANDLER, Updates
from medkd.app.pages.markup import markup, pane
from medkd.app.storage.account import Account

SIZE = 25
"""Cases a page."""
_SHOW = {"read by me": "Read by me", "disagree": "I disagree", "abstains": "Model abstains"}
_ORDER = {
    "case": "Case number",
    "uncertainty": "Most uncertain first",
    "drift": "Most drifted first",
    "disagreement": "Most disagreement first",
}
_TONES = {"": "", "read": "accent", "agree": "good", "disagree": "bad", "unsure": "warn"}
_FEW = 6
"""Classes, up to which each is an order of its own."""


class WorkListPage:
    """The work list.

    In blinded mode nothing of the model is shown of a case that the reader has not read, and no filter or order uses it
    either (see ``medkd.app.cases.worklist``): whoever sorts by uncertainty gets the cases that they have read in that
    order, and the others by number.

    Args:
        desk: whose cases.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        names = desk.bundle.target.names
        shown = [(_SHOW.get(name, name.capitalize()), name) for name in STATUSES]
        orders = [(_ORDER[name], name) for name in SORTS]
        if len(names) <= _FEW:
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
            return self.opened(desk.account(request.username), inputs, page=1)

        for listen in (self._search.change, self._status.input, self._sort.input):
            listen(changed, set(self.inputs), self.parts, **HANDLER)

    def opened(self, account: Account, inputs: Mapping[Any, Any], page: int | None = None) -> Updates:
        """What is shown to an account.

        Args:
            account: who reads.
            inputs: search, filter, order and page as they stand.
            page: another page, from 1; one past the end is the last.
        """
        told = str(inputs[self._page])
        wanted = page or (int(told) if told.isascii() and told.isdigit() else 1)
        rows, total = self._list(account).page(page=wanted, size=SIZE, **self._asked(account, inputs))
        pages = max(1, math.ceil(total / SIZE))
        wanted = min(max(wanted, 1), pages)
        first = (wanted - 1) * SIZE + 1 if total else 0
        return {
            self._page: str(wanted),
            self._head: self._progress(
                account, page=wanted, pages=pages, total=total, first=first, last=min(wanted * SIZE, total)
            ),
            self._table: markup(
                "list_table", rows=[self._shown(row) for row in rows], names=self._desk.bundle.target.names
            ),
        }

    def head(self, account: Account, case: int, inputs: Mapping[Any, Any]) -> str:
        """The line above a case: what it is, how far the reader is with it, and its neighbours in the list.

        Args:
            account: who reads.
            case: its number.
            inputs: search, filter and order of the list.
        """
        row = self._desk.cases.row(case)
        order = self._order(account, inputs)
        place = order.index(case) if case in order else None
        mine = self._desk.verdicts.of_reader(account.name).get(row["sample_id"], "")
        words, tone = _state(row["status"], mine)
        return markup(
            "case_head",
            number=case,
            name=row["pseudonym"],
            identifier=row["sample_id"] if account.identifiers else "",
            words=words,
            tone=tone,
            place=f"{place + 1} of {len(order)}" if place is not None else "not in the filtered list",
            previous=_neighbour(order, place, -1),
            next=_neighbour(order, place, 1),
        )

    def next_of(self, account: Account, case: int, inputs: Mapping[Any, Any]) -> int | None:
        """The case that follows in the list; None at its end.

        To be asked before the case is judged, as that may take it from the list.
        """
        order = self._order(account, inputs)
        return _neighbour(order, order.index(case) if case in order else None, 1)

    def _order(self, account: Account, inputs: Mapping[Any, Any]) -> list[int]:
        return self._list(account).order(**self._asked(account, inputs))

    def _list(self, account: Account) -> WorkList:
        everyone = account.may("adjudicator")
        states = self._desk.verdicts.by_case(None if everyone else account.name)
        return WorkList(self._desk.cases, states, blinded=self._desk.blinded)

    def _asked(self, account: Account, inputs: Mapping[Any, Any]) -> dict[str, Any]:
        return {
            "search": str(inputs[self._search] or ""),
            "status": inputs[self._status] or STATUSES[0],
            "sort": inputs[self._sort] or SORTS[0],
            "reader": account.name,
            "identifiers": account.identifiers,
            "everyone": account.may("adjudicator"),
        }

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        words, tone = _state(row["status"], row["mine"])
        scores = [row[f"p_cal_{name}"] for name in self._desk.bundle.target.names]
        probable = self._desk.bundle.target.kind in ("binary", "multilabel", "multiclass")
        hidden = self._desk.blinded and not row["mine"]
        return {**row, "words": words, "tone": tone, "scores": scores, "probable": probable, "hidden": hidden}

    def _progress(self, account: Account, **place: int) -> str:
        status = self._desk.cases.table["status"]
        scored = int((status == OK).sum())
        read = len(self._desk.verdicts.of_reader(account.name))
        return markup(
            "list_head", read=read, scored=scored, aside=len(status) - scored, blinded=self._desk.blinded, **place
        )


def _state(status: str, mine: str) -> tuple[str, str]:
    """What a case is called in the list, and its tone."""
    return (status, "warn") if status != OK else (mine or "unread", _TONES[mine])


def _neighbour(order: list[int], place: int | None, step: int) -> int | None:
    """A case beside another one; of one that the filter no longer holds, the list's first."""
    if place is None:
        return order[0] if order and step > 0 else None
    return order[place + step] if 0 <= place + step < len(order) else None
