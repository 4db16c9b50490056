"""A B leg that a crash leaves behind gets a record that says whose leg it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; calls that run now have no B legs that are written down."""
    op.add_column("live_calls", sa.Column("parent_call_uuid", sa.String(36)))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("live_calls", "parent_call_uuid")
