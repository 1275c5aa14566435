"""The first schema: accounts, sessions, failed logins, the audit log, readings and verdicts.

Revision ID: 0001
Create Date: 2026-11-24
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN "
    "SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN "
    "SELECT RAISE(ABORT, 'the audit log is append-only'); END",
)
_POSTGRESQL = (
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)


def upgrade() -> None:
    """Create the tables, and the triggers that keep the audit log append-only."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("identifiers", sa.Boolean(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("removed", sa.Float()),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("opened", sa.Float(), nullable=False),
        sa.Column("seen", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_name", "sessions", ["name"])
    op.create_table(
        "failures",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("whom", sa.String(64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_failures"),
    )
    op.create_index("ix_failures_whom_at", "failures", ["whom", "at"])
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)
    _of_case("shown", unique=("reader",))
    _of_case(
        "readings",
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("blinded", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("model", sa.JSON(), nullable=False),
        unique=("reader",),
    )
    _of_case(
        "verdicts",
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("agreement", sa.String(16), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("model", sa.JSON(), nullable=False),
        unique=("reader", "revision"),
    )
    _of_case(
        "adjudications",
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        unique=("revision",),
    )


def _of_case(table: str, *columns: sa.Column[object], unique: tuple[str, ...]) -> None:
    op.create_table(
        table,
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("case_key", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("pseudonym", sa.String(64), nullable=False),
        sa.Column("reader", sa.String(32), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("number", name=f"pk_{table}"),
        sa.UniqueConstraint("target", "case_key", *unique, name="_".join(("uq", table, "target", "case_key", *unique))),
    )
    op.create_index(f"ix_{table}_subject_id", table, ["subject_id"])


def downgrade() -> None:
    """There is no older schema to return to.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("there is no older schema; restore a backup")
