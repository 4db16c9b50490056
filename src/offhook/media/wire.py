"""What the switch and the engine say to each other over their Unix socket.

The switch sends one command a message, the engine all events of a tick in one. Both ends must be of one version; they always
are, because one starts the other.

Every leg has a number that is never used twice. A ``request`` is a number of the switch's own that comes back with the answer.
"""

from __future__ import annotations

import msgspec

from offhook.media.framing import Unpacker


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Something one end says to the other."""


# --- sounds -------------------------------------------------------------------------------------------------------------------


class ClipSound(_Message, frozen=True, tag="c"):
    path: str


class ToneSound(_Message, frozen=True, tag="t"):
    frequencies_hz: tuple[float, ...]
    duration_ms: int
    level_dbov: float


class SilenceSound(_Message, frozen=True, tag="s"):
    duration_ms: int


Sound = ClipSound | ToneSound | SilenceSound


class Track(msgspec.Struct, frozen=True, array_like=True):
    sounds: tuple[Sound, ...]
    times: int


# --- commands: the switch to the engine -----------------------------------------------------------------------------------------


class OpenLeg(_Message, frozen=True):
    """The leg's bound UDP socket comes with it (``SCM_RIGHTS``), and the one for its RTCP."""

    leg: int
    rtcp: bool = False
    """Whether there is a second socket."""


class Srtp(msgspec.Struct, frozen=True, array_like=True):
    """How a leg's packets are sealed (RFC 4568)."""

    suite: str
    our_key: str
    """Master key and salt, base64. What we send is sealed with it."""
    their_key: str

    def __repr__(self) -> str:
        return f"Srtp({self.suite!r})"


class ConnectLeg(_Message, frozen=True):
    """Where the leg's RTP goes and how it is coded. Again: the peer has moved, or holds."""

    leg: int
    host: str
    port: int
    payload_type: int
    codec: str
    event_payload_type: int | None
    send: bool
    receive: bool
    inband: bool = False
    """Listen for keys that come as tones."""
    rtcp_port: int | None = None
    """Where its reports go; ``None``: one above the port."""
    rtcp_mux: bool = False
    event_clock_hz: int = 8000
    """Of the timestamps and durations of telephone events."""
    srtp: Srtp | None = None


class SeatLeg(_Message, frozen=True):
    """There is no phone behind this leg: it plays into its room and hears it, for announcements, music and recordings."""

    leg: int


class CloseLeg(_Message, frozen=True):
    leg: int


class Play(_Message, frozen=True):
    """Replaces what the leg plays. With ``mix``, true or false, it lies over all that the leg hears: with it or instead of it."""

    leg: int
    playback: int
    tracks: tuple[Track, ...]
    stop_on_key: bool
    skip_ms: int = 0
    """How much of it was heard already, when an engine takes over from one that died."""
    paused: bool = False
    mix: bool | None = None
    limit_ms: int | None = None
    """After how much of it, it ends."""


class StopPlaying(_Message, frozen=True):
    leg: int
    playback: int


class PausePlaying(_Message, frozen=True):
    leg: int
    playback: int
    paused: bool


class SeekPlaying(_Message, frozen=True):
    leg: int
    playback: int
    position_ms: int
    """From the beginning of the playlist."""


class SetGain(_Message, frozen=True):
    leg: int
    sent_db: float
    """Of what this leg's party hears."""
    received_db: float
    """Of what others hear of it."""


class PressKey(_Message, frozen=True):
    """The leg's party has pressed a key, which was told by other means than its RTP."""

    leg: int
    key: str
    duration_ms: int
    via: str


class SendDigits(_Message, frozen=True):
    leg: int
    request: int
    digits: str
    tone_ms: int
    gap_ms: int


class WatchSilence(_Message, frozen=True):
    leg: int
    request: int
    minimum_ms: int


class WatchBeep(_Message, frozen=True):
    leg: int
    request: int
    duration_ms: int
    inter_silence_ms: int
    intra_silence_ms: int
    threshold: int


class WatchLoss(_Message, frozen=True):
    """Tell when no packet has come for so long, in steps of half a second. One a leg, the last that was asked for."""

    leg: int
    request: int
    minimum_ms: int


class WatchVoice(_Message, frozen=True):
    """Tell whenever somebody begins or ceases to speak, until it is forgotten."""

    leg: int
    request: int
    start_ms: int
    stop_ms: int
    every_ms: int = 0
    """How often to tell how far it has come (``VoiceWatched``); 0: never."""


class Forget(_Message, frozen=True):
    """Nobody waits any more for what this request asked: digits still to send, a watch."""

    leg: int
    request: int


class MeterLevel(_Message, frozen=True):
    leg: int
    interval_ms: int
    """0 = no longer."""


class JoinRoom(_Message, frozen=True):
    """Everybody in a room hears everybody else, but for those who do not speak and those who do not hear. One room at a time."""

    leg: int
    room: int | None
    speaks: bool = True
    hears: bool = True


class Route(_Message, frozen=True):
    """Whether the leg hears this other member of its room, whatever ``speaks`` and ``hears`` say; ``None``: as they say."""

    leg: int
    other: int
    heard: bool | None


class OpenTap(_Message, frozen=True):
    """Tell every frame of this leg, ``received`` or ``sent``, from the next tick on."""

    leg: int
    tap: int
    what: str


class CloseTap(_Message, frozen=True):
    leg: int
    tap: int


class Inject(_Message, frozen=True):
    """Sound made elsewhere, 16-bit samples, little-endian, 8000 Hz: after all that was sent before, beside what the leg plays."""

    leg: int
    pcm: bytes


class MarkInjected(_Message, frozen=True):
    """Tell when everything that was injected before has been played."""

    leg: int
    request: int


