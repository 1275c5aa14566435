"""Passwords: what is accepted, and how they are hashed."""

from __future__ import annotations

import time

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from medkd.app.auth.accounts import Accounts, LoginRefused
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow
from medkd.errors import InputError

GOOD, OTHER = "correct horse battery", "staple the stapler once"


def test_the_password_is_stored_as_argon2id_of_the_librarys_parameters(database: Database, audit: AuditLog):
    accounts = Accounts(database, audit)
    accounts.add("ada", GOOD, "reader")
    with database.read_session() as session:
        stored = session.scalar(select(AccountRow.password_hash))
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert GOOD not in stored


def test_a_password_is_the_same_however_the_keyboard_composes_it(accounts: Accounts):
    accounts.add("ada", "grüße aus göttingen", "reader")
    assert accounts.authenticate("ada", "gru\u0308ße aus go\u0308ttingen").name == "ada"


def test_a_stored_hash_of_other_parameters_is_renewed(accounts: Accounts, database: Database, audit: AuditLog):
    accounts.add("ada", GOOD, "reader")
    stronger = Accounts(database, audit, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    stronger.authenticate("ada", GOOD)
    with database.read_session() as session:
        assert "m=16,t=2,p=1" in session.scalar(select(AccountRow.password_hash))
    assert stronger.authenticate("ada", GOOD).name == "ada"


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password1234",
        "Passw0rd!!!!!!",
        "aaaaaaaaaaaaaaaa",
        "adalovelace1",
        "adalovelaceadalovelace",
        "123456789012",
    ],
)
def test_what_cannot_be_a_password(accounts: Accounts, password: str):
    with pytest.raises(InputError, match="password"):
        accounts.add("adalovelace", password, "reader")
    assert accounts.all() == []


def test_an_unknown_name_takes_as_long_as_a_known_one(database: Database, audit: AuditLog):
    accounts = Accounts(database, audit, PasswordHasher(time_cost=4, memory_cost=16384, parallelism=1))
    accounts.add("ada", GOOD, "reader")

    def seconds(name: str) -> float:
        began = time.process_time()
        with pytest.raises(LoginRefused):
            accounts.authenticate(name, OTHER)
        return time.process_time() - began

    known, unknown = (min(seconds(f"{name}") for _ in range(3)) for name in ("ada", "nobody"))
    assert 0.5 < known / unknown < 2
