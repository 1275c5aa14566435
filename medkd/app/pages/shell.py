"""Shell of the viewer: the bar on top, and below it one of five pages at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from medkd.app.pages.accounts_page import AccountsPage
from medkd.app.pages.agreement_page import AgreementPage
from medkd.app.pages.case_page import CasePage
from medkd.app.pages.components import HANDLER, Updates, pane, width_of
from medkd.app.pages.markup import markup
from medkd.app.pages.model_page import ModelPage
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.pages.worklist_page import WorklistPage
from medkd.app.storage.account import Account
from medkd.errors import InputError

TITLES = {"list": "Work list", "model": "Model", "agreement": "Agreement", "accounts": "Accounts"}


def build_pages(context: ViewerContext) -> gr.Blocks:
    """All pages with their handlers.

    The page in sight follows one command, written by ``keys.js`` into a hidden field: ``list``, ``page 3``,
    ``case 12``, ``settle 12``, ``model``, ``agreement``, ``accounts``; at the start it is read from the address
    (``/?case=12``), which holds nothing else. No page keeps state on the server between two requests, so readers
    continue where they were after a restart.
    """
    blocks = gr.Blocks(analytics_enabled=False, title="medkd", fill_width=True)
    with blocks:
        top = pane(elem_id="top")
        command_field = gr.Textbox(elem_id="say", show_label=False)
        notice = pane(elem_id="notice", visible=False)
        worklist = WorklistPage(context)
        case = CasePage(context, worklist)
        others: Mapping[str, Any] = {
            "model": ModelPage(context),
            "agreement": AgreementPage(context),
            "accounts": AccountsPage(context),
        }
        columns = {
            "list": worklist.column,
            "case": case.column,
            **{name: other.column for name, other in others.items()},
        }

        def follow(
            command: str, account: Account, inputs: Mapping[gr.components.Component, Any], width: int
        ) -> Updates:
            word, _, rest = command.partition(" ")
            page, updates = "list", {}
            try:
                if word in ("case", "settle"):
                    show = case.show if word == "case" else case.show_adjudication
                    page, updates = "case", show(account, _number(rest), inputs, width)
                elif word in others:
                    page, updates = word, others[word].show(account)
                else:
                    updates = worklist.show(account, inputs, page=_number(rest) if word == "page" else None)
                message = gr.update(visible=False, value="")
            except InputError as error:
                page, updates = "list", worklist.show(account, inputs)
                message = gr.update(visible=True, value=markup("notice", tone="bad", text=str(error)))
            bar = markup("top", **_bar(context, account, page))
            return {
                top: bar,
                notice: message,
                **{column: gr.update(visible=name == page) for name, column in columns.items()},
                **updates,
            }

        outputs = [
            top,
            notice,
            *columns.values(),
            *worklist.parts,
            *case.parts,
            *(part for other in others.values() for part in other.parts),
        ]

        def commanded(inputs: dict[gr.components.Component, Any], request: gr.Request) -> Updates:
            return follow(
                str(inputs[command_field]).partition(";")[0],
                context.account(request.username),
                inputs,
                width_of(request),
            )

        def loaded(inputs: dict[gr.components.Component, Any], request: gr.Request) -> Updates:
            query = request.query_params
            command = next(
                (f"{word} {query[word]}" for word in ("case", "settle") if word in query),
                str(query.get("view", "list")),
            )
            return follow(command, context.account(request.username), inputs, width_of(request))

        command_field.change(commanded, {command_field, *worklist.inputs}, outputs, **HANDLER)
        blocks.load(loaded, {command_field, *worklist.inputs}, outputs, **HANDLER)
    return blocks


def _bar(context: ViewerContext, account: Account, page: str) -> dict[str, Any]:
    card = context.card
    titles = {name: title for name, title in TITLES.items() if name != "accounts" or account.may("admin")}
    return {
        "about": f"{card['task']}: {', '.join(context.bundle.target.names)} from {context.bundle.view}",
        "intended_use": card["intended_use"],
        "account": account,
        "pages": list(titles.items()),
        "here": page,
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError("there is no such case", remedy="Open one from the work list")
    return int(text)
