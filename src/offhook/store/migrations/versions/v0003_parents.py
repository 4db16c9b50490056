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
    op.create_index(
        "ix_call_records_parent",
        "call_records",
        ["parent_call_uuid"],
        sqlite_where=sa.text("parent_call_uuid IS NOT NULL"),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_call_records_parent", "call_records")
