from __future__ import annotations

import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from medkd.app.storage.audit_log import AuditHead, AuditLog, open_audit_log
from medkd.app.storage.database import Database
from medkd.app.storage.schema import AuditRow

sqlite_alone = pytest.mark.parametrize("kind", ["sqlite"])
"""Verification does not depend on the kind of database."""


@pytest.fixture
def log(audit: AuditLog) -> AuditLog:
    """A log of twenty rows."""
    for number in range(20):
        audit.append("ada", "case opened", case=f"id:{number:010x}")
    assert audit.verify() == []
    return audit


def tamper(database: Database, *statements: str) -> None:
    """Run statements as an attacker with all rights on the database."""
    drop = ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"]
    if not database.is_sqlite:
        drop = ["DROP TRIGGER audit_no_change ON audit", "DROP TRIGGER audit_no_truncate ON audit"]
    with database.session() as session:
        for statement in (*drop, *statements):
            session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'eve' WHERE number = 3", "DELETE FROM audit WHERE number = 20", "DELETE FROM audit"],
)
def test_the_database_refuses_to_change_or_delete_a_row(log: AuditLog, database: Database, statement: str):
    with pytest.raises(DBAPIError, match="append-only"), database.session() as session:
        session.execute(text(statement))
    assert log.verify() == []


def test_postgresql_refuses_to_truncate(log: AuditLog, database: Database):
    if not database.is_sqlite:
        with pytest.raises(DBAPIError, match="append-only"), database.session() as session:
            session.execute(text("TRUNCATE audit"))
    assert len(list(log.rows())) == 20


@sqlite_alone
@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE audit SET actor = 'eve' WHERE number = 7"], "row 7 "),
        (["UPDATE audit SET details = '{}' WHERE number = 20"], "row 20 "),
        (["UPDATE audit SET at = '2001-01-01' WHERE number = 1"], "row 1 "),
        (["UPDATE audit SET mac = 'abcdef' WHERE number = 5"], "row 5 "),
        (["DELETE FROM audit WHERE number = 9"], "row 9 is missing"),
        (["DELETE FROM audit WHERE number <= 3"], "row 1 is missing"),
        (["DELETE FROM audit WHERE number = 9", "UPDATE audit SET number = number - 1 WHERE number > 9"], "row 9 "),
        (
            [
                "UPDATE audit SET number = 99 WHERE number = 4",
                "UPDATE audit SET number = 4 WHERE number = 5",
                "UPDATE audit SET number = 5 WHERE number = 99",
            ],
            "row 4 ",
        ),
        (["INSERT INTO audit SELECT 21, at, actor, action, details, mac FROM audit WHERE number = 20"], "row 21 "),
        (["INSERT INTO audit SELECT -3, at, actor, action, details, mac FROM audit WHERE number = 20"], "row -3 "),
        (["DELETE FROM audit WHERE number > 15"], "ends with row 15, but had 20 rows"),
        (["DELETE FROM audit"], "ends with row 0, but had 20 rows"),
    ],
)
def test_the_first_wrong_row_is_named(log: AuditLog, database: Database, statements: list[str], found: str):
    """Edited, removed, moved, added, or cut off the end, by someone who got past the database's own refusal."""
    tamper(database, *statements)
    problems = log.verify()
    assert len(problems) == 1
    assert found in problems[0]


def test_a_row_forged_without_the_key_is_found(log: AuditLog, database: Database):
    """Every later seal is computed again as the code does it, but with another key."""
    tamper(database, "DELETE FROM audit WHERE number > 10")
    forger = AuditLog(database, b"another key")
    for number in range(10, 20):
        forger.append("ada", "case opened", case=f"id:{number:010x}")
    assert "row 11 " in log.verify()[0]


def test_a_cut_end_that_is_filled_up_again_does_not_match_the_head(log: AuditLog, database: Database, data: Path):
    """By someone who has the key but forgot the head."""
    tamper(database, "DELETE FROM audit WHERE number > 10")
    insider = AuditLog(database, log.key)
    for _ in range(10):
        insider.append("ada", "logout")
    assert log.verify() == ["row 20 is not the one that the head names"]


@sqlite_alone
@pytest.mark.parametrize("change", ["remove", "older", "nonsense"])
def test_a_head_that_is_missing_or_was_changed_is_reported_and_stays_so(
    log: AuditLog, database: Database, data: Path, change: str
):
    path = data / "audit.head"
    if change == "remove":
        path.unlink()
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"number": 10}) if change == "older" else "nonsense")
    tamper(database, "DELETE FROM audit WHERE number > 10")
    log.append("ada", "logout")
    open_audit_log(database, data).append("ada", "login")
    assert "missing or was changed" in log.verify()[0]


def test_rows_beyond_the_head_are_no_problem(log: AuditLog, data: Path):
    """A server that was killed between its commit and the head's file."""
    before = (data / "audit.head").read_bytes()
    log.append("ada", "logout")
    (data / "audit.head").write_bytes(before)
    assert log.verify() == []


def test_an_emptied_log_beside_accounts_gets_no_new_head(log: AuditLog, database: Database, data: Path, accounts):
    accounts.add("ada", "correct horse battery", "reader")
    tamper(database, "DELETE FROM audit")
    (data / "audit.head").unlink()
    assert "missing" in open_audit_log(database, data).verify()[0]


def test_a_row_of_a_transaction_that_failed_is_not_there(audit: AuditLog, database: Database):
    def fail() -> None:
        with database.session() as session:
            audit.add(session, "ada", "verdict", case="id:1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert audit.append("ada", "logout") == 1
    assert audit.verify() == []


_APPEND = """
import sys
from pathlib import Path
from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import open_database
database = open_database(sys.argv[2] or None, Path(sys.argv[1]))
audit = open_audit_log(database, Path(sys.argv[1]))
for number in range(40):
    audit.append(sys.argv[3], "case opened", number=number)
"""


def test_two_processes_and_many_threads_make_one_chain(audit: AuditLog, database: Database, data: Path):
    url = "" if database.is_sqlite else database.engine.url.render_as_string(hide_password=False)
    others = [subprocess.Popen([sys.executable, "-c", _APPEND, str(data), url, name]) for name in ("one", "two")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: audit.append("here", "case opened", number=number), range(40)))
    assert [other.wait(60) for other in others] == [0, 0]
    assert audit.verify() == []
    with database.read_session() as session:
        rows = session.execute(select(AuditRow.actor, AuditRow.details).order_by(AuditRow.number)).all()
    assert len(rows) == 120
    for name in ("one", "two"):
        assert [json.loads(details)["number"] for actor, details in rows if actor == name] == list(range(40))
    assert json.loads((data / "audit.head").read_text())["number"] == 120


def test_key_and_head_are_their_owners_alone(audit: AuditLog, data: Path):
    audit.append("ada", "login")
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir() if "audit" in path.name} == {
        ".audit_key": 0o600,
        ".audit_key.lock": 0o600,
        ".audit.head.lock": 0o600,
        "audit.head": 0o600,
    }


def test_the_key_may_come_from_the_environment(database: Database, data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEDKD_AUDIT_KEY", "kept elsewhere")
    audit = open_audit_log(database, data)
    audit.append("ada", "login")
    assert audit.key == b"kept elsewhere"
    assert not (data / ".audit_key").exists()
    assert "row 1 " in AuditLog(database, b"guessed", AuditHead(data / "audit.head", b"guessed")).verify()[0]
