"""Nodes that share a database know their own; lists of call records are answered from an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_LISTED = (
    *("auth_id", "end_time", "call_uuid", "direction", "hangup_cause_code", "hangup_source", "stir_verification"),
    *("duration_s", "from_key", "to_key"),
)


def upgrade() -> None:
    """Add whose a row is, and how numbers are looked up."""
    for table in ("live_calls", "outbox", "recordings"):
        op.add_column(table, sa.Column("node", sa.String(36), nullable=False, server_default=""))
    key = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    for name in ("from_key", "to_key"):
        op.add_column("call_records", sa.Column(name, key, nullable=False, server_default=""))
    op.execute("UPDATE call_records SET from_key = lower(ltrim(from_number, '+')), to_key = lower(ltrim(to_number, '+'))")
    op.drop_index("ix_call_records_account_end", "call_records")
    op.create_index("ix_call_records_listed", "call_records", list(_LISTED))
    op.create_index("ix_call_records_from", "call_records", ["from_key"])
    op.create_index("ix_call_records_to", "call_records", ["to_key"])


def downgrade() -> None:
    """Remove them."""
    for name in ("ix_call_records_to", "ix_call_records_from", "ix_call_records_listed"):
        op.drop_index(name, "call_records")
    op.create_index("ix_call_records_account_end", "call_records", ["auth_id", "end_time"])
    for name in ("to_key", "from_key"):
        op.drop_column("call_records", name)
    for table in ("recordings", "outbox", "live_calls"):
        op.drop_column(table, "node")
