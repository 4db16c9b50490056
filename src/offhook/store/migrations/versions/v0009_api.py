"""What the rest of the REST API keeps: feedback on calls, and notifications whose body is not a form."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column."""
    op.create_table(
        "call_feedback",
        sa.Column("call_uuid", sa.String(36), nullable=False),
        sa.Column("auth_id", sa.String(20), nullable=False),
        sa.Column("rating", sa.Float(), nullable=False),
        sa.Column("issues", sa.JSON(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("call_uuid", name="pk_call_feedback"),
    )
    for table in ("outbox", "deliveries"):
        op.add_column(table, sa.Column("body", sa.Text()))


def downgrade() -> None:
    """Remove them."""
    for table in ("deliveries", "outbox"):
        op.drop_column(table, "body")
    op.drop_table("call_feedback")
