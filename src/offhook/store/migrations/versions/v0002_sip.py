"""SIP endpoints, where they are registered, and trunks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _belongs_to(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["auth_id"], ["accounts.auth_id"], name=f"fk_{table}_auth_id"),
        sa.ForeignKeyConstraint(["app_id"], ["applications.app_id"], name=f"fk_{table}_app_id", ondelete="SET NULL"),
    ]


def upgrade() -> None:
    """Make the three."""
    op.create_table(
        "sip_endpoints",
        _text("username", 64),
        _text("auth_id", 20),
        _text("endpoint_id", 14),
        _text("alias", 100),
        _text("ha1_md5", 32),
        _text("ha1_sha256", 64),
        _text("app_id", 20, nullable=True),
        sa.PrimaryKeyConstraint("username", name="pk_sip_endpoints"),
        sa.UniqueConstraint("endpoint_id"),
        *_belongs_to("sip_endpoints"),
    )
    op.create_index("ix_sip_endpoints_auth_id", "sip_endpoints", ["auth_id"])
    op.create_table(
        "sip_bindings",
        _text("username", 64),
        _text("instance"),
        _text("contact"),
        _text("source", 100),
        _text("call_id"),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        _json("path"),
        sa.Column("natted", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Float(), nullable=False),
        _text("user_agent"),
        sa.PrimaryKeyConstraint("username", "instance", name="pk_sip_bindings"),
    )
    _trunks()


def _trunks() -> None:
    op.create_table(
        "trunks",
        _text("name", 64),
        _text("auth_id", 20),
        _text("host"),
        _text("kind", 16),
        _text("transport", 4, nullable=True),
        _text("proxy", nullable=True),
        _text("username", nullable=True),
        _text("password", nullable=True),
        sa.Column("register", sa.Boolean(), nullable=False),
        _json("addresses"),
        _text("inbound_username", nullable=True),
        _text("inbound_md5", 32, nullable=True),
        _text("inbound_sha256", 64, nullable=True),
        _text("app_id", 20, nullable=True),
        _json("prefixes"),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("max_calls", sa.Integer(), nullable=True),
        sa.Column("max_calls_per_second", sa.Float(), nullable=True),
        _text("number_format", 8),
        _json("codecs"),
        _text("srtp", 8, nullable=True),
        sa.Column("options_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_trunks"),
        *_belongs_to("trunks"),
    )
    op.create_index("ix_trunks_auth_id", "trunks", ["auth_id"])


def downgrade() -> None:
    """Remove the three."""
    for table in ("trunks", "sip_bindings", "sip_endpoints"):
        op.drop_table(table)
