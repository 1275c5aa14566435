"""Database: SQLite in a private folder, PostgreSQL by URL."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from medkd.app.storage.audit_log import open_audit_log
from medkd.app.storage.database import DATABASE_FILE, open_database
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews
from medkd.app.storage.schema import AccountRow
from medkd.errors import InputError


def test_what_is_there_stays_when_the_database_is_opened_again(data: Path):
    first = open_database(None, data)
    with first.session() as session:
        session.add(AccountRow(name="ada", role="reader", identifiers=False, must_change=False, created=0.0))
    first.dispose()
    again = open_database(None, data)
    with again.read_session() as session:
        assert session.get(AccountRow, "ada") is not None
    again.dispose()


def test_the_file_is_durable_and_its_owners_alone(data: Path):
    database = open_database(None, data)
    with database.read_session() as session:
        settings = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    with database.session() as session:
        session.add(AccountRow(name="ada", role="reader", identifiers=False, must_change=False, created=0.0))
        assert len(list(data.glob(f"{DATABASE_FILE}*"))) == 3
        assert {stat.S_IMODE(path.stat().st_mode) for path in data.glob(f"{DATABASE_FILE}*")} == {0o600}
    database.dispose()


def test_a_folder_that_others_can_read_is_refused_if_it_is_not_ours(tmp_path: Path):
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="others can read") as caught:
        open_database(None, tmp_path)
    assert "chmod 700" in caught.value.remedy
    assert not (tmp_path / DATABASE_FILE).exists()


@pytest.mark.parametrize(
    "url", ["mysql://x@y/z", "not a url", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg2"]
)
def test_an_invalid_database_url_is_refused(url: str, data: Path):
    with pytest.raises(InputError, match="database") as caught:
        open_database(url, data)
    assert "postgresql://" in caught.value.remedy


def test_a_url_of_sqlite_names_another_file(tmp_path: Path, data: Path):
    database = open_database(f"sqlite:///{tmp_path / 'elsewhere.sqlite'}", data)
    database.dispose()
    assert stat.S_IMODE((tmp_path / "elsewhere.sqlite").stat().st_mode) == 0o600
    assert not (data / DATABASE_FILE).exists()


def test_what_was_written_is_there_when_it_is_opened_again(empty_postgresql: str, data: Path):
    case = CaseKey("s1", "p1", "id:1")
    for expected in ([], ["心電図"]):
        database = open_database(empty_postgresql, data)
        reviews = Reviews(database, open_audit_log(database, data), "cd")
        assert [row.comment for row in reviews.verdicts()] == expected
        reviews.store_verdict(case, "ada", "agree", comment="心電図", seconds=1, model=ModelOutput("ab"), blinded=False)
        database.dispose()
    assert not (data / DATABASE_FILE).exists()


def test_the_driver_need_not_be_named(empty_postgresql: str, data: Path):
    for url in (
        empty_postgresql,
        empty_postgresql.replace("postgresql:", "postgresql+psycopg:"),
        empty_postgresql.replace("postgresql:", "postgres:"),
    ):
        database = open_database(url, data)
        assert database.engine.url.drivername == "postgresql+psycopg"
        database.dispose()


_OPEN = """
import sys
from pathlib import Path
from medkd.app.storage.database import open_database
open_database(sys.argv[1], Path(sys.argv[2])).dispose()
"""


def test_several_servers_may_start_at_once_on_an_empty_database(empty_postgresql: str, data: Path):
    starts = [
        subprocess.Popen([sys.executable, "-c", _OPEN, empty_postgresql, str(data)], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [(start.communicate()[1], start.returncode) for start in starts] == [("", 0)] * 2


@pytest.mark.parametrize(
    "change", [{"port": 1}, {"database": "nowhere"}, {"username": "nobody", "password": "secret-password"}]
)
def test_an_unusable_server_is_reported_in_one_line_without_the_password(
    empty_postgresql: str, data: Path, change: dict[str, object]
):
    url = make_url(empty_postgresql).set(**change).render_as_string(hide_password=False)
    with pytest.raises(InputError, match="the database cannot be opened") as caught:
        open_database(url, data)
    assert "secret-password" not in str(caught.value)
    assert "\n" not in str(caught.value)
