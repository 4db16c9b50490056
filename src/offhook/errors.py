"""The errors that cross rooms.

One tree, two branches: a *fault of the other side* (a peer, a customer's server, an operator's setting) is answered, reported
and survived; a *defect* is ours. An error keeps its facts in fields and makes its sentence in ``__str__``.
"""

from __future__ import annotations

from dataclasses import dataclass


class OffhookError(Exception):
    """Everything that Offhook raises on purpose."""


class PeerFault(OffhookError):
    """Somebody else's mistake: it is answered, put on the timeline, and costs at most the call that it belongs to."""


class Defect(OffhookError):
    """A mistake of our own. It ends one call at most, with cause 5010 *Internal Error*."""


class SettingsError(OffhookError):
    """A setting is missing or wrong; the message names it, the rule and the remedy. The program does not start."""


@dataclass(eq=False)
class HookFailed(PeerFault):
    """A customer's URL gave no usable reply: not reached, too slow, not 2xx, or an empty body.

    Maps to the 701x causes (reference ``hangup-causes.md`` section 3).
    """

    url: str
    reason: str
    """One of ``refused-address``, ``connect``, ``connect-timeout``, ``read-timeout``, ``total-timeout``, ``status``,
    ``empty``, ``too-large``, ``redirects``, ``broken``."""
    status: int | None = None
    """The HTTP status of the last attempt, when there was one."""
    attempts: int = 1
    repeatable: bool = False
    """Whether the URL's own policy would have had it tried again, had there been attempts left."""

    def __str__(self) -> str:
        status = f" (HTTP {self.status})" if self.status is not None else ""
        return f"{self.url}: {self.reason}{status} after {self.attempts} attempt(s)"


@dataclass(eq=False)
class InvalidUrl(PeerFault):
    """A URL in a document is not http(s) after resolution (causes 7022, 7023, 7024)."""

    url: str

    def __str__(self) -> str:
        return f"{self.url!r} is not an http:// or https:// URL"


@dataclass(eq=False)
class ClipUnavailable(PeerFault):
    """An audio file could not be fetched or decoded: playing it is skipped, the call goes on (reference ``xml.md`` section 5)."""

    url: str
    reason: str

    def __str__(self) -> str:
        return f"{self.url}: {self.reason}"


@dataclass(eq=False)
class SpeechUnavailable(PeerFault):
    """No engine can speak this: unknown voice or language, or every engine failed."""

    voice: str
    language: str
    reason: str

    def __str__(self) -> str:
        return f"cannot speak with voice {self.voice!r} in {self.language!r}: {self.reason}"


class LegGone(PeerFault):
    """The far end has left: what was asked of this leg cannot be done any more."""


@dataclass(eq=False)
class RecordingFailed(OffhookError):
    """A recording ended before its time: its file could not be opened, or not be written on. What was written is playable."""

    path: str
    reason: str
    duration_ms: int = 0
    """Of what was written, as far as is known."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(eq=False)
class NoRoom(OffhookError):
    """There is too little room on the disk for another recording."""

    free_bytes: int
    reserve_bytes: int

    def __str__(self) -> str:
        return (
            f"no room for recordings: {self.free_bytes >> 20} MiB are free where {self.reserve_bytes >> 20} MiB must stay free; "
            "delete recordings, or make room"
        )


class NoMedia(OffhookError):
    """There is no room for the sound of another leg: the call is refused with 503 and ``Retry-After``."""


class MediaBusy(NoMedia):
    """The media engine has as many legs as it can keep in time."""

    def __str__(self) -> str:
        return "the media engine is working to capacity; running calls go first"


@dataclass(eq=False)
class NoDescriptor(NoMedia):
    """A leg needs sockets, and the system lets this process have no more."""

    limit: int

    def __str__(self) -> str:
        return f"no file descriptor is left for another call, the limit is {self.limit}; raise it (ulimit -n, LimitNOFILE)"


@dataclass(eq=False)
class NoMediaPort(NoMedia):
    """Every RTP port of the configured range is in use."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"no free RTP port between {self.low} and {self.high}; widen OFFHOOK_RTP_PORTS"
