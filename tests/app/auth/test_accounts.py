from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from medkd.app.auth.accounts import UNKNOWN, Accounts, LockedOut, Refused
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AccountRow, FailureRow
from medkd.errors import InputError

GOOD, OTHER = "correct horse battery", "staple the stapler once"


def actions(audit: Audit) -> list[tuple[str, str]]:
    return [(row.actor, row.action) for row in audit.rows()]


def test_a_name_with_its_password_is_let_in(accounts: Accounts, audit: Audit):
    accounts.add("ada", GOOD, "adjudicator", identifiers=True)
    assert accounts.check("ada", GOOD, "10.0.0.1") == Account("ada", "adjudicator", identifiers=True, must_change=False)
    assert actions(audit) == [("(terminal)", "account added"), ("ada", "login")]


def test_the_password_is_stored_as_argon2id_of_the_librarys_parameters(database: Database, audit: Audit):
    accounts = Accounts(database, audit)
    accounts.add("ada", GOOD, "reader")
    with database.reading() as session:
        stored = session.scalar(select(AccountRow.password_hash))
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert GOOD not in stored


def test_a_password_is_the_same_however_the_keyboard_composes_it(accounts: Accounts):
    accounts.add("ada", "grüße aus göttingen", "reader")
    assert accounts.check("ada", "gru\u0308ße aus go\u0308ttingen").name == "ada"


def test_a_stored_hash_of_other_parameters_is_renewed(accounts: Accounts, database: Database, audit: Audit):
    accounts.add("ada", GOOD, "reader")
    stronger = Accounts(database, audit, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    stronger.check("ada", GOOD)
    with database.reading() as session:
        assert "m=16,t=2,p=1" in session.scalar(select(AccountRow.password_hash))
    assert stronger.check("ada", GOOD).name == "ada"


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    "name", ["", "Ada", "a b", "a" * 33, "../x", "ada\n", "ä", "<b>", "..", "'--", "a\0b", "\ud800"]
)
def test_what_cannot_be_a_name(accounts: Accounts, name: str):
    with pytest.raises(InputError, match="cannot be an account's name"):
        accounts.add(name, GOOD, "reader")
    with pytest.raises(Refused):
        accounts.check(name, GOOD)


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


def test_a_wrong_role_is_told_with_the_nearest(accounts: Accounts):
    with pytest.raises(InputError, match="no role 'amdin'") as caught:
        accounts.add("ada", GOOD, "amdin")
    assert caught.value.remedy == "Did you mean 'admin'?"


def test_a_wrong_password_and_an_unknown_name_are_told_alike(accounts: Accounts, audit: Audit):
    accounts.add("ada", GOOD, "reader")
    said = []
    for name in ("ada", "nobody"):
        for _ in range(5):
            with pytest.raises(Refused) as caught:
                accounts.check(name, OTHER)
            said.append((name, type(caught.value), str(caught.value)))
        with pytest.raises(LockedOut) as locked:
            accounts.check(name, OTHER)
        said.append((name, type(locked.value), str(locked.value)))
    assert [row[1:] for row in said[:6]] == [row[1:] for row in said[6:]]
    assert actions(audit)[1:] == [("ada", "login refused")] * 5 + [("ada", "locked out")] + [
        (UNKNOWN, "login refused")
    ] * 5 + [(UNKNOWN, "locked out")]
    assert "nobody" not in "".join(row.details for row in audit.rows())


def test_an_unknown_name_takes_as_long_as_a_known_one(database: Database, audit: Audit):
    accounts = Accounts(database, audit, PasswordHasher(time_cost=4, memory_cost=16384, parallelism=1))
    accounts.add("ada", GOOD, "reader")

    def seconds(name: str) -> float:
        began = time.process_time()
        with pytest.raises(Refused):
            accounts.check(name, OTHER)
        return time.process_time() - began

    known, unknown = (min(seconds(f"{name}") for _ in range(3)) for name in ("ada", "nobody"))
    assert 0.5 < known / unknown < 2


def test_five_failures_pause_a_name_for_fifteen_minutes_and_no_longer(accounts: Accounts, clock):
    accounts.add("ada", GOOD, "reader")
    for _ in range(5):
        with pytest.raises(Refused, match="wrong"):
            accounts.check("ada", OTHER, "10.0.0.1")
    clock.pass_by(60)
    with pytest.raises(LockedOut) as caught:
        accounts.check("ada", GOOD, "10.0.0.1")
    assert caught.value.seconds == 14 * 60
    # Attempts within the pause do not make it longer.
    for _ in range(50):
        with pytest.raises(LockedOut):
            accounts.check("ada", OTHER, "10.0.0.2")
    clock.pass_by(14 * 60)
    assert accounts.check("ada", GOOD, "10.0.0.1").name == "ada"


