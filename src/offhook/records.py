"""The shapes that are written down: the call record and the notification that waits for delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Application:
    """The web hooks that run a call (reference ``api.md`` section 4)."""

    app_id: str
    auth_id: str
    name: str
    answer_url: str
    answer_method: str = "POST"
    fallback_url: str | None = None
    fallback_method: str = "POST"
    hangup_url: str | None = None
    """``None``: the answer URL gets the hangup request too (reference ``callbacks.md`` section 4.5)."""
    hangup_method: str = "POST"


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What must be known about a running call to close it after a crash: written when the call begins, removed when it ends."""

    call_uuid: str
    auth_id: str
    direction: str
    from_number: str
    to_number: str
    began_at: datetime
    app_id: str | None = None
    hangup_url: str | None = None
    hangup_method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The standard request parameters, so that the hangup request can still be made."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call that is over (reference ``api.md`` section 5.2). Times are UTC, durations whole seconds."""

    call_uuid: str
    auth_id: str
    direction: str
    """``inbound`` or ``outbound``."""
    from_number: str
    to_number: str
    call_status: str
    initiation_time: datetime
    answer_time: datetime | None
    end_time: datetime
    duration_s: int
    """From answer; 0 when it was never answered."""
    billed_duration_s: int
    hangup_cause: str
    """The telephony name, e.g. ``NORMAL_CLEARING``."""
    hangup_cause_name: str
    hangup_cause_code: int
    hangup_source: str
    app_id: str | None = None
    parent_call_uuid: str | None = None
    stir_verification: str = "Not Applicable"
    stir_attestation: str = "Not Applicable"
    source_ip: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """A request that wants nothing back: kept in the outbox until it was delivered or given up."""

    id: str
    auth_id: str
    """Whose token signs it."""
    call_uuid: str
    """Notifications of one call leave in order."""
    purpose: str
    """``hangup``, ``action``, ``callback``, … for the timeline."""
    url: str
    method: str
    parameters: Mapping[str, str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a notification."""

    notification_id: str
    delivered: bool
    status: int | None
    attempts: int
    error: str | None
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One event of a call's timeline as it is stored."""

    call_uuid: str
    sequence: int
    at: datetime
    offset_ms: int
    """Since the call arrived."""
    kind: str
    facts: Mapping[str, object]
