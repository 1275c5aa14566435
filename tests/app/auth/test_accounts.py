"""Accounts: added, authenticated, changed and removed."""

from __future__ import annotations

import pytest

from medkd.app.auth.accounts import UNKNOWN_ACTOR, Accounts, LockedOut, LoginRefused
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.errors import InputError

GOOD, OTHER = "correct horse battery", "staple the stapler once"


def actions(audit: AuditLog) -> list[tuple[str, str]]:
    return [(row.actor, row.action) for row in audit.rows()]


def test_a_name_with_its_password_is_let_in(accounts: Accounts, audit: AuditLog):
    accounts.add("ada", GOOD, "adjudicator", identifiers=True)
    assert accounts.authenticate("ada", GOOD, "10.0.0.1") == Account(
        "ada", "adjudicator", identifiers=True, must_change=False
    )
    assert actions(audit) == [("(terminal)", "account added"), ("ada", "login")]


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    "name", ["", "Ada", "a b", "a" * 33, "../x", "ada\n", "ä", "<b>", "..", "'--", "a\0b", "\ud800"]
)
def test_what_cannot_be_a_name(accounts: Accounts, name: str):
    with pytest.raises(InputError, match="cannot be an account's name"):
        accounts.add(name, GOOD, "reader")
    with pytest.raises(LoginRefused):
        accounts.authenticate(name, GOOD)


def test_a_wrong_role_is_refused_with_the_nearest(accounts: Accounts):
    with pytest.raises(InputError, match="no role 'amdin'") as caught:
        accounts.add("ada", GOOD, "amdin")
    assert caught.value.remedy == "Did you mean 'admin'?"


def test_a_wrong_password_and_an_unknown_name_are_refused_alike(accounts: Accounts, audit: AuditLog):
    accounts.add("ada", GOOD, "reader")
    refusals = []
    for name in ("ada", "nobody"):
        for _ in range(5):
            with pytest.raises(LoginRefused) as caught:
                accounts.authenticate(name, OTHER)
            refusals.append((name, type(caught.value), str(caught.value)))
        with pytest.raises(LockedOut) as locked:
            accounts.authenticate(name, OTHER)
        refusals.append((name, type(locked.value), str(locked.value)))
    assert [row[1:] for row in refusals[:6]] == [row[1:] for row in refusals[6:]]
    assert actions(audit)[1:] == [("ada", "login refused")] * 5 + [("ada", "locked out")] + [
        (UNKNOWN_ACTOR, "login refused")
    ] * 5 + [(UNKNOWN_ACTOR, "locked out")]
    assert "nobody" not in "".join(row.details for row in audit.rows())


def test_the_first_admin_is_made_once_with_a_password_that_must_be_changed(accounts: Accounts):
    made = accounts.create_first_admin()
    assert made is not None
    assert accounts.authenticate(*made) == Account("admin", "admin", identifiers=True, must_change=True)
    assert accounts.create_first_admin() is None


def test_the_first_admins_password_may_come_from_the_environment(accounts: Accounts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEDKD_APP_PASSWORD", GOOD)
    assert accounts.create_first_admin() is None
    assert accounts.authenticate("admin", GOOD).must_change is False


def test_a_changed_password_replaces_the_old_one_and_ends_every_session(accounts: Accounts, database: Database, clock):
    password = accounts.add("ada", None, "reader")
    sessions = Sessions(database, clock)
    tokens = [sessions.open("ada") for _ in range(2)]
    with pytest.raises(LoginRefused, match="current password is wrong"):
        accounts.change_password("ada", OTHER, GOOD)
    with pytest.raises(InputError, match="12 characters"):
        accounts.change_password("ada", password, "short")
    assert [sessions.name_of(token) for token in tokens] == ["ada", "ada"]
    accounts.change_password("ada", password, GOOD)
    assert [sessions.name_of(token) for token in tokens] == [None, None]
    assert accounts.authenticate("ada", GOOD).must_change is False
    with pytest.raises(LoginRefused):
        accounts.authenticate("ada", password)


def test_a_removed_account_is_shut_and_its_name_is_not_given_again(accounts: Accounts, database: Database, clock):
    accounts.add("boss", GOOD, "admin")
    accounts.add("ada", GOOD, "reader")
    token = Sessions(database, clock).open("ada")
    accounts.remove("ada", by="boss")
    assert accounts.account("ada") is None
    assert Sessions(database, clock).name_of(token) is None
    with pytest.raises(LoginRefused):
        accounts.authenticate("ada", GOOD)
    with pytest.raises(InputError, match="was removed"):
        accounts.add("ada", GOOD, "reader")
    with pytest.raises(InputError, match="there is no account 'ada'"):
        accounts.remove("ada")


def test_the_last_admin_stays(accounts: Accounts):
    accounts.add("boss", GOOD, "admin")
    with pytest.raises(InputError, match="only admin"):
        accounts.remove("boss")
    with pytest.raises(InputError, match="only admin"):
        accounts.change("boss", "reader", identifiers=False)
    accounts.add("deputy", GOOD, "admin")
    accounts.change("boss", "reader", identifiers=False)
    assert accounts.account("boss") == Account("boss", "reader")


def test_an_account_of_a_proxy_has_no_password(accounts: Accounts):
    assert accounts.proxy_account("ada", None) is None
    assert accounts.proxy_account("ada", "reader") == Account("ada", "reader")
    assert accounts.proxy_account("ada", None) == Account("ada", "reader")
    assert accounts.proxy_account("Robert'); DROP TABLE accounts;--", "reader") is None
    with pytest.raises(LoginRefused):
        accounts.authenticate("ada", "")
