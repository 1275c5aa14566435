"""What is PostgreSQL's own.

The tests of accounts, sessions, audit log, verdicts, forgetting and schema run on it as they do on SQLite.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from medkd.app.storage.audit_log import open_audit
from medkd.app.storage.database import FILE, open_database
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Verdicts
from medkd.errors import InputError


def test_what_was_written_is_there_when_it_is_opened_again(empty_postgresql: str, data: Path):
    case = CaseKey("s1", "p1", "id:1")
    for expected in ([], ["心電図"]):
        database = open_database(empty_postgresql, data)
        verdicts = Verdicts(database, open_audit(database, data), "cd")
        assert [row.comment for row in verdicts.verdicts()] == expected
        verdicts.verdict(case, "ada", "agree", comment="心電図", seconds=1, model=ModelOutput("ab"), blinded=False)
        database.dispose()
    assert not (data / FILE).exists()


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
def test_a_server_that_cannot_be_used_is_told_in_one_line_without_the_password(
    empty_postgresql: str, data: Path, change: dict[str, object]
):
    url = make_url(empty_postgresql).set(**change).render_as_string(hide_password=False)
    with pytest.raises(InputError, match="the database cannot be opened") as caught:
        open_database(url, data)
    assert "secret-password" not in str(caught.value)
    assert "\n" not in str(caught.value)
