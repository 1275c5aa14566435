"""The viewer's database, in SQLite and in a PostgreSQL server that is started for the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine, text

from medkd.app.auth.accounts import Accounts
from medkd.app.storage.audit_log import Audit, open_audit
from medkd.app.storage.database import Database, open_database
from medkd.app.storage.reviews import Verdicts

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""argon2id at the least cost it allows: these tests are not about how long guessing takes."""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def server_binaries() -> Path | None:
    """The newest server that Debian has installed, or the one on the path."""
    for folder in sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    ):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real server, made for this session and stopped after it."""
    binaries = server_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    # The server refuses to run as root.
    as_whom = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_whom and subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
    # Short, since the path of a socket may have 107 characters; readable by the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="medkd-pg-"))
    if as_whom:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(name: str, *words: str) -> None:
        done = subprocess.run(
            [*as_whom, str(binaries / name), *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "-D", str(folder / "db"), "-A", "trust", "-U", "medkd", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
    run("pg_ctl", "-D", str(folder / "db"), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://medkd@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(folder / "db"), "-m", "immediate", "-w", "stop")
        with suppress(OSError):
            shutil.rmtree(folder)


@pytest.fixture
def empty_postgresql(postgresql: str) -> str:
    """The server's URL, its database empty."""
    engine = create_engine(postgresql.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgresql


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The viewer's folder."""
    return tmp_path / "app"


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every test of the database runs on both."""
    return str(request.param)


@pytest.fixture
def database(request: pytest.FixtureRequest, kind: str, data: Path) -> Iterator[Database]:
    """An empty one."""
    url = request.getfixturevalue("empty_postgresql") if kind == "postgresql" else None
    opened = open_database(url, data)
    yield opened
    opened.dispose()


@pytest.fixture
def audit(database: Database, data: Path) -> Audit:
    return open_audit(database, data)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database: Database, audit: Audit, clock: Clock) -> Accounts:
    """Without any account."""
    return Accounts(database, audit, CHEAP, clock)


@pytest.fixture
def verdicts(database: Database, audit: Audit, clock: Clock) -> Verdicts:
    return Verdicts(database, audit, "cd", clock)
