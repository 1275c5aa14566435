"""Readings and verdicts: who saw the model's output when, and what they wrote before and after."""

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
from medkd.app.storage.audit_log import Audit
from medkd.app.storage.database import Database
from medkd.app.storage.records import AGREEMENTS, ANSWERS, Adjudication, CaseKey, ModelOutput, Reading, Verdict
from medkd.app.storage.schema import AdjudicationRow, OfCase, ReadingRow, ShownRow, VerdictRow
from medkd.errors import InputError, nearest

LONGEST_COMMENT = 4000
_ATTEMPTS = 5
_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=OfCase)


class Verdicts:
    """Everything that readers wrote about one target.

    What a method returned is committed: it survives a killed server. Of two identical requests the second changes
    nothing.

    Args:
        database: where it is kept.
        audit: where each act is noted, in the same transaction.
        target: key of what is predicted; readings of another target are another matter, even of the same case.
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, audit: Audit, target: str, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.audit = audit
        self.target = target
        self.clock = clock

    def may_see_model(self, case_key: str, reader: str, blinded: bool) -> bool:
        """Whether the model's output may be shown: in blinded mode only after the reader's own reading was stored."""
        return not blinded or self.reading_of(case_key, reader) is not None

    def shown(self, case: CaseKey, reader: str) -> None:
        """Note that the model's output is now shown to a reader; a reading that they give later is not blinded."""
        with self.database.reading() as session:
            # After their reading it says nothing more, and a note that is there is enough: nobody waits for a turn to
            # write.
            if any(self._find(session, kind, case.case_key, reader) for kind in (ReadingRow, ShownRow)):
                return

        def write(session: Session) -> None:
            if self._find(session, ShownRow, case.case_key, reader) is None:
                session.add(ShownRow(**self._of(case, reader)))

        self._write(write)

    def reading(
        self, case: CaseKey, reader: str, reading: Mapping[str, str], *, seconds: float, model: ModelOutput
    ) -> Reading:
        """Store a reader's own reading. It is blinded when the model's output was not shown to them before.

        Args:
            case: which case.
            reader: whose reading.
            reading: "yes", "no" or "unsure" for each class.
            seconds: that it took.
            model: what the model says of the case; it is kept for comparison.

        Raises:
            InputError: an answer is none, or this reader's reading is there already and says something else.
        """
        answers = _checked(reading)

        def write(session: Session) -> Reading:
            if row := self._find(session, ReadingRow, case.case_key, reader):
                if row.reading != answers:
                    raise InputError(
                        "your reading of this case is stored and cannot be changed",
                        remedy="Say what you think now in the verdict",
                    )
                return _reading(row)
            blinded = self._find(session, ShownRow, case.case_key, reader) is None
            row = ReadingRow(
                **self._of(case, reader), reading=answers, blinded=blinded, seconds=seconds, model=model.document()
            )
            session.add(row)
            session.flush()
            self.audit.add(session, reader, "reading", case=case.pseudonym, blinded=blinded)
            return _reading(row)

        return self._write(write)

    def verdict(
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
        """Store what a reader thinks of the model's output.

        A changed mind is a further revision, the earlier ones stay.

        Args:
            case: which case.
            reader: whose verdict.
            agreement: "agree", "disagree" or "unsure".
            comment: free text, at most 4000 characters.
            seconds: that it took.
            model: what was shown.
            blinded: whether the reader had to give a reading first.

        Raises:
            InputError: ``agreement`` is none of the three, the comment is too long, or the reading is still to be
                given.
        """
        if agreement not in AGREEMENTS:
            raise InputError(f"'{agreement}' is no verdict", remedy=nearest(agreement, AGREEMENTS))
        comment = _comment(comment)

        def write(session: Session) -> Verdict:
            if blinded and self._find(session, ReadingRow, case.case_key, reader) is None:
                raise InputError("give your own reading first", remedy="The model's output is shown afterwards")
            last = self._find(session, VerdictRow, case.case_key, reader)
            if last and (last.agreement, last.comment) == (agreement, comment):
                return _verdict(last)
            row = VerdictRow(
                **self._of(case, reader),
                revision=last.revision + 1 if last else 1,
                agreement=agreement,
                comment=comment,
                seconds=seconds,
                model=model.document(),
            )
            session.add(row)
            session.flush()
            self.audit.add(session, reader, "verdict", case=case.pseudonym, agreement=agreement, revision=row.revision)
            return _verdict(row)

        return self._write(write)

    def adjudicate(
        self, case: CaseKey, account: Account, reading: Mapping[str, str], *, comment: str = ""
    ) -> Adjudication:
        """Store the reading that settles a case; the newest revision counts, whoever wrote it.

        Raises:
            InputError: the account may not, an answer is none, or the comment is too long.
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
                **self._of(case, account.name),
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
        """A reader's own reading of a case, if there is one."""
        with self.database.reading() as session:
            row = self._find(session, ReadingRow, case_key, reader)
            return _reading(row) if row else None

    def verdict_of(self, case_key: str, reader: str) -> Verdict | None:
        """A reader's newest verdict of a case, if there is one."""
        with self.database.reading() as session:
            row = self._find(session, VerdictRow, case_key, reader)
            return _verdict(row) if row else None

    def readings(self, reader: str | None = None) -> list[Reading]:
        """Every reading, or one reader's, oldest first."""
        return [_reading(row) for row in self._rows(ReadingRow, reader)]

    def verdicts(self, reader: str | None = None) -> list[Verdict]:
        """The newest verdict of every case and reader, or of one reader's cases."""
        newest = {(row.case_key, row.reader): row for row in self._rows(VerdictRow, reader)}
        return [_verdict(row) for row in newest.values()]

    def adjudications(self) -> dict[str, Adjudication]:
        """The newest adjudication of each case that has one, by ``case_key``."""
        return {row.case_key: _adjudication(row) for row in self._rows(AdjudicationRow, None)}

    def of_reader(self, reader: str) -> dict[str, str]:
        """How far one reader is with each case: "read", or their newest verdict.

        Cases that they did not begin are left out.
        """
        return {key: states[reader] for key, states in self.by_case(reader).items()}

    def by_case(self, reader: str | None = None) -> dict[str, dict[str, str]]:
        """How far each reader is with each case: ``case_key`` to reader to "read", "agree", "disagree" or "unsure".

        Readers do not see each other's: what is shown to a reader comes from ``of_reader``.
        """
        found: dict[str, dict[str, str]] = {}
        with self.database.reading() as session:
            read = select(ReadingRow.case_key, ReadingRow.reader).where(ReadingRow.target == self.target)
            said = select(VerdictRow.case_key, VerdictRow.reader, VerdictRow.agreement).where(
                VerdictRow.target == self.target
            )
            if reader is not None:
                read, said = read.where(ReadingRow.reader == reader), said.where(VerdictRow.reader == reader)
            for key, name in session.execute(read):
                found.setdefault(key, {})[name] = "read"
            for key, name, agreement in session.execute(said.order_by(VerdictRow.revision)):
                found.setdefault(key, {})[name] = agreement
        return found

    def _of(self, case: CaseKey, reader: str) -> dict[str, Any]:
        return {**asdict(case), "target": self.target, "reader": reader, "at": self.clock()}

    def _find(self, session: Session, kind: type[_Row], case_key: str, reader: str) -> _Row | None:
        wanted = select(kind).where(kind.target == self.target, kind.case_key == case_key, kind.reader == reader)
        return session.scalars(wanted.order_by(kind.number.desc()).limit(1)).one_or_none()

    def _rows(self, kind: type[_Row], reader: str | None) -> Sequence[_Row]:
        wanted = select(kind).where(kind.target == self.target)
        with self.database.reading() as session:
            return session.scalars(
                (wanted if reader is None else wanted.where(kind.reader == reader)).order_by(kind.number)
            ).all()

    def _write(self, write: Callable[[Session], _T]) -> _T:
        """Run a transaction, again where another one wrote the same row meanwhile: the second time it sees that row."""
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
            raise InputError(f"'{answer}' is no answer", where=name, remedy=nearest(str(answer), ANSWERS))
    return dict(reading)


def _comment(text: str) -> str:
    # PostgreSQL keeps neither NUL nor halves of surrogate pairs.
    clean = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip()
    if len(clean) > LONGEST_COMMENT:
        raise InputError(f"the comment has {len(clean)} characters, {LONGEST_COMMENT} at most", remedy="Shorten it")
    return clean


def _case(row: OfCase) -> CaseKey:
    return CaseKey(row.case_key, row.subject_id, row.pseudonym)


def _reading(row: ReadingRow) -> Reading:
    return Reading(_case(row), row.reader, row.reading, row.blinded, row.seconds, ModelOutput(**row.model), row.at)


def _verdict(row: VerdictRow) -> Verdict:
    return Verdict(
        _case(row), row.reader, row.agreement, row.comment, row.seconds, ModelOutput(**row.model), row.revision, row.at
    )


def _adjudication(row: AdjudicationRow) -> Adjudication:
    return Adjudication(_case(row), row.reader, row.reading, row.comment, row.revision, row.at)
