"""Fixtures of the viewer: databases in SQLite and in a PostgreSQL server started for the tests, accounts, a client."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from medkd.app.auth.accounts import Accounts
from medkd.app.auth.sessions import Sessions
from medkd.app.storage.audit_log import AuditLog, open_audit_log
from medkd.app.storage.database import Database, open_database
from medkd.app.storage.reviews import Reviews
from tests.app.login_requests import GOOD

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""argon2id at the least cost it allows: these tests are not about how long guessing takes."""


class Clock:
    """A clock that a test advances."""

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
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real server, made for this session and stopped after it."""
    binaries = server_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    # The server refuses to run as root.
    run_as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if run_as and subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
        pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres'")
    # Short, since the path of a socket may have 107 characters; readable by the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="medkd-pg-"))
    if run_as:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(name: str, *words: str) -> None:
        done = subprocess.run(
            [*run_as, str(binaries / name), *words], cwd=folder, capture_output=True, text=True, check=False
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
    """An empty database."""
    url = request.getfixturevalue("empty_postgresql") if kind == "postgresql" else None
    opened = open_database(url, data)
    yield opened
    opened.dispose()


@pytest.fixture
def audit(database: Database, data: Path) -> AuditLog:
    return open_audit_log(database, data)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database: Database, audit: AuditLog, clock: Clock) -> Accounts:
    """No accounts yet."""
    return Accounts(database, audit, CHEAP, clock)


@pytest.fixture
def reviews(database: Database, audit: AuditLog, clock: Clock) -> Reviews:
    return Reviews(database, audit, "cd", clock)


@pytest.fixture
def sessions(database: Database, clock) -> Sessions:
    return Sessions(database, clock)


@pytest.fixture(scope="module")
def blocks() -> Any:
    from tests.app.echo_page import echo_page

    return echo_page()


@pytest.fixture
def client(
    database: Database, accounts: Accounts, sessions: Sessions, audit: AuditLog, blocks: Any, tmp_path: Path
) -> Callable[..., TestClient]:
    """Makes a browser in front of an application with these settings; "ada" has an account."""
    from medkd.app.server.asgi_app import build_app

    accounts.add("ada", GOOD, "reader")
    script = tmp_path / "keys.js"
    script.write_text("let a;")

    def make(peer: str = "10.0.0.9", **settings: Any) -> TestClient:
        def export(account: Any) -> str:
            if settings.get("broken"):
                raise RuntimeError("of patient-17")
            return f"reader\n{account.name}\n"

        options = {name: value for name, value in settings.items() if name != "broken"}
        app = build_app(
            database, accounts, sessions, audit, blocks, files={"/keys.js": script}, export=export, **options
        )
        return TestClient(app, client=(peer, 50000), follow_redirects=False, base_url="http://viewer")

    return make
