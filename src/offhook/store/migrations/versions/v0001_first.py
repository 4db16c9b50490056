"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def upgrade() -> None:
    """Make everything."""
    op.create_table(
        "accounts",
        _text("auth_id", 20),
        _text("auth_token", 64),
        _text("name", 100),
        sa.Column("is_main", sa.Boolean(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("auth_id", name="pk_accounts"),
    )
    op.create_table(
        "applications",
        _text("app_id", 20),
        _text("auth_id", 20),
        _text("name", 100),
        _text("answer_url"),
        _text("answer_method", 4),
        _text("fallback_url", nullable=True),
        _text("fallback_method", 4),
        _text("hangup_url", nullable=True),
        _text("hangup_method", 4),
        sa.PrimaryKeyConstraint("app_id", name="pk_applications"),
        sa.ForeignKeyConstraint(["auth_id"], ["accounts.auth_id"], name="fk_applications_auth_id"),
    )
    op.create_index("ix_applications_auth_id", "applications", ["auth_id"])
    op.create_table(
        "numbers",
        _text("number", 64),
        _text("auth_id", 20),
        _text("app_id", 20, nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_numbers"),
        sa.ForeignKeyConstraint(["auth_id"], ["accounts.auth_id"], name="fk_numbers_auth_id"),
        sa.ForeignKeyConstraint(["app_id"], ["applications.app_id"], name="fk_numbers_app_id", ondelete="SET NULL"),
    )
    op.create_index("ix_numbers_auth_id", "numbers", ["auth_id"])
    op.create_table(
        "live_calls",
        *_call(),
        _time("began_at"),
        _text("app_id", 20, nullable=True),
        _text("hangup_url", nullable=True),
        _text("hangup_method", 4),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_uuid", name="pk_live_calls"),
    )
    op.create_table(
        "call_records",
        *_call(),
        _text("call_status", 16),
        _time("initiation_time"),
        _time("answer_time", nullable=True),
        _time("end_time"),
        _number("duration_s"),
        _number("billed_duration_s"),
        _text("hangup_cause", 64),
        _text("hangup_cause_name", 64),
        _number("hangup_cause_code"),
        _text("hangup_source", 16),
        _text("app_id", 20, nullable=True),
        _text("parent_call_uuid", 36, nullable=True),
        _text("stir_verification", 16),
        _text("stir_attestation", 16),
        _text("source_ip", 64, nullable=True),
        sa.PrimaryKeyConstraint("call_uuid", name="pk_call_records"),
    )
    op.create_index("ix_call_records_account_end", "call_records", ["auth_id", "end_time"])
    op.create_table(
        "timeline_events",
        _text("call_uuid", 36),
        _number("sequence"),
        _time("at"),
        _number("offset_ms"),
        _text("kind", 32),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_uuid", "sequence", name="pk_timeline_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        _text("id", 36),
        _text("auth_id", 20),
        _text("call_uuid", 36),
        _text("purpose", 32),
        _text("url"),
        _text("method", 4),
        sa.Column("parameters", sa.JSON(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("position", name="pk_outbox"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_outbox_call_uuid", "outbox", ["call_uuid"])
    op.create_table(
        "deliveries",
        _text("notification_id", 36),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        _number("status", nullable=True),
        _number("attempts"),
        _text("error", nullable=True),
        _time("finished_at"),
        sa.PrimaryKeyConstraint("notification_id", name="pk_deliveries"),
    )


def _call() -> list[sa.Column[object]]:
    return [_text("call_uuid", 36), _text("auth_id", 20), _text("direction", 8), _text("from_number"), _text("to_number")]


def downgrade() -> None:
    """Remove everything."""
    for table in ("deliveries", "outbox", "timeline_events", "call_records", "live_calls", "numbers", "applications", "accounts"):
        op.drop_table(table)
