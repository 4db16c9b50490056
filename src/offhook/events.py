"""What stands on a call's timeline: typed facts, in the past tense.

The timeline is write-only: whoever runs a step hands an event to an ``Observe`` and never reads one back. The log prints them,
the store keeps them, ``offhook calls show`` and the console draw them. It must answer "why did my call do that?".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

_field_names: dict[type, tuple[str, ...]] = {}


def _names(kind: type[Event]) -> tuple[str, ...]:
    """The fields of an event, looked up once: a call writes a dozen events."""
    found = _field_names.get(kind)
    if found is None:
        found = _field_names[kind] = tuple(field.name for field in fields(kind))
    return found


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about one call."""

    kind: ClassVar[str] = ""

    def facts(self) -> dict[str, object]:
        """The fields by name, without those that are ``None`` or empty."""
        pairs = ((name, getattr(self, name)) for name in _names(type(self)))
        return {name: value for name, value in pairs if value is not None and value != "" and value != ()}


Observe = Callable[[Event], None]


def unobserved(event: Event) -> None:
    """An ``Observe`` for work that belongs to no call."""


@dataclass(frozen=True, slots=True)
class CallArrived(Event):
    kind: ClassVar[str] = "call-arrived"
    from_number: str
    to_number: str
    direction: str
    source: str = ""
    """``host:port`` that the INVITE came from."""
    application: str = ""
    sip_call_id: str = ""


@dataclass(frozen=True, slots=True)
class SipReceived(Event):
    kind: ClassVar[str] = "sip-received"
    message: str
    """The request's method, or the response's status and reason."""
    cseq: str = ""
    peer: str = ""
    repeat: int | None = None
    """The same message has come before; how often."""


@dataclass(frozen=True, slots=True)
class SipSent(Event):
    kind: ClassVar[str] = "sip-sent"
    message: str
    cseq: str = ""
    peer: str = ""
    repeat: int | None = None
    """The same message was sent before; how often."""


@dataclass(frozen=True, slots=True)
class MediaAgreed(Event):
    """Offer and answer met."""

    kind: ClassVar[str] = "media-agreed"
    codec: str
    local: str
    remote: str
    digits: str
    """How keys travel: ``telephone-event/101``, or ``none``."""
    direction: str = "sendrecv"
    srtp: str | None = None
    """The suite that the packets are sealed with."""


@dataclass(frozen=True, slots=True)
class CallRang(Event):
    kind: ClassVar[str] = "call-rang"


@dataclass(frozen=True, slots=True)
class EarlyMediaOpened(Event):
    kind: ClassVar[str] = "early-media-opened"


@dataclass(frozen=True, slots=True)
class CallAnswered(Event):
    kind: ClassVar[str] = "call-answered"


@dataclass(frozen=True, slots=True)
class HttpAttempted(Event):
    """One attempt at one URL of the customer's."""

    kind: ClassVar[str] = "http"
    purpose: str
    """``answer``, ``fallback``, ``action``, ``redirect``, ``hangup``, ``callback``, ``clip``, …"""
    method: str
    url: str
    attempt: int
    duration_ms: int
    status: int | None = None
    error: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentLoaded(Event):
    kind: ClassVar[str] = "document-loaded"
    url: str
    elements: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRefused(Event):
    kind: ClassVar[str] = "document-refused"
    url: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ElementStarted(Event):
    kind: ClassVar[str] = "element-started"
    element: str
    line: int
    about: str = ""


@dataclass(frozen=True, slots=True)
class ElementEnded(Event):
    kind: ClassVar[str] = "element-ended"
    element: str
    line: int
    why: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class AudioStarted(Event):
    kind: ClassVar[str] = "audio-started"
    what: str


@dataclass(frozen=True, slots=True)
class AudioStopped(Event):
    kind: ClassVar[str] = "audio-stopped"
    what: str
    why: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class RecordingStarted(Event):
    kind: ClassVar[str] = "recording-started"
    recording_id: str
    about: str
    """Format, channels, and how long it may become."""


@dataclass(frozen=True, slots=True)
class RecordingEnded(Event):
    kind: ClassVar[str] = "recording-ended"
    recording_id: str
    why: str
    """``stopped``, ``limit``, ``call over``, ``no room``, or what went wrong with the file."""
    duration_ms: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DigitReceived(Event):
    kind: ClassVar[str] = "digit-received"
    digit: str
    """``?`` when the element said ``log="false"``."""
    duration_ms: int
    via: str


@dataclass(frozen=True, slots=True)
class DigitsSent(Event):
    kind: ClassVar[str] = "digits-sent"
    digits: str
    via: str


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """Something worth knowing that has no event of its own: a default that was used, a voice that was replaced."""

    kind: ClassVar[str] = "note"
    text: str
    level: str = "warning"
    """``info``, ``warning`` or ``error``."""


@dataclass(frozen=True, slots=True)
class NotificationQueued(Event):
    kind: ClassVar[str] = "notification-queued"
    purpose: str
    url: str


@dataclass(frozen=True, slots=True)
class NotificationPostponed(Event):
    """All attempts that its URL allows have failed; it is tried again later, as the operator's back-off says."""

    kind: ClassVar[str] = "notification-postponed"
    purpose: str
    url: str
    error: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class NotificationGivenUp(Event):
    """It was not delivered and will not be, unless somebody asks for it (``offhook hooks retry``)."""

    kind: ClassVar[str] = "notification-given-up"
    purpose: str
    url: str
    error: str
    attempts: int
    id: str


@dataclass(frozen=True, slots=True)
class LegPlaced(Event):
    """A B leg is being called; it has a timeline of its own."""

    kind: ClassVar[str] = "leg-placed"
    leg_uuid: str
    to_number: str
    position: int
    """Of its target in the ``Dial``, from 1 on."""


@dataclass(frozen=True, slots=True)
class LegsBridged(Event):
    """The call and a B leg hear each other."""

    kind: ClassVar[str] = "legs-bridged"
    leg_uuid: str


@dataclass(frozen=True, slots=True)
class AnswererJudged(Event):
    """It was found out who has answered a call of ours: a person, or an answering machine."""

    kind: ClassVar[str] = "answerer-judged"
    machine: bool
    why: str
    """What gave it away: ``a short greeting``, ``many words``, ``a beep``, …"""
    after_ms: int
    """How much of its sound that took."""


@dataclass(frozen=True, slots=True)
class LegEnded(Event):
    kind: ClassVar[str] = "leg-ended"
    leg_uuid: str
    cause: str
    code: int
    source: str
    duration_s: int


@dataclass(frozen=True, slots=True)
class MediaMeasured(Event):
    """What the RTP of a leg went through."""

    kind: ClassVar[str] = "media-measured"
    packets_sent: int
    packets_received: int
    packets_lost: int
    packets_late: int
    packets_duplicate: int
    packets_reordered: int
    jitter_ms: float
    frames_concealed: int
    round_trip_ms: float | None = None
    remote_lost: int | None = None
    remote_jitter_ms: float | None = None
    mos_received: float | None = None
    mos_sent: float | None = None
    first_packet_ms: int | None = None
    """From the first ``media-agreed`` on."""


@dataclass(frozen=True, slots=True)
class CallEnded(Event):
    kind: ClassVar[str] = "call-ended"
    call_status: str
    cause: str
    """The telephony name."""
    code: int
    name: str
    source: str
    duration_s: int
    detail: str = ""
