from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.app.storage.forget import forget
from medkd.app.storage.records import CaseKey, ModelOutput
from medkd.app.storage.reviews import Reviews
from medkd.deploy.inference.pseudonym import Pseudonyms
from medkd.errors import InputError

MODEL = ModelOutput("ab")
THEIRS, OTHERS = "patient-forget-me", "patient-keep-me"


@pytest.fixture
def written(reviews: Reviews) -> Reviews:
    """Two readers on three cases of each of two patients, with long comments, so that the file has many pages."""
    for subject in (THEIRS, OTHERS):
        for number in range(3):
            case = CaseKey(f"{subject}/rec{number}", subject, f"id:{subject[8]}{number}")
            for reader in ("ada", "bob"):
                reviews.mark_shown(case, reader)
                reviews.store_reading(case, reader, {"cd": "yes"}, seconds=1, model=MODEL)
                for revision in range(3):
                    comment = f"{subject} " * 150 + str(revision)
                    reviews.store_verdict(
                        case, reader, "disagree", comment=comment, seconds=1, model=MODEL, blinded=True
                    )
            reviews.adjudicate(case, Account("cem", "adjudicator"), {"cd": "no"}, comment=f"of {subject}")
    return reviews


def test_everything_of_one_patient_goes_and_nothing_else(
    written: Reviews, database: Database, audit: AuditLog, data: Path
):
    done = forget(database, audit, THEIRS, data, by="boss")
    assert done.rows == {"shown": 6, "readings": 6, "verdicts": 18, "adjudications": 3}
    assert {row.case.subject_id for row in written.readings()} == {OTHERS}
    assert len(written.verdicts()) == 6
    assert set(written.adjudications()) == {f"{OTHERS}/rec{number}" for number in range(3)}


def test_a_tombstone_stays_in_a_log_that_is_whole(written: Reviews, database: Database, audit: AuditLog, data: Path):
    forget(database, audit, THEIRS, data, by="boss")
    last = audit.last()
    assert (last.actor, last.action) == ("boss", "forgotten")
    assert json.loads(last.details) == {"subject": Pseudonyms.for_folder(data).hash(THEIRS), "rows": 33}
    assert audit.verify() == []


def test_the_bytes_are_gone(written: Reviews, database: Database, audit: AuditLog, data: Path):
    def found() -> list[str]:
        if database.is_sqlite:
            return [path.name for path in data.iterdir() if path.is_file() and THEIRS.encode() in path.read_bytes()]
        with database.read_session() as session:
            # Everything that the tables' files hold, dead rows among them.
            names = [
                session.scalar(text(f"SELECT pg_relation_filepath('{name}')"))
                for name in ("readings", "verdicts", "shown", "adjudications")
            ]
            session.rollback()
            folder = Path(str(session.scalar(text("SHOW data_directory"))))
        with database.autocommit_connection() as connection:
            connection.execute(text("CHECKPOINT"))
        return [name for name in names if THEIRS.encode() in (folder / name).read_bytes()]

    assert found()
    forget(database, audit, THEIRS, data, by="boss")
    assert found() == []
    database.dispose()
    assert found() == []


def test_one_sample_can_be_forgotten(written: Reviews, database: Database, audit: AuditLog, data: Path):
    done = forget(database, audit, f"{THEIRS}/rec1", data, by="boss")
    assert done.rows == {"shown": 2, "readings": 2, "verdicts": 6, "adjudications": 1}


def test_cached_scores_go_and_other_files_stay(written: Reviews, database: Database, audit: AuditLog, data: Path):
    for folder in ("scores-ab12", "scores-cd34"):
        (data / folder / "chunks").mkdir(parents=True)
        (data / folder / "predictions.csv").write_text(f"sample_id\n{THEIRS}/rec1\n")
    (data / "mine.txt").write_text("mine")
    assert forget(database, audit, THEIRS, data, by="boss").scores == ("scores-ab12", "scores-cd34")
    assert not list(data.glob("scores-*"))
    assert (data / "mine.txt").exists()


def test_an_unknown_patient_is_reported_and_nothing_happens(
    written: Reviews, database: Database, audit: AuditLog, data: Path
):
    for subject in ("nobody", "%", "patient-%", "' OR 1=1 --", ""):
        with pytest.raises(InputError, match="nothing is kept"):
            forget(database, audit, subject, data, by="boss")
    assert len(written.readings()) == 12
    assert audit.last().action == "adjudication"
