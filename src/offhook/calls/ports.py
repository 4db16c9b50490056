"""What a call needs of the outside, as protocols: real SIP, the terminal simulator and a test with virtual time all fit them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from offhook.audio import BeepPattern, Clip, Digit, PlaybackEnded, Playlist, Recorded, RtpStatistics, Sound, VoiceEvent
from offhook.causes import Ending
from offhook.errors import PeerFault
from offhook.events import Observe
from offhook.records import Application, CallRecord, LiveCall, Notification, Recording, TimelineRow


class Facts(Protocol):
    """Who calls whom, as read from the INVITE."""

    @property
    def from_number(self) -> str:
        """Digits without ``+``, or ``sip:user@domain``."""

    @property
    def to_number(self) -> str:
        """Digits without ``+``, or ``sip:user@domain``."""

    @property
    def to_user(self) -> str:
        """What routing looks up."""

    @property
    def caller_name(self) -> str | None:
        """The caller's display name."""

    @property
    def forwarded_from(self) -> str | None:
        """Who forwarded the call here."""

    @property
    def custom_headers(self) -> Mapping[str, str]:
        """``X-PH-<Name>`` → value."""

    @property
    def source(self) -> str:
        """``host:port/transport`` of the signalling."""

    @property
    def sip_call_id(self) -> str:
        """The Call-ID of the leg's dialog."""

    @property
    def app_id(self) -> str | None:
        """The application that runs the call whatever was called."""

    @property
    def fallback_app_id(self) -> str | None:
        """The application that runs it where the number has none."""

    @property
    def auth_user(self) -> str | None:
        """The name that the caller has proved to have, by digest."""

    @property
    def hops(self) -> int:
        """How many calls of this node have led to this one."""

    @property
    def stir_verification(self) -> str:
        """``Verified``, ``Not Verified`` or ``Not Applicable``."""

    @property
    def stir_attestation(self) -> str:
        """``A``, ``B``, ``C`` or ``Not Applicable``."""


class Playback(Protocol):
    """Something that is being played."""

    async def wait(self) -> PlaybackEnded:
        """Wait for its end."""

    def stop(self) -> None:
        """End it now. Idempotent."""


class Digits(Protocol):
    """Keys as they are pressed."""

    async def get(self) -> Digit:
        """The next key; waits for it."""


class Tape(Protocol):
    """A file that is being recorded."""

    async def wait(self) -> Recorded:
        """Wait until it has ended and the file is complete. Raises ``RecordingFailed``: it could not be opened or written on."""

    async def stop(self) -> Recorded:
        """End it, then the same."""


class AnyLeg(Protocol):
    """One party, on whichever side: its signalling and its audio."""

    @property
    def gone(self) -> bool:
        """Whether the far end has left or we released it."""

    def release(self, ending: Ending) -> None:
        """Refuse, cancel or hang up. Idempotent."""

    async def ended(self) -> Ending:
        """Wait until the far end has left; our own release does not count."""

    def bridge(self, other: Any, *, listens_only: bool = False) -> AbstractContextManager[None]:
        """Let this party and that of another leg hear each other as long as the block lasts. Raises ``LegGone``.

        Args:
            other: a leg of the same kind.
            listens_only: the other one does not hear this party: early media.
        """

    async def hold_changes(self, was: bool) -> bool:
        """Wait until the party is no longer what it was, on hold or not; what it is now."""

    async def relay(self, digit: Digit) -> None:
        """Let this party have a key that another pressed, unless it hears the tone of it anyway. Raises ``LegGone``."""

    def play(self, playlist: Playlist, *, stop_on_key: bool = False) -> Playback:
        """Play, instead of what is playing now. Raises ``LegGone``."""

    def play_over(self, playlist: Playlist, *, mix: bool, limit_ms: int | None = None) -> Playback:
        """Play over all that the party hears, which goes on, and beside what is played over it already. Raises ``LegGone``.

        Args:
            mix: false: the party hears nothing else meanwhile.
            limit_ms: it is finished after so long.
        """

    def listen(self) -> AbstractContextManager[Digits]:
        """Keys from now on. Raises ``LegGone``."""

    async def send_digits(self, digits: str, *, tone_ms: int = 200, gap_ms: int = 100) -> None:
        """Press keys towards the far end; returns when the last was sent."""

    async def heard_silence(self, minimum_ms: int) -> None:
        """Return when the far end has been silent that long, from now."""

    async def heard_beep(self, pattern: BeepPattern) -> None:
        """Return when a beep was heard."""

    def voice(self, *, start_ms: int, stop_ms: int, every_ms: int) -> AbstractContextManager[AsyncIterator[VoiceEvent]]:
        """Where the far end speaks, from now on; it ends when the leg is freed. Raises ``LegGone``.

        Args:
            start_ms, stop_ms: sound, and pauses, that are shorter are none.
            every_ms: the present state is told again so often.
        """

    async def record(
        self,
        path: Path,
        *,
        what: Literal["received", "sent", "both", "mixed"] = "received",
        file_format: Literal["wav", "mp3"] = "wav",
        max_ms: int | None = None,
    ) -> Tape:
        """Record what this party says, what it hears or both, until that is stopped, is that long or the leg is freed.

        Raises ``LegGone``.
        """

    async def statistics(self) -> RtpStatistics:
        """What the RTP went through."""


