"""Database of the viewer: SQLite in its own folder, or PostgreSQL by URL."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from medkd.app.storage.migrate import migrate
from medkd.errors import InputError

DATABASE_FILE = "verdicts.sqlite"
_BUSY_SECONDS = 30
_AFTER_COMMIT = "after_commit"
_DRIVER = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class Database:
    """A database whose tables are those of ``medkd.app.storage.schema``.

    Args:
        engine: its tables must be migrated.
        path: the file of SQLite; None with PostgreSQL.
    """

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        self.engine = engine
        self.path = path
        self._writing_engine = engine.execution_options(medkd_writing=True)
        # SQLite lets one writer in at a time and makes the others poll; within one process a lock lets them in without
        # polling.
        self._write_lock: AbstractContextManager[object] = threading.Lock() if path else nullcontext()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.path is not None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction that may write: committed, durably, when the block ends well, else rolled back."""
        with self._write_lock, Session(self._writing_engine, expire_on_commit=False) as session, session.begin():
            yield session
        for act in session.info.pop(_AFTER_COMMIT, ()):
            act()

    def after_commit(self, session: Session, act: Callable[[], None]) -> None:
        """Call ``act`` when the rows of ``session`` are durable and the next writer may write."""
        session.info.setdefault(_AFTER_COMMIT, []).append(act)

    @contextmanager
    def read_session(self) -> Iterator[Session]:
        """A transaction that only reads: it does not wait for writers."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def advisory_lock(self, session: Session, what: str) -> None:
        """Hold the lock named ``what`` until the transaction ends, across processes and machines."""
        # A transaction of SQLite that may write holds the whole database from its start.
        if not self.is_sqlite:
            session.execute(text("SELECT pg_advisory_xact_lock(74634, hashtext(:what))"), {"what": what})

    @contextmanager
    def autocommit_connection(self) -> Iterator[Connection]:
        """A connection for statements that databases refuse in a transaction, such as VACUUM."""
        options = {"medkd_bare": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self._write_lock, self.engine.execution_options(**options).connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_database(url: str | None, data: Path) -> Database:
    """Open the database; it is created, or migrated to the newest schema, where needed.

    Args:
        url: ``postgresql://USER:PASSWORD@HOST/NAME`` or ``sqlite:///FILE``; None is ``verdicts.sqlite`` in ``data``.
        data: the viewer's folder, made with mode 0700.

    Raises:
        InputError: others can read the folder, the URL is invalid, the server cannot be reached, or a newer medkd wrote
            the database.
    """
    make_private_folder(data)
    address = _address(url, data)
    path = Path(address.database or "").absolute() if address.drivername == "sqlite" else None
    if path:
        _make_private(path)
    engine = create_engine(
        address, **({"connect_args": {"timeout": _BUSY_SECONDS}} if path else {"pool_pre_ping": True})
    )
    if path:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    database = Database(engine, path)
    try:
        with database.session() as session:
            database.advisory_lock(session, "schema")
            migrate(session.connection())
    except DBAPIError as error:
        database.dispose()
        first = next(iter(str(error.orig).strip().splitlines()), "")
        remedy = (
            "Is its server running, and are name and password right?"
            if isinstance(error, OperationalError)
            else "Give another --database"
        )
        raise InputError(
            f"the database cannot be opened: {first}", where=address.render_as_string(hide_password=True), remedy=remedy
        ) from error
    except InputError:
        database.dispose()
        raise
    return database


def make_private_folder(data: Path) -> None:
    """Make the viewer's folder with mode 0700, or close an existing one to others.

    Raises:
        InputError: others can read the folder and it holds files that are not the viewer's.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if data.stat().st_mode & 0o077:
            if any(data.iterdir()) and not (data / DATABASE_FILE).exists():
                raise InputError(
                    "others can read this folder",
                    where=data,
                    remedy=f"Close it with: chmod 700 {data}; or give a new --data",
                )
            data.chmod(0o700)
    except OSError as error:
        raise InputError(
            f"cannot use this folder: {error.strerror}", where=data, remedy="Give a folder of your own with --data"
        ) from error


def _address(url: str | None, data: Path) -> URL:
    if url is None:
        return URL.create("sqlite", database=str(data / DATABASE_FILE))
    remedy = "Write postgresql://USER:PASSWORD@HOST/NAME, or leave it out"
    try:
        address = make_url(url)
        driver = _DRIVER.get(address.drivername.partition("+")[0], "")
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise InputError("this is not a database URL", where="--database", remedy=remedy) from error
    if not driver or (driver == "sqlite" and address.database in (None, "", ":memory:")):
        raise InputError(
            f"'{address.drivername}' is not a database that medkd can use", where="--database", remedy=remedy
        )
    return address.set(drivername=driver)


def _make_private(path: Path) -> None:
    """Create the file with mode 0600 before SQLite opens it; its journal files take its mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise InputError(
            f"cannot use this file: {error.strerror}", where=path, remedy="Give a folder of your own with --data"
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions by itself: _begin_sqlite does.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later could be refused in the middle; this one waits for its turn at the
    # start.
    options = connection.get_execution_options()
    if not options.get("medkd_bare"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("medkd_writing") else "BEGIN")
