"""The viewer as one page: the line on top, and below it one of five pages at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.pages.accounts_page import AccountsPage
from medkd.app.pages.agreement_page import AgreementPage
from medkd.app.pages.case_page import CasePage
from medkd.app.pages.context import Desk
from medkd.app.pages.event import HANDLER, Updates, width_of
from medkd.app.pages.markup import markup, pane
from medkd.app.pages.model_page import ModelPage
from medkd.app.pages.worklist_page import WorkListPage
from medkd.app.storage.account import Account
from medkd.errors import InputError

TITLES = {"list": "Work list", "model": "Model", "agreement": "Agreement", "accounts": "Accounts"}


def build(desk: Desk) -> gr.Blocks:
    """All pages, wired.

    What is shown follows one command, written by ``keys.js`` into a hidden field: ``list``, ``page 3``, ``case 12``,
    ``model``, ``agreement``, ``accounts``; at the start it is read from the address (``/?case=12``), which holds
    nothing else. No page keeps anything on the server between two requests, so a server that was killed and started
    again goes on where it was.

    Args:
        desk: what they show.
    """
    blocks = gr.Blocks(analytics_enabled=False, title="medkd", fill_width=True)
    with blocks:
        top = pane(elem_id="top")
        say = gr.Textbox(elem_id="say", show_label=False)
        notice = pane(elem_id="notice", visible=False)
        worklist = WorkListPage(desk)
        case = CasePage(desk, worklist)
        others: Mapping[str, Any] = {
            "model": ModelPage(desk),
            "agreement": AgreementPage(desk),
            "accounts": AccountsPage(desk),
        }
        columns = {"list": worklist.column, "case": case.column, **{name: page.column for name, page in others.items()}}

        def follow(
            command: str, account: Account, inputs: Mapping[gr.components.Component, Any], width: int
        ) -> Updates:
            word, _, rest = command.partition(" ")
            here, shown = "list", {}
            try:
                if word in ("case", "settle"):
                    act = case.opened if word == "case" else case.settling
                    here, shown = "case", act(account, _number(rest), inputs, width)
                elif word in others:
                    here, shown = word, others[word].opened(account)
                else:
                    shown = worklist.opened(account, inputs, page=_number(rest) if word == "page" else None)
                told = gr.update(visible=False, value="")
            except InputError as error:
                shown, here = worklist.opened(account, inputs), "list"
                told = gr.update(visible=True, value=markup("notice", tone="bad", text=str(error)))
            bar = markup("top", **_bar(desk, account, here))
            return {
                top: bar,
                notice: told,
                **{column: gr.update(visible=name == here) for name, column in columns.items()},
                **shown,
            }

        outputs = [
            top,
            notice,
            *columns.values(),
            *worklist.parts,
            *case.parts,
            *(part for page in others.values() for part in page.parts),
        ]

        def said(inputs: dict[gr.components.Component, Any], request: gr.Request) -> Updates:
            return follow(str(inputs[say]).partition(";")[0], desk.account(request.username), inputs, width_of(request))

        def loaded(inputs: dict[gr.components.Component, Any], request: gr.Request) -> Updates:
            query = request.query_params
            command = next(
                (f"{word} {query[word]}" for word in ("case", "settle") if word in query),
                str(query.get("view", "list")),
            )
            return follow(command, desk.account(request.username), inputs, width_of(request))

        say.change(said, {say, *worklist.inputs}, outputs, **HANDLER)
        blocks.load(loaded, {say, *worklist.inputs}, outputs, **HANDLER)
    return blocks


def _bar(desk: Desk, account: Account, here: str) -> dict[str, Any]:
    card = desk.card
    titles = {name: title for name, title in TITLES.items() if name != "accounts" or account.may("admin")}
    return {
        "about": f"{card['task']}: {', '.join(desk.bundle.target.names)} from {desk.bundle.view}",
        "intended_use": card["intended_use"],
        "account": account,
        "pages": list(titles.items()),
        "here": here,
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError("there is no such case", remedy="Open one from the work list")
    return int(text)
