"""Who may use the viewer: an admin adds, changes and removes accounts."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from medkd.app.pages.context import Desk
from medkd.app.pages.event import HANDLER, Updates
from medkd.app.pages.markup import markup, pane
from medkd.app.storage.account import ROLES, Account
from medkd.errors import InputError


class AccountsPage:
    """The accounts, for admins.

    Args:
        desk: whose accounts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        with gr.Column(visible=False, elem_id="accounts") as self.column:
            self._table = pane()
            self._told = pane()
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
                        self._doing(act),
                        [self._name, self._role, self._identifiers],
                        [self._table, self._told],
                        **HANDLER,
                    )
        self.parts = [self._table, self._told, self._form, acts]
        self._acts = acts

    def opened(self, account: Account) -> Updates:
        """What is shown to an account.

        Raises:
            InputError: it is no admin's.
        """
        _check(account)
        return {self._table: self._rows(), self._told: ""}

    def _rows(self) -> str:
        return markup("accounts_table", accounts=self._desk.accounts.all())

    def _doing(self, act: Callable[[Account, str, str, bool], str]) -> Callable[[str, str, bool, gr.Request], Updates]:
        def handler(name: str, role: str, identifiers: bool, request: gr.Request) -> Updates:
            try:
                admin = self._desk.account(request.username)
                _check(admin)
                told = markup("notice", tone="good", text=act(admin, name.strip(), role, identifiers))
            except InputError as error:
                return {self._told: markup("notice", tone="bad", text=str(error))}
            return {self._told: told, self._table: self._rows()}

        return handler

    def _add(self, admin: Account, name: str, role: str, identifiers: bool) -> str:
        drawn = self._desk.accounts.add(name, None, role, identifiers, by=admin.name)
        return f"Account '{name}' is there. Its first password, shown once: {drawn} (it must be changed at the first login)"

    def _change(self, admin: Account, name: str, role: str, identifiers: bool) -> str:
        self._desk.accounts.change(name, role, identifiers, by=admin.name)
        return f"'{name}' is {role} now and sees {'identifiers' if identifiers else 'pseudonyms'}"

    def _reset(self, admin: Account, name: str, _role: str, _identifiers: bool) -> str:
        drawn = self._desk.accounts.reset_password(name, by=admin.name)
        return f"New password of '{name}', shown once: {drawn} (it must be changed at the next login)"

    def _remove(self, admin: Account, name: str, _role: str, _identifiers: bool) -> str:
        self._desk.accounts.remove(name, by=admin.name)
        return f"Account '{name}' was removed; what it wrote stays"


def _check(account: Account) -> None:
    if not account.may("admin"):
        raise InputError("only an admin may see accounts", remedy="Ask one")
