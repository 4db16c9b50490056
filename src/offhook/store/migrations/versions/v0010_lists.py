"""Lists of call records are counted, and found by numbers, in indices alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NARROWED = "duration_s", "hangup_cause_code", "direction", "hangup_source", "stir_verification"
_INDICES = {
    "ix_call_records_listed": ("auth_id", "end_time", "call_uuid", *_NARROWED, "from_key", "to_key"),
    "ix_call_records_from": ("from_key", "auth_id", "end_time", *_NARROWED, "to_key"),
    "ix_call_records_to": ("to_key", "auth_id", "end_time", *_NARROWED),
}
_BEFORE = {
    "ix_call_records_listed": (
        *("auth_id", "end_time", "call_uuid", "direction", "hangup_cause_code", "hangup_source", "stir_verification"),
        *("duration_s", "from_key", "to_key"),
    ),
    "ix_call_records_from": ("from_key",),
    "ix_call_records_to": ("to_key",),
}


def _make(indices: dict[str, tuple[str, ...]]) -> None:
    for name, columns in indices.items():
        op.drop_index(name, "call_records")
        op.create_index(name, "call_records", list(columns))


def upgrade() -> None:
    """Make the indices anew; on PostgreSQL, where rows have no numbers, write down which transaction wrote a record."""
    _make(_INDICES)
    if op.get_bind().dialect.name == "postgresql":
        default = sa.text("(pg_current_xact_id()::text::bigint)")
        op.add_column("call_records", sa.Column("written_by", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
        op.alter_column("call_records", "written_by", server_default=default)
        op.create_index("ix_call_records_written_by", "call_records", ["written_by"])


def downgrade() -> None:
    """Back to what was."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_call_records_written_by", "call_records")
        op.drop_column("call_records", "written_by")
    _make(_BEFORE)
