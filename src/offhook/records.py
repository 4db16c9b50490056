"""The shapes that are written down: the call record and the notification that waits for delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


def number_key(number: str) -> str:
    """A number of a record as it is looked up: without the ``+`` before it; names in lower case."""
    return number.lstrip("+").lower()


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
    message_url: str | None = None
    """Kept for its owner; no messages come in."""
    message_method: str = "POST"
    default_number_app: bool = False
    """Whether new numbers of the account get it."""
    default_endpoint_app: bool = False
    """Whether new endpoints of the account get it."""
    enabled: bool = True
    public_uri: bool = False
    """Whether anybody may call its SIP URI."""
    log_incoming_messages: bool = True
    sip_auth_type: str = ""
    """Empty, ``ip_acl``, ``credential`` or ``ip_acl_and_credential``."""
    ip_acl_uuid: str | None = None
    credential_uuid: str | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """An account with all that is known of it (reference ``api.md`` section 3)."""

    auth_id: str
    auth_token: str = field(repr=False)
    name: str
    parent_id: str | None
    """Of a subaccount, the main account; ``None`` for that one."""
    enabled: bool
    created_at: datetime
    modified_at: datetime | None = None
    city: str | None = None
    state: str | None = None
    address: str | None = None
    timezone: str = "UTC"
    """An IANA name; the times of its call records are told in it."""


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number of an account (reference ``api.md`` section 9.1)."""

    number: str
    """Digits without ``+``, or the user part of a SIP URI."""
    auth_id: str
    app_id: str | None = None
    alias: str | None = None
    number_type: str = "local"
    country: str | None = None
    """ISO 3166 alpha-2."""
    region: str | None = None
    city: str | None = None
    carrier: str | None = None
    added_at: datetime | None = None
    pooled: bool = False
    """Whether it came from the pool, and goes back there."""


@dataclass(frozen=True, slots=True)
class PoolNumber:
    """A number that the operator offers to all accounts."""

    number: str
    number_type: str = "local"
    country: str | None = None
    region: str | None = None
    city: str | None = None
    carrier: str | None = None


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
    parent_call_uuid: str | None = None
    """Of a B leg, the call that placed it."""
    answered_at: datetime | None = None


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

    @property
    def from_key(self) -> str:
        """The caller's number as it is looked up."""
        return number_key(self.from_number)

    @property
    def to_key(self) -> str:
        """The called number as it is looked up."""
        return number_key(self.to_number)


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
    rounds: int = 0
    """How often all the attempts that its URL allows have been made in vain: the back-off goes by it."""
    due_at: datetime | None = None
    """When the next round begins; ``None``: as soon as it is its turn."""
    log: tuple[Attempt, ...] = ()
    """Of the rounds before."""
    body: str | None = None
    """A JSON object that is sent as the body of a POST, instead of the parameters as a form."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that was made for a notification; a redirect is followed by one of the same number."""

    number: int
    """From 1 on, over all rounds."""
    at: datetime
    """When it began."""
    url: str
    """As it may be shown: without user information."""
    duration_ms: int
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that runs or is complete (reference ``api.md`` section 10), with all that is needed to tell of its end."""

    recording_id: str
    """A random UUID: whoever does not know it does not find the file."""
    auth_id: str
    call_uuid: str
    """Of the leg whose party is recorded; empty for a conference."""
    from_number: str
    to_number: str
    file_format: str
    """``mp3`` or ``wav``."""
    channels: int
    """2: the party is on the left, what it hears on the right."""
    folder: str
    """The account that it was made for: where its file is, also when another account has inherited it."""
    started_at: datetime
    added_at: datetime
    """When it was complete; until then, when it began."""
    complete: bool = False
    duration_ms: int = 0
    octets: int = 0
    """Of the file."""
    recording_type: str = "call"
    conference_name: str = ""
    conference_uuid: str | None = None
    mpc_name: str | None = None
    mpc_uuid: str | None = None
    callback_url: str | None = None
    """Absolute; is told when the file is complete."""
    callback_method: str = "POST"
    callback_style: str = "api"
    """``api``: parameters in snake_case (``callbacks.md`` section 5.4); ``element``: those of section 5.3."""
    callback_parameters: Mapping[str, str] = field(default_factory=dict)
    """What the callback says beside the recording itself."""
    transcription_url: str | None = None
    transcription_method: str = "POST"

    @property
    def file_name(self) -> str:
        """As in its URL."""
        return f"{self.recording_id}.{self.file_format}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a notification, and of which: it is all that is left of it."""

    notification_id: str
    delivered: bool
    status: int | None
    attempts: int
    error: str | None
    finished_at: datetime
    auth_id: str = ""
    call_uuid: str = ""
    purpose: str = ""
    url: str = ""
    method: str = ""
    created_at: datetime | None = None
    parameters: Mapping[str, str] | None = None
    """Only of what was given up, so that it can be sent again as it was: it may hold keys, which nobody shall keep for longer."""
    body: str | None = None
    """Likewise."""
    log: tuple[Attempt, ...] = ()
    """Every request that was made, in order."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody thought of a call."""

    call_uuid: str
    auth_id: str
    """Whose call it was."""
    rating: float
    """1 to 5, the best."""
    issues: tuple[str, ...]
    """What was wrong, by names such as ``audio_lag``."""
    notes: str
    given_at: datetime


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


