"""The tables. Times are UTC without a zone; what a customer can choose is bounded where it comes in, not here."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql

HEAD = "0010"
"""The migration that these definitions match."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_GROWING = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts in an ``INTEGER`` of 64 bits and in nothing else; PostgreSQL's has 32."""
_KEY = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that is looked for by how it begins: in the order of its octets, whatever language the database speaks."""

accounts = Table(
    "accounts",
    metadata,
    Column("auth_id", String(20), primary_key=True),
    Column("auth_token", String(64), nullable=False),
    Column("name", String(100), nullable=False, default="main"),
    Column("is_main", Boolean, nullable=False, default=True),
    Column("created_at", DateTime, nullable=False),
    Column("parent_id", String(20), index=True),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("city", Text),
    Column("state", Text),
    Column("address", Text),
    Column("timezone", String(64), nullable=False, default="UTC"),
    Column("modified_at", DateTime),
)

applications = Table(
    "applications",
    metadata,
    Column("app_id", String(20), primary_key=True),
    Column("auth_id", ForeignKey("accounts.auth_id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("answer_url", Text, nullable=False),
    Column("answer_method", String(4), nullable=False),
    Column("fallback_url", Text),
    Column("fallback_method", String(4), nullable=False),
    Column("hangup_url", Text),
    Column("hangup_method", String(4), nullable=False),
    Column("message_url", Text),
    Column("message_method", String(4), nullable=False, default="POST"),
    Column("default_number_app", Boolean, nullable=False, default=False),
    Column("default_endpoint_app", Boolean, nullable=False, default=False),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("public_uri", Boolean, nullable=False, default=False),
    Column("log_incoming_messages", Boolean, nullable=False, default=True),
    Column("sip_auth_type", String(24), nullable=False, default=""),
    Column("ip_acl_uuid", String(36)),
    Column("credential_uuid", String(36)),
    Column("created_at", DateTime),
)

numbers = Table(
    "numbers",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("auth_id", ForeignKey("accounts.auth_id"), nullable=False, index=True),
    Column("app_id", ForeignKey("applications.app_id", ondelete="SET NULL")),
    Column("alias", String(100)),
    Column("number_type", String(16), nullable=False, default="local"),
    Column("country", String(2)),
    Column("region", Text),
    Column("city", Text),
    Column("carrier", Text),
    Column("added_at", DateTime),
    Column("pooled", Boolean, nullable=False, default=False),
)

number_pool = Table(
    "number_pool",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("number_type", String(16), nullable=False),
    Column("country", String(2)),
    Column("region", Text),
    Column("city", Text),
    Column("carrier", Text),
)

live_calls = Table(
    "live_calls",
    metadata,
    Column("call_uuid", String(36), primary_key=True),
    Column("auth_id", String(20), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("began_at", DateTime, nullable=False),
    Column("app_id", String(20)),
    Column("hangup_url", Text),
    Column("hangup_method", String(4), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("parent_call_uuid", String(36)),
    Column("answered_at", DateTime),
    Column("node", String(36), nullable=False, default=""),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("beat_at", DateTime, nullable=False),
)

_NARROWED = "duration_s", "hangup_cause_code", "direction", "hangup_source", "stir_verification"
_HAS_PARENT = text("parent_call_uuid IS NOT NULL")

call_records = Table(
    "call_records",
    metadata,
    Column("call_uuid", String(36), primary_key=True),
    Column("auth_id", String(20), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("call_status", String(16), nullable=False),
    Column("initiation_time", DateTime, nullable=False),
    Column("answer_time", DateTime),
    Column("end_time", DateTime, nullable=False),
    Column("duration_s", Integer, nullable=False),
    Column("billed_duration_s", Integer, nullable=False),
    Column("hangup_cause", String(64), nullable=False),
    Column("hangup_cause_name", String(64), nullable=False),
    Column("hangup_cause_code", Integer, nullable=False),
    Column("hangup_source", String(16), nullable=False),
    Column("app_id", String(20)),
    Column("parent_call_uuid", String(36)),
    Column("stir_verification", String(16), nullable=False),
    Column("stir_attestation", String(16), nullable=False),
    Column("source_ip", String(64)),
    Column("from_key", _KEY, nullable=False),
    Column("to_key", _KEY, nullable=False),
    # Lists are answered from these alone: they have all that lists can be narrowed by. The first one has their order.
    Index("ix_call_records_listed", "auth_id", "end_time", "call_uuid", *_NARROWED, "from_key", "to_key"),
    Index("ix_call_records_from", "from_key", "auth_id", "end_time", *_NARROWED, "to_key"),
    Index("ix_call_records_to", "to_key", "auth_id", "end_time", *_NARROWED),
    # Only of B legs: the record of any other call costs no more for it.
    Index("ix_call_records_parent", "parent_call_uuid", sqlite_where=_HAS_PARENT, postgresql_where=_HAS_PARENT),
)

timeline_events = Table(
    "timeline_events",
    metadata,
    Column("call_uuid", String(36), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("offset_ms", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("facts", JSON, nullable=False),
    sqlite_with_rowid=False,  # One tree instead of two: the rows of a call lie side by side.
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", _GROWING, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("auth_id", String(20), nullable=False),
    Column("call_uuid", String(36), nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("url", Text, nullable=False),
    Column("method", String(4), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("rounds", Integer, nullable=False, default=0),
    Column("due_at", DateTime),
    Column("log", JSON, nullable=False),
    Column("asked_at", DateTime, index=True),
    Column("node", String(36), nullable=False, default=""),
    Column("body", Text),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("notification_id", String(36), primary_key=True),
    Column("delivered", Boolean, nullable=False),
    Column("status", Integer),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("finished_at", DateTime, nullable=False, index=True),
    Column("auth_id", String(20), nullable=False, default=""),
    Column("call_uuid", String(36), nullable=False, default="", index=True),
    Column("purpose", String(32), nullable=False, default=""),
    Column("url", Text, nullable=False, default=""),
    Column("method", String(4), nullable=False, default=""),
    Column("created_at", DateTime),
    Column("parameters", JSON(none_as_null=True)),
    Column("body", Text),
    Column("log", JSON, nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    Column("recording_id", String(36), primary_key=True),
    Column("auth_id", String(20), nullable=False),
    Column("call_uuid", String(36), nullable=False),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("file_format", String(4), nullable=False),
    Column("channels", Integer, nullable=False),
    Column("folder", String(20), nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("added_at", DateTime, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("recording_type", String(16), nullable=False),
    Column("conference_name", Text, nullable=False),
    Column("conference_uuid", String(36)),
    Column("mpc_name", Text),
    Column("mpc_uuid", String(36)),
    Column("callback_url", Text),
    Column("callback_method", String(4), nullable=False),
    Column("callback_style", String(8), nullable=False),
    Column("callback_parameters", JSON, nullable=False),
    Column("transcription_url", Text),
    Column("transcription_method", String(4), nullable=False),
    Column("node", String(36), nullable=False, default=""),
    # All that lists are filtered by: which rows a page has is found in it alone.
    Index(
        "ix_recordings_listed",
        *("auth_id", "complete", "added_at", "recording_id", "call_uuid", "from_number", "to_number"),
        *("conference_name", "conference_uuid", "mpc_name", "mpc_uuid"),
    ),
    Index("ix_recordings_call", "call_uuid"),
)

call_feedback = Table(
    "call_feedback",
    metadata,
    Column("call_uuid", String(36), primary_key=True),
    Column("auth_id", String(20), nullable=False),
    Column("rating", Float, nullable=False),
    Column("issues", JSON, nullable=False),
    Column("notes", Text, nullable=False),
    Column("given_at", DateTime, nullable=False),
)

sip_endpoints = Table(
    "sip_endpoints",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("auth_id", ForeignKey("accounts.auth_id"), nullable=False, index=True),
    Column("endpoint_id", String(14), nullable=False, unique=True),
    Column("alias", String(100), nullable=False),
    Column("ha1_md5", String(32), nullable=False),
    Column("ha1_sha256", String(64), nullable=False),
    Column("app_id", ForeignKey("applications.app_id", ondelete="SET NULL")),
    Column("created_at", DateTime),
)

sip_bindings = Table(
    "sip_bindings",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("instance", Text, primary_key=True),
    Column("contact", Text, nullable=False),
    Column("source", String(100), nullable=False),
    Column("call_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("expires_at", DateTime, nullable=False),
    Column("path", JSON, nullable=False),
    Column("natted", Boolean, nullable=False),
    Column("priority", Float, nullable=False),
    Column("user_agent", Text, nullable=False),
)

trunks = Table(
    "trunks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("auth_id", ForeignKey("accounts.auth_id"), nullable=False, index=True),
    Column("host", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("transport", String(4)),
    Column("proxy", Text),
    Column("username", Text),
    Column("password", Text),
    Column("register", Boolean, nullable=False),
    Column("addresses", JSON, nullable=False),
    Column("inbound_username", Text),
    Column("inbound_md5", String(32)),
    Column("inbound_sha256", String(64)),
    Column("app_id", ForeignKey("applications.app_id", ondelete="SET NULL")),
    Column("prefixes", JSON, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("max_calls", Integer),
    Column("max_calls_per_second", Float),
    Column("number_format", String(8), nullable=False),
    Column("codecs", JSON, nullable=False),
    Column("srtp", String(8)),
    Column("options_s", Float, nullable=False),
)
