"""Erasure of one patient's rows and scores, with a tombstone in the audit log."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, or_, select

from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.app.storage.schema import CASE_TABLES
from medkd.deploy.inference.pseudonym import Pseudonyms
from medkd.errors import InputError

_CACHES = ("scores-*", ".scoring-*")
"""Cached scores, and the scratch folders of a viewer that was killed while it scored."""


@dataclass(frozen=True)
class Erasure:
    """What was removed.

    Args:
        pseudonym: of the patient, as in the tombstone.
        rows: number of rows by table.
        scores: folders of cached scores; the next start computes them again from the remaining cases.
    """

    pseudonym: str
    rows: dict[str, int]
    scores: tuple[str, ...]


def forget(database: Database, audit: AuditLog, subject: str, data: Path, *, by: str) -> Erasure:
    """Remove all readings, verdicts, adjudications and views of a patient, and every cached score.

    Rows are removed in one transaction with the tombstone; the bytes then leave the files of SQLite, or the tables of
    PostgreSQL. What stays: audit rows, which name the patient by keyed hash alone; backups and archived logs of the
    database server; the records themselves.

    Args:
        subject: a subject's id, or a sample's id.
        data: the viewer's folder.
        by: the actor in the audit log.

    Raises:
        InputError: nothing was written of this patient and no scores are cached.
    """
    pseudonym = Pseudonyms.for_folder(data).hash(subject)
    folders = sorted(path for kind in _CACHES for path in data.glob(kind) if path.is_dir() and not path.is_symlink())
    with database.session() as session:
        rows: dict[str, int] = {}
        for table in CASE_TABLES:
            is_theirs = or_(table.subject_id == subject, table.case_key == subject)
            rows[table.__tablename__] = session.scalar(select(func.count()).select_from(table).where(is_theirs)) or 0
            session.execute(delete(table).where(is_theirs))
        if not any(rows.values()) and not folders:
            raise InputError(
                "nothing is kept of this patient",
                where="medkd app forget",
                remedy="Give the subject's id as the cases have it",
            )
        audit.add(session, by, "forgotten", subject=pseudonym, rows=sum(rows.values()))
    # A folder of scores lists every item by name: it is a cache, and computing it again is simpler than editing it.
    for folder in folders:
        shutil.rmtree(folder)
    _vacuum(database)
    return Erasure(pseudonym, rows, tuple(folder.name for folder in folders))


def _vacuum(database: Database) -> None:
    with database.autocommit_connection() as connection:
        if database.is_sqlite:
            # secure_delete zeroes deleted cells; VACUUM drops moved pages, the checkpoints empty the journal.
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)
        else:
            for table in CASE_TABLES:
                connection.exec_driver_sql(f"VACUUM (FULL) {table.__tablename__}")
