from __future__ import annotations

import pytest
from sqlalchemy import select

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.account import Account
from medkd.app.storage.database import Database
from medkd.app.storage.schema import SessionRow


@pytest.fixture
def sessions(accounts: Accounts, database: Database, clock) -> Sessions:
    accounts.add("ada", "correct horse battery", "reader", identifiers=True)
    return Sessions(database, clock)


def test_a_token_stands_for_its_account(sessions: Sessions):
    token = sessions.open("ada")
    assert len(token) == 43
    assert sessions.name_of(token) == "ada"
    assert sessions.account_of(token) == Account("ada", "reader", identifiers=True)
    assert sessions.name_of(token + "x") is None
    assert sessions.name_of("") is None
    assert sessions.name_of("\ud800") is None


def test_every_login_has_a_token_of_its_own(sessions: Sessions):
    assert len({sessions.open("ada") for _ in range(20)}) == 20


def test_the_token_is_not_stored(sessions: Sessions, database: Database):
    token = sessions.open("ada")
    with database.read_session() as session:
        stored = session.scalars(select(SessionRow)).one()
    assert token not in (stored.token_sha256, stored.name)
    assert sessions.name_of(stored.token_sha256) is None


def test_half_an_hour_without_a_request_ends_it(sessions: Sessions, clock):
    token = sessions.open("ada")
    for _ in range(4):
        clock.pass_by(29 * 60)
        assert sessions.name_of(token) == "ada"
    clock.pass_by(30 * 60 + 1)
    assert sessions.name_of(token) is None


def test_twelve_hours_end_it_whatever_happens(sessions: Sessions, clock):
    token = sessions.open("ada")
    for _ in range(71):
        clock.pass_by(10 * 60)
        assert sessions.name_of(token) == "ada"
    clock.pass_by(10 * 60)
    assert sessions.name_of(token) is None


def test_a_closed_session_stays_closed_and_others_go_on(sessions: Sessions):
    one, other = sessions.open("ada"), sessions.open("ada")
    sessions.close(one)
    assert sessions.name_of(one) is None
    assert sessions.name_of(other) == "ada"


def test_ended_sessions_are_swept_away(sessions: Sessions, database: Database, clock):
    for _ in range(3):
        sessions.open("ada")
    clock.pass_by(3600)
    sessions.open("ada")
    with database.read_session() as session:
        assert len(session.scalars(select(SessionRow)).all()) == 1
