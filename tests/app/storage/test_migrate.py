from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from medkd.app.storage.database import FILE, Database, open_database
from medkd.app.storage.schema import AccountRow, Base
from medkd.errors import InputError


def test_the_migrated_schema_is_the_one_in_the_code(database: Database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == "0001"


def test_what_is_there_stays_when_the_database_is_opened_again(data: Path):
    first = open_database(None, data)
    with first.session() as session:
        session.add(AccountRow(name="ada", role="reader", identifiers=False, must_change=False, created=0.0))
    first.dispose()
    again = open_database(None, data)
    with again.reading() as session:
        assert session.get(AccountRow, "ada") is not None
    again.dispose()


def test_a_failed_step_leaves_nothing_behind(data: Path):
    """Another program's table of the same name as one of ours, the last that the step makes."""
    data.mkdir(mode=0o700)
    with sqlite3.connect(data / FILE) as connection:
        connection.execute("CREATE TABLE adjudications (x)")
    with pytest.raises(InputError, match="cannot be opened"):
        open_database(None, data)
    with sqlite3.connect(data / FILE) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("adjudications",)]


def test_a_database_of_a_newer_medkd_is_refused(database: Database, data: Path):
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    url = None if database.is_sqlite else database.engine.url.render_as_string(hide_password=False)
    with pytest.raises(InputError, match="newer medkd"):
        open_database(url, data)


def test_the_file_is_durable_and_its_owners_alone(data: Path):
    database = open_database(None, data)
    with database.reading() as session:
        said = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    with database.session() as session:
        session.add(AccountRow(name="ada", role="reader", identifiers=False, must_change=False, created=0.0))
        assert len(list(data.glob(f"{FILE}*"))) == 3
        assert {stat.S_IMODE(path.stat().st_mode) for path in data.glob(f"{FILE}*")} == {0o600}
    database.dispose()


def test_a_folder_that_others_can_read_is_refused_if_it_is_not_ours(tmp_path: Path):
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="others can read") as caught:
        open_database(None, tmp_path)
    assert "chmod 700" in caught.value.remedy
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "url", ["mysql://x@y/z", "not a url", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg2"]
)
def test_what_is_no_database_url_is_told_so(url: str, data: Path):
    with pytest.raises(InputError, match="database") as caught:
        open_database(url, data)
    assert "postgresql://" in caught.value.remedy


def test_a_url_of_sqlite_names_another_file(tmp_path: Path, data: Path):
    database = open_database(f"sqlite:///{tmp_path / 'elsewhere.sqlite'}", data)
    database.dispose()
    assert stat.S_IMODE((tmp_path / "elsewhere.sqlite").stat().st_mode) == 0o600
    assert not (data / FILE).exists()
