"""Lockout: failures are counted by name and by address, for fifteen minutes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from medkd.app.auth.accounts import Accounts, LockedOut, LoginRefused
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.app.storage.schema import FailureRow

GOOD, OTHER = "correct horse battery", "staple the stapler once"


def test_five_failures_pause_a_name_for_fifteen_minutes_and_no_longer(accounts: Accounts, clock):
    accounts.add("ada", GOOD, "reader")
    for _ in range(5):
        with pytest.raises(LoginRefused, match="wrong"):
            accounts.authenticate("ada", OTHER, "10.0.0.1")
    clock.pass_by(60)
    with pytest.raises(LockedOut) as caught:
        accounts.authenticate("ada", GOOD, "10.0.0.1")
    assert caught.value.seconds == 14 * 60
    # Attempts within the pause do not make it longer.
    for _ in range(50):
        with pytest.raises(LockedOut):
            accounts.authenticate("ada", OTHER, "10.0.0.2")
    clock.pass_by(14 * 60)
    assert accounts.authenticate("ada", GOOD, "10.0.0.1").name == "ada"


def test_a_right_password_clears_the_count(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(LoginRefused, match="wrong"):
                accounts.authenticate("ada", OTHER)
        accounts.authenticate("ada", GOOD)


def test_one_machine_cannot_pause_everyone(accounts: Accounts, audit: AuditLog):
    for name in ("ada", "bob", "cem", "dee", "eve", "fay"):
        accounts.add(name, GOOD, "reader")
    refused = dict.fromkeys(("ada", "bob", "cem", "dee", "eve", "fay"), 0)
    for name in refused:
        for _ in range(5):
            try:
                accounts.authenticate(name, OTHER, "10.6.6.6")
            except LockedOut:
                break
            except LoginRefused:
                refused[name] += 1
    assert refused == {"ada": 5, "bob": 5, "cem": 5, "dee": 5, "eve": 0, "fay": 0}
    assert accounts.authenticate("fay", GOOD, "10.0.0.7").name == "fay"
    assert "10.6.6.6" in [row.details for row in audit.rows() if row.action == "locked out"][-1]


def test_attempts_at_once_are_all_counted(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")

    def guess(_: int) -> type:
        try:
            accounts.authenticate("ada", OTHER)
        except LoginRefused as error:
            return type(error)
        return Account

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(guess, range(24)))
    assert outcomes.count(LoginRefused) == 5
    assert outcomes.count(LockedOut) == 19


def test_failures_keep_neither_names_nor_passwords(accounts: Accounts, database: Database):
    with pytest.raises(LoginRefused):
        accounts.authenticate("my secret passphrase", "x", "10.0.0.1")
    with database.read_session() as session:
        assert all(len(whom) == 64 and "secret" not in whom for whom in session.scalars(select(FailureRow.whom)))


def test_guessing_the_current_password_within_a_session_is_paused_too(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")
    for _ in range(5):
        with pytest.raises(LoginRefused, match="current password is wrong"):
            accounts.change_password("ada", OTHER, "another long password")
    with pytest.raises(LockedOut):
        accounts.change_password("ada", GOOD, "another long password")


def test_a_reset_password_opens_a_paused_account(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")
    for _ in range(5):
        with pytest.raises(LoginRefused):
            accounts.authenticate("ada", OTHER)
    drawn = accounts.reset_password("ada")
    assert accounts.authenticate("ada", drawn).must_change is True