class Leg(AnyLeg, Protocol):
    """The A leg: whose document runs."""

    observe: Observe
    """Set by the call: gets the leg's own timeline events."""

    @property
    def facts(self) -> Facts:
        """Who calls whom."""

    @property
    def answered(self) -> bool:
        """Whether the 200 went out."""

    @property
    def early(self) -> bool:
        """Whether early media flows."""

    @property
    def unusable(self) -> Ending | None:
        """Why no call can run on it, known before anything was asked: no common codec."""

    def ring(self) -> None:
        """180, once."""

    async def open_early_media(self) -> None:
        """183 with media. Raises ``LegGone``."""

    async def answer(self) -> None:
        """200. Idempotent. Raises ``LegGone``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A B leg that is to be placed."""

    kind: Literal["number", "user"]
    target: str
    """Digits with country code; or a SIP URI, or the bare name of an endpoint."""
    from_number: str
    """Digits with country code, or ``sip:user@domain``."""
    withheld: bool = False
    """Number and name are only for a carrier that asserts them (RFC 3325)."""
    caller_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Custom header fields, without their prefix."""
    raw_headers: bool = False
    """They go as ``X-…`` and not as ``X-PH-…`` (reference ``xml.md`` section 2.7)."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    """For the far end's challenge."""
    whatsapp: bool = False
    hops: int = 0
    """How many calls of this node have led to this one."""


class Unanswered(PeerFault):
    """A B leg was refused, or nobody could be reached."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.detail or ending.cause.name)
        self.ending = ending


class Dialler(Protocol):
    """Places B legs."""

    def dialling(
        self, order: Order, *, observe: Observe, ringing: Callable[[], None], early: Callable[[Leg], None]
    ) -> AbstractAsyncContextManager[Leg]:
        """Call somebody; entered when he has answered; cancelled or hung up and freed at the end of the block.

        Args:
            ringing: called once, when it rings there.
            early: called once, when early media comes.

        Raises:
            Unanswered: nobody did.
        """


class Reply(Protocol):
    """A document as it came."""

    @property
    def url(self) -> str:
        """Where it really came from, after redirects: what its relative URLs are resolved against."""

    @property
    def content_type(self) -> str | None:
        """As the server said."""

    @property
    def body(self) -> bytes:
        """At most 102,401 bytes: one more than is allowed."""


class Hooks(Protocol):
    """The customer's web server."""

    async def fetch(
        self, *, auth_id: str, purpose: str, url: str, method: str, parameters: Mapping[str, str], observe: Observe
    ) -> Reply:
        """Ask for a document. Raises ``HookFailed`` or ``InvalidUrl``."""

    async def notify(self, notification: Notification, observe: Observe) -> None:
        """Keep a notification durably and deliver it in the background, in order per call."""

    def deliver(self, notification: Notification, observe: Observe) -> None:
        """Deliver one that is durable already."""

    async def settled(self, call_uuid: str, timeout_s: float) -> object:
        """Wait until what was notified before for this call is delivered or given up."""


class Speech(Protocol):
    """Text to sound."""

    async def render(self, content: Sequence[Any], *, voice: str, language: str, observe: Observe) -> tuple[Sound, ...]:
        """Speak text and SSML. Raises ``SpeechUnavailable``."""


class Clips(Protocol):
    """Audio files by URL."""

    async def get(self, url: str, observe: Observe = ...) -> Clip:
        """Fetch and decode, or take from the cache. Raises ``ClipUnavailable``."""

    async def hold_music(self) -> Clip:
        """The music of ``Wait``."""


class Records(Protocol):
    """What is written down."""

    def begin(self, call: LiveCall) -> None:
        """A call runs; again when it is answered."""

    async def begun(self, calls: Sequence[LiveCall]) -> None:
        """Calls are going to run: durable on return."""

    async def timeline_end(self, call_uuid: str) -> tuple[int, datetime] | None:
        """The number of the last event on a call's timeline, and when it began; ``None``: there is none."""

    async def last_beat(self) -> datetime | None:
        """When the last node that ran calls was last known to live."""

    def add_event(self, row: TimelineRow) -> None:
        """Something stands on its timeline."""

    async def finish(self, record: CallRecord, hangup: Notification | None) -> None:
        """It is over: record and hangup request in one transaction; returns when that is committed."""

    async def leftovers(self) -> list[LiveCall]:
        """Calls that ran when the last node died."""


class Directory(Protocol):
    """Which application runs a number."""

    async def application_for(self, called: str) -> Application | None:
        """The application of a number, if it has one."""

    async def application(self, app_id: str) -> Application | None:
        """An application by its id."""


class Archive(Protocol):
    """Where recordings are kept: their files, and what is known of them."""

    def url(self, recording: Recording) -> str:
        """Where everybody gets the file, once it is complete."""

    def path_of(self, recording: Recording) -> Path:
        """Where the file is."""

    async def begin(self, recording: Recording) -> None:
        """Write down that it runs; its folder is there on return. Raises ``NoRoom``."""

    async def has_room(self) -> bool:
        """Whether recordings may go on: they must not fill the disk that call records are written to."""

    async def finish(self, recording: Recording, notifications: Sequence[Notification]) -> bool:
        """It is complete: that, and who is to be told, in one transaction; false where nobody knows it as running any more."""

    async def discard(self, recording: Recording) -> None:
        """There is nothing to keep of it."""

    async def left(self) -> list[Recording]:
        """Recordings that ran when the last node died."""

    async def mend(self, recording: Recording) -> tuple[int, int] | None:
        """Make the file whole that somebody left in the middle: how long it is, ms, and how large, octets; ``None``: there is no
        sound in it.
        """
