"""What the REST API keeps: subaccounts, all fields of applications and numbers, and the pool of numbers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _flag(name: str, *, default: bool) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.true() if default else sa.false())


def _word(name: str, length: int, default: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False, server_default=default)


def _added() -> list[tuple[str, sa.Column[Any]]]:
    return [
        ("accounts", sa.Column("parent_id", sa.String(20))),
        ("accounts", _flag("enabled", default=True)),
        ("accounts", sa.Column("city", sa.Text())),
        ("accounts", sa.Column("state", sa.Text())),
        ("accounts", sa.Column("address", sa.Text())),
        ("accounts", _word("timezone", 64, "UTC")),
        ("accounts", sa.Column("modified_at", sa.DateTime())),
        ("applications", sa.Column("message_url", sa.Text())),
        ("applications", _word("message_method", 4, "POST")),
        ("applications", _flag("default_number_app", default=False)),
        ("applications", _flag("default_endpoint_app", default=False)),
        ("applications", _flag("enabled", default=True)),
        ("applications", _flag("public_uri", default=False)),
        ("applications", _flag("log_incoming_messages", default=True)),
        ("applications", _word("sip_auth_type", 24, "")),
        ("applications", sa.Column("ip_acl_uuid", sa.String(36))),
        ("applications", sa.Column("credential_uuid", sa.String(36))),
        ("applications", sa.Column("created_at", sa.DateTime())),
        ("numbers", sa.Column("alias", sa.String(100))),
        ("numbers", _word("number_type", 16, "local")),
        ("numbers", sa.Column("country", sa.String(2))),
        ("numbers", sa.Column("region", sa.Text())),
        ("numbers", sa.Column("city", sa.Text())),
        ("numbers", sa.Column("carrier", sa.Text())),
        ("numbers", sa.Column("added_at", sa.DateTime())),
        ("numbers", _flag("pooled", default=False)),
        ("sip_endpoints", sa.Column("created_at", sa.DateTime())),
    ]


def upgrade() -> None:
    """Add the columns and the pool."""
    for table, column in _added():
        op.add_column(table, column)
    op.create_index("ix_accounts_parent_id", "accounts", ["parent_id"])
    op.create_table(
        "number_pool",
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("number_type", sa.String(16), nullable=False),
        sa.Column("country", sa.String(2)),
        sa.Column("region", sa.Text()),
        sa.Column("city", sa.Text()),
        sa.Column("carrier", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_number_pool"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("number_pool")
    op.drop_index("ix_accounts_parent_id", "accounts")
    for table, column in reversed(_added()):
        op.drop_column(table, column.name)
