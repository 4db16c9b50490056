"""When a running call was answered and the node last lived; what became of notifications, with every attempt."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default="")


def _added() -> list[tuple[str, sa.Column[Any]]]:
    return [
        ("live_calls", sa.Column("answered_at", sa.DateTime())),
        ("outbox", sa.Column("rounds", sa.Integer(), nullable=False, server_default="0")),
        ("outbox", sa.Column("due_at", sa.DateTime())),
        ("outbox", sa.Column("log", sa.JSON(), nullable=False, server_default="[]")),
        ("outbox", sa.Column("asked_at", sa.DateTime())),
        ("deliveries", _text("auth_id", sa.String(20))),
        ("deliveries", _text("call_uuid", sa.String(36))),
        ("deliveries", _text("purpose", sa.String(32))),
        ("deliveries", _text("url", sa.Text())),
        ("deliveries", _text("method", sa.String(4))),
        ("deliveries", sa.Column("created_at", sa.DateTime())),
        ("deliveries", sa.Column("parameters", sa.JSON())),
        ("deliveries", sa.Column("log", sa.JSON(), nullable=False, server_default="[]")),
    ]


_INDICES = [("outbox", "asked_at"), ("deliveries", "finished_at"), ("deliveries", "call_uuid")]


def upgrade() -> None:
    """Add the columns, their indices, and the table of heartbeats."""
    for table, column in _added():
        op.add_column(table, column)
    for table, name in _INDICES:
        op.create_index(f"ix_{table}_{name}", table, [name])
    op.create_table(
        "heartbeats",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("beat_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_heartbeats"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("heartbeats")
    for table, name in _INDICES:
        op.drop_index(f"ix_{table}_{name}", table)
    for table, column in reversed(_added()):
        op.drop_column(table, column.name)