@dataclass(frozen=True, slots=True)
class SipEndpoint:
    """A SIP user of this platform: a softphone, a desk phone, a browser (reference ``api.md`` section 8.1)."""

    username: str
    """Unique on the node; what its SIP address begins with."""
    auth_id: str
    endpoint_id: str
    """14 decimal digits."""
    alias: str
    ha1_md5: str = field(repr=False)
    """The password as digest authentication needs it (RFC 7616): it cannot be read back, but it opens the same doors."""
    ha1_sha256: str = field(repr=False)
    app_id: str | None = None
    """The application that runs its calls."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Where an endpoint can be reached now: one contact of its registration (RFC 3261 section 10)."""

    username: str
    contact: str
    """The URI, as it was given."""
    instance: str
    """What it is known by when it registers again: its ``+sip.instance`` (RFC 5626), or else the URI."""
    source: str
    """``host:port/transport`` that the REGISTER came from."""
    call_id: str
    sequence: int
    expires_at: datetime
    path: tuple[str, ...] = ()
    """Proxies on the way there (RFC 3327)."""
    natted: bool = False
    """Whether the URI is of no use, and the source is to be called instead."""
    priority: float = 1.0
    """``q``: of several contacts, the higher first."""
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A carrier, or another SIP server that calls come from and go to."""

    name: str
    auth_id: str
    host: str
    """Its domain or address, with a port where it has a special one."""
    kind: str = "sip"
    """``sip``, or ``whatsapp``: TLS, digest, Opus and SRTP are its rule."""
    transport: str | None = None
    """``udp``, ``tcp`` or ``tls``; ``None``: as DNS says, else UDP."""
    proxy: str | None = None
    """A SIP URI that requests go by, instead of straight to the host."""
    username: str | None = None
    """Who we are there, for its challenges and our registration."""
    password: str | None = field(default=None, repr=False)
    register: bool = False
    """Whether we register there, so that it finds us."""
    addresses: tuple[str, ...] = ()
    """Addresses and networks that its calls come from; ``host`` counts too, where it is an address."""
    inbound_username: str | None = None
    """With a password of its own, it may also prove itself by digest."""
    inbound_md5: str | None = field(default=None, repr=False)
    inbound_sha256: str | None = field(default=None, repr=False)
    app_id: str | None = None
    """Runs its calls to numbers that have no application."""
    prefixes: tuple[str, ...] = ("",)
    """Of the numbers that it takes, digits without ``+``; the longest that fits wins."""
    priority: int = 0
    """The lowest is tried first."""
    weight: int = 1
    """Of several with the same priority, how many of all calls it gets."""
    max_calls: int | None = None
    max_calls_per_second: float | None = None
    number_format: str = "e164"
    """``e164``: +14155550100; ``plain``: 14155550100; or an ISO country, whose own numbers are told in its national form."""
    codecs: tuple[str, ...] = ()
    """In order; none: those of the node."""
    srtp: str | None = None
    """``off``, ``optional`` or ``required``; ``None``: as the node."""
    options_s: float = 30.0
    """How often it is asked whether it lives; 0: never."""
