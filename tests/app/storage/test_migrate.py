"""Migration: the migrated schema is the one in the code, and a failed step leaves nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from medkd.app.storage.database import DATABASE_FILE, Database, open_database
from medkd.app.storage.schema import Base
from medkd.errors import InputError


def test_the_migrated_schema_is_the_one_in_the_code(database: Database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == "0001"


def test_a_failed_step_leaves_nothing_behind(data: Path):
    """Another program's table of the same name as one of ours, the last that the step makes."""
    data.mkdir(mode=0o700)
    with sqlite3.connect(data / DATABASE_FILE) as connection:
        connection.execute("CREATE TABLE adjudications (x)")
    with pytest.raises(InputError, match="cannot be opened"):
        open_database(None, data)
    with sqlite3.connect(data / DATABASE_FILE) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("adjudications",)]


def test_a_database_of_a_newer_medkd_is_refused(database: Database, data: Path):
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    url = None if database.is_sqlite else database.engine.url.render_as_string(hide_password=False)
    with pytest.raises(InputError, match="newer medkd"):
        open_database(url, data)
