"""Accounts page, for admins: add, change and remove accounts."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from medkd.app.pages.components import HANDLER, Updates, pane
from medkd.app.pages.markup import markup
from medkd.app.pages.viewer_context import ViewerContext
from medkd.app.storage.account import ROLES, Account
from medkd.errors import InputError


class AccountsPage:
    """The table of accounts, and the form that changes them."""

    def __init__(self, context: ViewerContext) -> None:
        self._context = context
        with gr.Column(visible=False, elem_id="accounts") as self.column:
            self._table = pane()
            self._notice = pane()
            with gr.Row(elem_id="account-form") as self._form:
                self._name = gr.Textbox(
                    label="Name",
                    info="1 to 32 of a-z, 0-9, dot, hyphen, underscore",
                    max_length=32,
                    elem_id="account-name",
                )
                self._role = gr.Radio(
                    ROLES,
                    value=ROLES[0],
                    label="Role",
                    info="Each may do what those before it may",
                    elem_id="account-role",
                )
                self._identifiers = gr.Checkbox(label="Sees patients' identifiers", elem_id="account-identifiers")
            with gr.Row(elem_id="account-acts") as acts:
                for title, act in (
                    ("Add account", self._add),
                    ("Change role", self._change),
                    ("New password", self._reset),
                    ("Remove account", self._remove),
                ):
                    button = gr.Button(
                        title, variant="primary" if act == self._add else "secondary", scale=0, min_width=140
                    )
                    button.click(
                        self._handler_of(act),
                        [self._name, self._role, self._identifiers],
                        [self._table, self._notice],
                        **HANDLER,
                    )
        self.parts = [self._table, self._notice, self._form, acts]
        self._acts = acts

    def show(self, account: Account) -> Updates:
        """The page for an account.

        Raises:
            InputError: the account is not an admin's.
        """
        _require_admin(account)
        return {self._table: self._table_html(), self._notice: ""}

    def _table_html(self) -> str:
        return markup("accounts_table", accounts=self._context.accounts.all())

    def _handler_of(
        self, act: Callable[[Account, str, str, bool], str]
    ) -> Callable[[str, str, bool, gr.Request], Updates]:
        def handler(name: str, role: str, identifiers: bool, request: gr.Request) -> Updates:
            try:
                admin = self._context.account(request.username)
                _require_admin(admin)
                notice = markup("notice", tone="good", text=act(admin, name.strip(), role, identifiers))
            except InputError as error:
                return {self._notice: markup("notice", tone="bad", text=str(error))}
            return {self._notice: notice, self._table: self._table_html()}

        return handler

    def _add(self, admin: Account, name: str, role: str, identifiers: bool) -> str:
        password = self._context.accounts.add(name, None, role, identifiers, by=admin.name)
        once = f"Its first password, shown once: {password} (it must be changed at the first login)"
        return f"Account '{name}' is there. {once}"

    def _change(self, admin: Account, name: str, role: str, identifiers: bool) -> str:
        self._context.accounts.change(name, role, identifiers, by=admin.name)
        return f"'{name}' is {role} now and sees {'identifiers' if identifiers else 'pseudonyms'}"

    def _reset(self, admin: Account, name: str, _role: str, _identifiers: bool) -> str:
        password = self._context.accounts.reset_password(name, by=admin.name)
        return f"New password of '{name}', shown once: {password} (it must be changed at the next login)"

    def _remove(self, admin: Account, name: str, _role: str, _identifiers: bool) -> str:
        self._context.accounts.remove(name, by=admin.name)
        return f"Account '{name}' was removed; what it wrote stays"


def _require_admin(account: Account) -> None:
    if not account.may("admin"):
        raise InputError("only an admin may see accounts", remedy="Ask one")
