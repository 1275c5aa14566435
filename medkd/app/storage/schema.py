"""The tables that the viewer keeps: accounts, sessions, failed logins, the audit log, and what readers wrote."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Float, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """What all tables share: constraints have names, so that migrations can reach them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AccountRow(Base):
    """One person. A removed account keeps its row, so that its name is never given to another one."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    password_hash: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16))
    identifiers: Mapped[bool] = mapped_column(Boolean)
    must_change: Mapped[bool] = mapped_column(Boolean)
    created: Mapped[float] = mapped_column(Float)
    removed: Mapped[float | None] = mapped_column(Float)


class SessionRow(Base):
    """One login: the digest of its token, never the token."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), index=True)
    opened: Mapped[float] = mapped_column(Float)
    seen: Mapped[float] = mapped_column(Float)


class FailureRow(Base):
    """One failed login, counted against a name or an address; both are kept as digests."""

    __tablename__ = "failures"
    __table_args__ = (Index(None, "whom", "at"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    whom: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)


class AuditRow(Base):
    """One act. ``mac`` covers the row and the ``mac`` of the row before it.

    The database refuses to change or delete a row.
    """

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    details: Mapped[str] = mapped_column(Text)
    mac: Mapped[str] = mapped_column(String(64))


class OfCase:
    """Columns of what was written of one case.

    ``case_key`` is its sample's id, and by ``subject_id`` it is found when it is forgotten.
    """

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    target: Mapped[str] = mapped_column(String(128))
    case_key: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text, index=True)
    pseudonym: Mapped[str] = mapped_column(String(64))
    reader: Mapped[str] = mapped_column(String(32))
    at: Mapped[float] = mapped_column(Float)


class ShownRow(OfCase, Base):
    """The first time that a reader was shown the model's output for a case."""

    __tablename__ = "shown"
    __table_args__ = (UniqueConstraint("target", "case_key", "reader"),)


class ReadingRow(OfCase, Base):
    """A reader's own reading, given once; ``blinded`` when the model's output had not been shown before."""

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("target", "case_key", "reader"),)

    reading: Mapped[dict[str, str]] = mapped_column(JSON)
    blinded: Mapped[bool] = mapped_column(Boolean)
    seconds: Mapped[float] = mapped_column(Float)
    model: Mapped[dict[str, Any]] = mapped_column(JSON)


class VerdictRow(OfCase, Base):
    """What a reader thinks of the model's output; a change is a further revision, and the newest counts."""

    __tablename__ = "verdicts"
    __table_args__ = (UniqueConstraint("target", "case_key", "reader", "revision"),)

    revision: Mapped[int] = mapped_column(Integer)
    agreement: Mapped[str] = mapped_column(String(16))
    comment: Mapped[str] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(Float)
    model: Mapped[dict[str, Any]] = mapped_column(JSON)


class AdjudicationRow(OfCase, Base):
    """The reading that settles a case on which readers differ; ``reader`` is the adjudicator.

    The newest revision of all counts.
    """

    __tablename__ = "adjudications"
    __table_args__ = (UniqueConstraint("target", "case_key", "revision"),)

    revision: Mapped[int] = mapped_column(Integer)
    reading: Mapped[dict[str, str]] = mapped_column(JSON)
    comment: Mapped[str] = mapped_column(Text)


OF_CASE = (ShownRow, ReadingRow, VerdictRow, AdjudicationRow)
"""Tables that hold what was written of cases."""
