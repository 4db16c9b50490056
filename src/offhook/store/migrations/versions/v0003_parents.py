"""The B legs of a call are found by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index; rows without a parent are not in it."""
    has_one = sa.text("parent_call_uuid IS NOT NULL")
    name, table = "ix_call_records_parent", "call_records"
    op.create_index(name, table, ["parent_call_uuid"], sqlite_where=has_one, postgresql_where=has_one)


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_call_records_parent", "call_records")
