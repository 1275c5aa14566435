"""Schema migration by Alembic: its steps are in ``migrations/versions``."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from medkd.errors import InputError

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(connection: Connection, to: str = "head") -> None:
    """Apply the missing steps in the connection's own transaction: all of them or none.

    Args:
        connection: in a transaction that may write.
        to: a revision; "head" is the newest.

    Raises:
        InputError: the database has steps that this medkd does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=lambda done, _context: script._upgrade_revs(to, done)) as environment:
        environment.configure(connection=connection)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise InputError(
                f"the database was written by a newer medkd: {error}",
                remedy="Start it with that version, or give another --data",
            ) from error
