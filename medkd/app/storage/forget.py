"""Remove what was written of one patient, and leave a tombstone in the audit log."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, or_, select

from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database
from medkd.app.storage.schema import OF_CASE
from medkd.deploy.inference.pseudonym import Pseudonyms
from medkd.errors import InputError

_CACHES = ("scores-*", ".scoring-*")
"""Scores, and what a viewer that was killed while it scored left behind."""


@dataclass(frozen=True)
class Forgotten:
    """What was removed.

    Args:
        pseudonym: of the patient, as in the tombstone.
        rows: by table.
        scores: folders of cached scores that were removed; they are made anew from the cases that are left.
    """

    pseudonym: str
    rows: dict[str, int]
    scores: tuple[str, ...]


def forget(database: Database, audit: Audit, subject: str, data: Path, *, by: str) -> Forgotten:
    """Remove all readings, verdicts, adjudications and views of a patient, and every cached score.

    Rows are removed in one transaction with the tombstone; the bytes then leave the files of SQLite, or the tables of
    PostgreSQL. What stays: audit rows, which name the patient by keyed hash alone; backups and archived logs of the
    database server; the records themselves, which are not ours.

    Args:
        database: of the viewer.
        audit: where the tombstone is written.
        subject: a subject's id, or a sample's id.
        data: the viewer's folder.
        by: who asked for it.

    Raises:
        InputError: nothing was written of this patient and no scores are cached.
    """
    pseudonym = Pseudonyms.of_folder(data).of(subject)
    folders = sorted(path for kind in _CACHES for path in data.glob(kind) if path.is_dir() and not path.is_symlink())
    with database.session() as session:
        rows: dict[str, int] = {}
        for table in OF_CASE:
            theirs = or_(table.subject_id == subject, table.case_key == subject)
            rows[table.__tablename__] = session.scalar(select(func.count()).select_from(table).where(theirs)) or 0
            session.execute(delete(table).where(theirs))
        if not any(rows.values()) and not folders:
            raise InputError(
                "nothing is kept of this patient",
                where="medkd app forget",
                remedy="Give the subject's id as the cases have it",
            )
        audit.add(session, by, "forgotten", subject=pseudonym, rows=sum(rows.values()))
    # A score's folder lists every item by name: it is a cache, and cheaper to make again than to edit.
    for folder in folders:
        shutil.rmtree(folder)
    _scrub(database)
    return Forgotten(pseudonym, rows, tuple(folder.name for folder in folders))


def _scrub(database: Database) -> None:
    with database.outside_transaction() as connection:
        if database.is_sqlite:
            # Deleted cells are zeroed; VACUUM leaves behind what pages moved, and the journal is emptied of older
            # pages.
            for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)
        else:
            for table in OF_CASE:
                connection.exec_driver_sql(f"VACUUM (FULL) {table.__tablename__}")
