"""Recordings: those that run, so that a crash loses none, and those that are complete."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LISTED = (
    *("auth_id", "complete", "added_at", "recording_id", "call_uuid", "from_number", "to_number"),
    *("conference_name", "conference_uuid", "mpc_name", "mpc_uuid"),
)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(36), nullable=False),
        sa.Column("auth_id", sa.String(20), nullable=False),
        sa.Column("call_uuid", sa.String(36), nullable=False),
        sa.Column("from_number", sa.Text(), nullable=False),
        sa.Column("to_number", sa.Text(), nullable=False),
        sa.Column("file_format", sa.String(4), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(20), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("recording_type", sa.String(16), nullable=False),
        sa.Column("conference_name", sa.Text(), nullable=False),
        sa.Column("conference_uuid", sa.String(36)),
        sa.Column("mpc_name", sa.Text()),
        sa.Column("mpc_uuid", sa.String(36)),
        sa.Column("callback_url", sa.Text()),
        sa.Column("callback_method", sa.String(4), nullable=False),
        sa.Column("callback_style", sa.String(8), nullable=False),
        sa.Column("callback_parameters", sa.JSON(), nullable=False),
        sa.Column("transcription_url", sa.Text()),
        sa.Column("transcription_method", sa.String(4), nullable=False),
        sa.PrimaryKeyConstraint("recording_id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_listed", "recordings", list(_LISTED))
    op.create_index("ix_recordings_call", "recordings", ["call_uuid"])


def downgrade() -> None:
    """Remove it; the files stay."""
    op.drop_table("recordings")
