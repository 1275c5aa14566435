"""Schema of the viewer's database: accounts, sessions, failed logins, audit log, readings and verdicts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Float, Index, Integer, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables: constraints have names, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AccountRow(Base):
    """One person. A removed account keeps its row, so that its name is never used again."""

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
    """One failed login of a name or an address, stored as a digest."""

    __tablename__ = "failures"
    __table_args__ = (Index(None, "whom", "at"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    whom: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)


class AuditRow(Base):
    """One act; ``mac`` covers the row and the ``mac`` before it. The database refuses to change or delete a row."""

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(32))
    details: Mapped[str] = mapped_column(Text)
    mac: Mapped[str] = mapped_column(String(64))


class CaseColumns:
    """Columns of every table about cases: ``case_key`` is the sample's id; ``subject_id`` finds the rows to forget."""

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    target: Mapped[str] = mapped_column(String(128))
    case_key: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text, index=True)
    pseudonym: Mapped[str] = mapped_column(String(64))
    reader: Mapped[str] = mapped_column(String(32))
    at: Mapped[float] = mapped_column(Float)


class ShownRow(CaseColumns, Base):
    """The first time that a reader was shown the model's output for a case."""

    __tablename__ = "shown"
    __table_args__ = (UniqueConstraint("target", "case_key", "reader"),)


class ReadingRow(CaseColumns, Base):
    """A reader's own reading, given once; ``blinded`` when the model's output had not been shown before."""

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("target", "case_key", "reader"),)

    reading: Mapped[dict[str, str]] = mapped_column(JSON)
    blinded: Mapped[bool] = mapped_column(Boolean)
    seconds: Mapped[float] = mapped_column(Float)
    model: Mapped[dict[str, Any]] = mapped_column(JSON)


class VerdictRow(CaseColumns, Base):
    """A reader's verdict on the model's output; a change is a further revision, and the newest counts."""

    __tablename__ = "verdicts"
    __table_args__ = (UniqueConstraint("target", "case_key", "reader", "revision"),)

    revision: Mapped[int] = mapped_column(Integer)
    agreement: Mapped[str] = mapped_column(String(16))
    comment: Mapped[str] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(Float)
    model: Mapped[dict[str, Any]] = mapped_column(JSON)


class AdjudicationRow(CaseColumns, Base):
    """The final reading of a case on which readers differ, by an adjudicator; the newest revision counts."""

    __tablename__ = "adjudications"
    __table_args__ = (UniqueConstraint("target", "case_key", "revision"),)

    revision: Mapped[int] = mapped_column(Integer)
    reading: Mapped[dict[str, str]] = mapped_column(JSON)
    comment: Mapped[str] = mapped_column(Text)


CASE_TABLES = (ShownRow, ReadingRow, VerdictRow, AdjudicationRow)
"""Tables whose rows belong to cases."""