def test_a_right_password_clears_the_count(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(Refused, match="wrong"):
                accounts.check("ada", OTHER)
        accounts.check("ada", GOOD)


def test_one_machine_cannot_pause_everyone(accounts: Accounts, audit: Audit):
    for name in ("ada", "bob", "cem", "dee", "eve", "fay"):
        accounts.add(name, GOOD, "reader")
    refused = dict.fromkeys(("ada", "bob", "cem", "dee", "eve", "fay"), 0)
    for name in refused:
        for _ in range(5):
            try:
                accounts.check(name, OTHER, "10.6.6.6")
            except LockedOut:
                break
            except Refused:
                refused[name] += 1
    assert refused == {"ada": 5, "bob": 5, "cem": 5, "dee": 5, "eve": 0, "fay": 0}
    assert accounts.check("fay", GOOD, "10.0.0.7").name == "fay"
    assert "10.6.6.6" in [row.details for row in audit.rows() if row.action == "locked out"][-1]


def test_attempts_at_once_are_all_counted(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")

    def guess(_: int) -> type:
        try:
            accounts.check("ada", OTHER)
        except Refused as error:
            return type(error)
        return Account

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(guess, range(24)))
    assert outcomes.count(Refused) == 5
    assert outcomes.count(LockedOut) == 19


def test_failures_keep_neither_names_nor_passwords(accounts: Accounts, database: Database):
    with pytest.raises(Refused):
        accounts.check("my secret passphrase", "x", "10.0.0.1")
    with database.reading() as session:
        assert all(len(whom) == 64 and "secret" not in whom for whom in session.scalars(select(FailureRow.whom)))


def test_the_first_admin_is_made_once_with_a_password_that_must_be_changed(accounts: Accounts):
    made = accounts.first()
    assert made is not None
    assert accounts.check(*made) == Account("admin", "admin", identifiers=True, must_change=True)
    assert accounts.first() is None


def test_the_first_admins_password_may_come_from_the_environment(accounts: Accounts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEDKD_APP_PASSWORD", GOOD)
    assert accounts.first() is None
    assert accounts.check("admin", GOOD).must_change is False


def test_a_changed_password_replaces_the_old_one_and_ends_every_session(accounts: Accounts, database: Database, clock):
    password = accounts.add("ada", None, "reader")
    sessions = Sessions(database, clock)
    tokens = [sessions.open("ada") for _ in range(2)]
    with pytest.raises(Refused, match="current password is wrong"):
        accounts.change_password("ada", OTHER, GOOD)
    with pytest.raises(InputError, match="12 characters"):
        accounts.change_password("ada", password, "short")
    assert [sessions.name_of(token) for token in tokens] == ["ada", "ada"]
    accounts.change_password("ada", password, GOOD)
    assert [sessions.name_of(token) for token in tokens] == [None, None]
    assert accounts.check("ada", GOOD).must_change is False
    with pytest.raises(Refused):
        accounts.check("ada", password)


def test_guessing_the_current_password_within_a_session_is_paused_too(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")
    for _ in range(5):
        with pytest.raises(Refused, match="current password is wrong"):
            accounts.change_password("ada", OTHER, "another long password")
    with pytest.raises(LockedOut):
        accounts.change_password("ada", GOOD, "another long password")


def test_a_removed_account_is_shut_and_its_name_is_not_given_again(accounts: Accounts, database: Database, clock):
    accounts.add("boss", GOOD, "admin")
    accounts.add("ada", GOOD, "reader")
    token = Sessions(database, clock).open("ada")
    accounts.remove("ada", by="boss")
    assert accounts.account("ada") is None
    assert Sessions(database, clock).name_of(token) is None
    with pytest.raises(Refused):
        accounts.check("ada", GOOD)
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


def test_a_reset_password_opens_a_paused_account(accounts: Accounts):
    accounts.add("ada", GOOD, "reader")
    for _ in range(5):
        with pytest.raises(Refused):
            accounts.check("ada", OTHER)
    drawn = accounts.reset_password("ada")
    assert accounts.check("ada", drawn).must_change is True


def test_who_logs_in_through_a_proxy_has_no_password(accounts: Accounts):
    assert accounts.vouched("ada", None) is None
    assert accounts.vouched("ada", "reader") == Account("ada", "reader")
    assert accounts.vouched("ada", None) == Account("ada", "reader")
    assert accounts.vouched("Robert'); DROP TABLE accounts;--", "reader") is None
    with pytest.raises(Refused):
        accounts.check("ada", "")