class ClearInjected(_Message, frozen=True):
    """Throw away what is not played yet, marks included; done in the very tick."""

    leg: int
    request: int


class AttachWriter(_Message, frozen=True):
    """The engine's end of the socket to the writer process comes with it."""


class StartRecording(_Message, frozen=True):
    leg: int
    recording: int
    path: str
    what: str
    """``received``, ``sent``, ``both`` (two channels, received left) or ``mixed`` (their sum)."""
    file_format: str
    """``wav`` or ``mp3``."""
    limit_ms: int = 0
    """When it ends by itself; 0: it does not."""
    recorded_ms: int = 0
    """How much of it there is already, when an engine takes over from one that died."""
    paused: bool = False
    resumed: bool = False
    """The file is there: go on at its end."""


class PauseRecording(_Message, frozen=True):
    """What comes while it is paused is not in the file."""

    leg: int
    recording: int
    paused: bool


class StopRecording(_Message, frozen=True):
    leg: int
    recording: int


class FinishRecording(_Message, frozen=True):
    """Complete what an engine that died has left; the leg may have ended."""

    begun: StartRecording
    why: str


class AskStatistics(_Message, frozen=True):
    leg: int
    request: int


class AskFigures(_Message, frozen=True):
    request: int


Command = (
    OpenLeg
    | ConnectLeg
    | SeatLeg
    | CloseLeg
    | Play
    | PausePlaying
    | SeekPlaying
    | SetGain
    | StopPlaying
    | PressKey
    | SendDigits
    | WatchSilence
    | WatchBeep
    | WatchLoss
    | WatchVoice
    | Forget
    | MeterLevel
    | JoinRoom
    | Route
    | OpenTap
    | CloseTap
    | Inject
    | MarkInjected
    | ClearInjected
    | AttachWriter
    | StartRecording
    | PauseRecording
    | StopRecording
    | FinishRecording
    | AskStatistics
    | AskFigures
)

# --- events: the engine to the switch -------------------------------------------------------------------------------------------


class Ready(_Message, frozen=True):
    """The engine runs."""


class PlaybackOver(_Message, frozen=True):
    leg: int
    playback: int
    why: str
    played_ms: int


class KeyPressed(_Message, frozen=True):
    leg: int
    key: str
    duration_ms: int
    via: str = "rfc4733"
    """Or ``inband``."""


class VoiceChanged(_Message, frozen=True):
    leg: int
    request: int
    speaking: bool
    at_ms: int
    """When it began or ended, since the watch was set up."""
    now_ms: int = 0
    """How much sound has been judged by now."""


class VoiceWatched(_Message, frozen=True):
    """So much sound has been judged; what was told last of this watch holds."""

    leg: int
    request: int
    now_ms: int


class Done(_Message, frozen=True):
    """What this request waited for has come: the digits are sent, the silence or the beep was heard, no packet came."""

    leg: int
    request: int


class LevelHeard(_Message, frozen=True):
    leg: int
    level_dbov: float


class Tapped(_Message, frozen=True):
    """One frame of every tapped leg, in one row."""

    taps: tuple[int, ...]
    pcm: bytes
    """160 samples for each tap, 16 bits, little-endian."""


class Busy(_Message, frozen=True):
    """Ticks take nearly as long as they may: no new legs, please. Or: they do not any more."""

    busy: bool


class RecordingBegun(_Message, frozen=True):
    """Its file is open."""

    leg: int
    recording: int


class RecordingOver(_Message, frozen=True):
    leg: int
    recording: int
    why: str
    duration_ms: int
    octets: int
    error: str


class WriterGone(_Message, frozen=True):
    """The process that writes recordings has ended, or is given up. Recordings that are not over wait for another."""


class Statistics(_Message, frozen=True):
    leg: int
    request: int
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_reordered: int = 0
    jitter_ms: float = 0.0
    frames_concealed: int = 0
    playout_ms: int = 0
    """How long the packets that come fastest wait to be played."""
    round_trip_ms: float | None = None
    remote_lost: int | None = None
    """Of our packets, as the peer says."""
    remote_expected: int = 0
    """How many there were when it said so."""
    remote_jitter_ms: float | None = None
    first_packet_ms: int | None = None
    """From when the leg had a peer."""


class Figures(_Message, frozen=True):
    """What the engine itself has cost since it started."""

    request: int
    legs: int
    ticks: int
    leg_ticks: int
    """The sum over all ticks of the legs in them."""
    ticks_skipped: int
    cpu_ns: int
    """Of the whole process."""
    latest_ns: tuple[int, ...]
    """Of the whole process, for each of the last ticks, the newest last: the tick and the waiting before it."""
    phases_ns: dict[str, int]
    """CPU time by step of the tick."""
    gaps: tuple[int, ...]
    """How many ticks began 0 to 0.25 ms off the 20 ms after the one before, 0.25 to 0.5 ms off, …; the last counts all beyond."""
    rss_bytes: int
    misses: int
    """Reads that found nothing."""
    tick_counts: tuple[int, ...] = ()
    """How many ticks took as long as each of ``metrics.TICK_SECONDS`` or less, and more than the one before; the last: beyond."""
    tick_ns: int = 0
    """What all of them took."""
    packets: dict[str, int] = {}
    """``received``, ``sent``, ``lost``, ``late`` and ``concealed``, of all legs that there were. They never fall."""


Event = (
    Ready
    | PlaybackOver
    | KeyPressed
    | Done
    | LevelHeard
    | VoiceChanged
    | VoiceWatched
    | Tapped
    | Busy
    | RecordingBegun
    | RecordingOver
    | WriterGone
    | Statistics
    | Figures
)


def commands() -> Unpacker[Command]:
    return Unpacker(Command)


def events() -> Unpacker[list[Event]]:
    return Unpacker(list[Event])
