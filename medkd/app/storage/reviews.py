"""Reviews of cases: readings before, verdicts after the model's output was shown, and adjudications."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from medkd.app.storage.account import Account
from medkd.app.storage.audit_log import AuditLog
from medkd.app.storage.database import Database
from medkd.app.storage.records import AGREEMENTS, ANSWERS, Adjudication, CaseKey, ModelOutput, Reading, Verdict
from medkd.app.storage.schema import AdjudicationRow, CaseColumns, ReadingRow, ShownRow, VerdictRow
from medkd.errors import InputError, nearest

MAX_COMMENT_LENGTH = 4000
_ATTEMPTS = 5
_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=CaseColumns)


class Reviews:
    """Readings, verdicts and adjudications for one target.

    What a method returned is committed: it survives a killed server. Of two identical requests the second changes
    nothing. Each act is recorded in the audit log, in the same transaction.

    Args:
        target: key of what is predicted; reviews for another target are separate, even of the same case.
        clock: seconds since 1970.
    """

    def __init__(
        self, database: Database, audit: AuditLog, target: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.audit = audit
        self.target = target
        self.clock = clock

    def may_see_model(self, case_key: str, reader: str, blinded: bool) -> bool:
        """Whether the model's output may be shown: in blinded mode only after the reader's own reading was stored."""
        return not blinded or self.reading_of(case_key, reader) is not None

    def mark_shown(self, case: CaseKey, reader: str) -> None:
        """Record that the model's output is now shown to a reader; a reading given later is not blinded."""
        with self.database.read_session() as session:
            # After their reading it no longer matters, and one record is enough: no need to wait for the writers' lock.
            if any(self._newest(session, kind, case.case_key, reader) for kind in (ReadingRow, ShownRow)):
                return

        def write(session: Session) -> None:
            if self._newest(session, ShownRow, case.case_key, reader) is None:
                session.add(ShownRow(**self._columns(case, reader)))

        self._write(write)

    def store_reading(
        self, case: CaseKey, reader: str, reading: Mapping[str, str], *, seconds: float, model: ModelOutput
    ) -> Reading:
        """Store a reader's own reading. It is blinded when the model's output was not shown to them before.

        Args:
            reader: the account's name.
            reading: "yes", "no" or "unsure" by class.
            seconds: time taken.
            model: the model's output for the case, stored for comparison.

        Raises:
            InputError: an answer is invalid, or a different reading by this reader is stored.
        """
        answers = _checked(reading)

        def write(session: Session) -> Reading:
            if row := self._newest(session, ReadingRow, case.case_key, reader):
                if row.reading != answers:
                    raise InputError(
                        "your reading of this case is stored and cannot be changed",
                        remedy="Say what you think now in the verdict",
                    )
                return _reading(row)
            blinded = self._newest(session, ShownRow, case.case_key, reader) is None
            row = ReadingRow(
                **self._columns(case, reader), reading=answers, blinded=blinded, seconds=seconds, model=model.to_dict()
            )
            session.add(row)
            session.flush()
            self.audit.add(session, reader, "reading", case=case.pseudonym, blinded=blinded)
            return _reading(row)

        return self._write(write)

    def store_verdict(
        self,
        case: CaseKey,
        reader: str,
        agreement: str,
        *,
        comment: str = "",
        seconds: float,
        model: ModelOutput,
        blinded: bool,
    ) -> Verdict:
        """Store a reader's verdict on the model's output; a change is a further revision, the earlier ones stay.

        Args:
            reader: the account's name.
            agreement: "agree", "disagree" or "unsure".
            comment: at most 4000 characters.
            seconds: time taken.
            model: the output that was shown.
            blinded: whether a reading must be stored first.

        Raises:
            InputError: ``agreement`` is not one of the three, the comment is too long, or the reading is missing.
        """
        if agreement not in AGREEMENTS:
            raise InputError(f"'{agreement}' is not a verdict", remedy=nearest(agreement, AGREEMENTS))
        comment = _comment(comment)

        def write(session: Session) -> Verdict:
            if blinded and self._newest(session, ReadingRow, case.case_key, reader) is None:
                raise InputError("give your own reading first", remedy="The model's output is shown afterwards")
            last = self._newest(session, VerdictRow, case.case_key, reader)
            if last and (last.agreement, last.comment) == (agreement, comment):
                return _verdict(last)
            row = VerdictRow(
                **self._columns(case, reader),
                revision=last.revision + 1 if last else 1,
                agreement=agreement,
                comment=comment,
                seconds=seconds,
                model=model.to_dict(),
            )
            session.add(row)
            session.flush()
            self.audit.add(session, reader, "verdict", case=case.pseudonym, agreement=agreement, revision=row.revision)
            return _verdict(row)

        return self._write(write)

    def adjudicate(
        self, case: CaseKey, account: Account, reading: Mapping[str, str], *, comment: str = ""
    ) -> Adjudication:
        """Store the final reading of a case; the newest revision counts, from any adjudicator.

        Raises:
            InputError: the account is not an adjudicator's, an answer is invalid, or the comment is too long.
        """
        if not account.may("adjudicator"):
            raise InputError("only an adjudicator may settle a case", remedy="Ask an admin for the role")
        answers, comment = _checked(reading), _comment(comment)

        def write(session: Session) -> Adjudication:
            last = session.scalars(
                select(AdjudicationRow)
                .where(AdjudicationRow.target == self.target, AdjudicationRow.case_key == case.case_key)
                .order_by(AdjudicationRow.revision.desc())
                .limit(1)
            ).one_or_none()
            if last and (last.reader, last.reading, last.comment) == (account.name, answers, comment):
                return _adjudication(last)
            row = AdjudicationRow(
                **self._columns(case, account.name),
                revision=last.revision + 1 if last else 1,
                reading=answers,
                comment=comment,
            )
            session.add(row)
            session.flush()
            self.audit.add(session, account.name, "adjudication", case=case.pseudonym, revision=row.revision)
            return _adjudication(row)

        return self._write(write)

    def reading_of(self, case_key: str, reader: str) -> Reading | None:
        """A reader's own reading of a case; None if there is none."""
        with self.database.read_session() as session:
            row = self._newest(session, ReadingRow, case_key, reader)
            return _reading(row) if row else None

    def verdict_of(self, case_key: str, reader: str) -> Verdict | None:
        """A reader's newest verdict on a case; None if there is none."""
        with self.database.read_session() as session:
            row = self._newest(session, VerdictRow, case_key, reader)
            return _verdict(row) if row else None

    def readings(self, reader: str | None = None) -> list[Reading]:
        """Every reading, or one reader's, oldest first."""
        return [_reading(row) for row in self._rows(ReadingRow, reader)]

    def verdicts(self, reader: str | None = None) -> list[Verdict]:
        """The newest verdict per case and reader, or per case of one reader."""
        newest = {(row.case_key, row.reader): row for row in self._rows(VerdictRow, reader)}
        return [_verdict(row) for row in newest.values()]

    def adjudications(self) -> dict[str, Adjudication]:
        """The newest adjudication of each case that has one, by ``case_key``."""
        return {row.case_key: _adjudication(row) for row in self._rows(AdjudicationRow, None)}

    def progress_of(self, reader: str) -> dict[str, str]:
        """One reader's progress by ``case_key``: "read", or their newest verdict; unread cases are left out."""
        return {key: states[reader] for key, states in self.progress_by_case(reader).items()}

    def progress_by_case(self, reader: str | None = None) -> dict[str, dict[str, str]]:
        """Progress per case: ``case_key`` to reader to "read", "agree", "disagree" or "unsure".

        Readers must not see each other's: what is shown to a reader comes from ``progress_of``.
        """
        progress: dict[str, dict[str, str]] = {}
        with self.database.read_session() as session:
            readings = select(ReadingRow.case_key, ReadingRow.reader).where(ReadingRow.target == self.target)
            verdicts = select(VerdictRow.case_key, VerdictRow.reader, VerdictRow.agreement).where(
                VerdictRow.target == self.target
            )
            if reader is not None:
                readings = readings.where(ReadingRow.reader == reader)
                verdicts = verdicts.where(VerdictRow.reader == reader)
            for key, name in session.execute(readings):
                progress.setdefault(key, {})[name] = "read"
            for key, name, agreement in session.execute(verdicts.order_by(VerdictRow.revision)):
                progress.setdefault(key, {})[name] = agreement
        return progress

    def _columns(self, case: CaseKey, reader: str) -> dict[str, Any]:
        return {**asdict(case), "target": self.target, "reader": reader, "at": self.clock()}

    def _newest(self, session: Session, kind: type[_Row], case_key: str, reader: str) -> _Row | None:
        query = select(kind).where(kind.target == self.target, kind.case_key == case_key, kind.reader == reader)
        return session.scalars(query.order_by(kind.number.desc()).limit(1)).one_or_none()

    def _rows(self, kind: type[_Row], reader: str | None) -> Sequence[_Row]:
        query = select(kind).where(kind.target == self.target)
        with self.database.read_session() as session:
            return session.scalars(
                (query if reader is None else query.where(kind.reader == reader)).order_by(kind.number)
            ).all()

    def _write(self, write: Callable[[Session], _T]) -> _T:
        """Run a transaction; repeat it if another one inserted the same row meanwhile, which it then reads."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(IntegrityError), self.database.session() as session:
                return write(session)
        with self.database.session() as session:
            return write(session)


def _checked(reading: Mapping[str, str]) -> dict[str, str]:
    if not reading:
        raise InputError("a reading needs an answer", remedy="Answer yes, no or unsure for each class")
    for name, answer in reading.items():
        if answer not in ANSWERS:
            raise InputError(f"'{answer}' is not an answer", where=name, remedy=nearest(str(answer), ANSWERS))
    return dict(reading)


def _comment(text: str) -> str:
    # PostgreSQL stores neither NUL nor lone surrogates.
    clean = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip()
    if len(clean) > MAX_COMMENT_LENGTH:
        raise InputError(f"the comment has {len(clean)} characters, {MAX_COMMENT_LENGTH} at most", remedy="Shorten it")
    return clean


def _case(row: CaseColumns) -> CaseKey:
    return CaseKey(row.case_key, row.subject_id, row.pseudonym)


def _reading(row: ReadingRow) -> Reading:
    return Reading(_case(row), row.reader, row.reading, row.blinded, row.seconds, ModelOutput(**row.model), row.at)


def _verdict(row: VerdictRow) -> Verdict:
    return Verdict(
        _case(row), row.reader, row.agreement, row.comment, row.seconds, ModelOutput(**row.model), row.revision, row.at
    )


def _adjudication(row: AdjudicationRow) -> Adjudication:
    return Adjudication(_case(row), row.reader, row.reading, row.comment, row.revision, row.at)
