"""What can be played and heard, in words that the media plane and the interpreter share.

Everything here is a value; nothing here touches samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RATE_HZ = 8000
"""The rate of the mix and of every clip on disk."""
FRAME_MS = 20
FRAME_SAMPLES = 160

DIGITS = "0123456789*#ABCD"
"""The 16 DTMF digits in the order of their event codes (RFC 4733 section 3.2)."""


_ROWS_HZ, _COLUMNS_HZ = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0)
_KEYPAD = ("123A", "456B", "789C", "*0#D")
DIGITS_HZ = {key: (_ROWS_HZ[row], _COLUMNS_HZ[column]) for row, keys in enumerate(_KEYPAD) for column, key in enumerate(keys)}
"""The two tones of each digit (ITU-T Q.23)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A file of raw PCM: signed 16-bit little-endian samples, mono, at ``RATE_HZ``."""

    path: str


@dataclass(frozen=True, slots=True)
class Tone:
    """One to four sine waves at once; their sum has the level ``level_dbov``."""

    frequencies_hz: tuple[float, ...]
    duration_ms: int
    level_dbov: float = -13.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing, for a while."""

    duration_ms: int


Sound = Clip | Tone | Silence

BEEP = Tone((1000.0,), 300, -15.0)
"""The beep of ``playBeep``."""


@dataclass(frozen=True, slots=True)
class Track:
    """Sounds played one after another without a gap, the whole row ``times`` times."""

    sounds: tuple[Sound, ...]
    times: int = 1
    """How often; 0 = again and again until stopped."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """Tracks in order. Nothing after a track with ``times=0`` is ever reached."""

    tracks: tuple[Track, ...]

    @property
    def endless(self) -> bool:
        """Whether it plays until it is stopped."""
        return any(track.times == 0 for track in self.tracks)


class PlaybackEnd(StrEnum):
    """Why something stopped playing."""

    FINISHED = "finished"
    KEY = "key"
    """A key was pressed, and it was asked to stop for one."""
    STOPPED = "stopped"
    """We were told to stop it, or something else was played instead."""
    GONE = "gone"
    """The leg has ended."""
    FAILED = "failed"
    """A clip could not be read."""


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """How a playback came to its end."""

    why: PlaybackEnd
    played_ms: int


class RecordingEnd(StrEnum):
    """Why a recording ended."""

    STOPPED = "stopped"
    """We were told to stop it."""
    LIMIT = "limit"
    """It has become as long as it was to be."""
    GONE = "gone"
    """The leg has ended."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that is complete."""

    why: RecordingEnd
    duration_ms: int
    """Without the time in which it was paused."""
    octets: int
    """Of the file."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A key that the far end pressed."""

    key: str
    """One of ``DIGITS``."""
    duration_ms: int
    """How long it had been held when it was reported: at its beginning that is the first packet's duration."""
    via: str = "rfc4733"
    """``rfc4733``, ``info`` or ``inband``."""


@dataclass(frozen=True, slots=True)
class VoiceEvent:
    """Somebody has begun or ceased to speak; or it is told again, because time has passed."""

    speaking: bool
    at_ms: int
    """When, since the watch began: the beginning of the sound, or of the pause, not when it was noticed."""
    now_ms: int = 0
    """How much sound had been judged when this was told."""


@dataclass(frozen=True, slots=True)
class BeepPattern:
    """What ``Wait beep`` listens for (reference ``xml.md`` section 14)."""

    duration_ms: int = 300
    """The shortest beep that counts."""
    inter_silence_ms: int = 50
    """Gaps up to this long do not break a beep in two."""
    intra_silence_ms: int = 500
    """Silence after the beep that confirms it."""
    threshold: int = 256
    """Mean absolute sample value, 16 bits, at which a frame is sound."""


@dataclass(frozen=True, slots=True)
class RtpStatistics:
    """What one leg's RTP went through since it was opened."""

    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    """Arrived after their playout point, thrown away."""
    packets_duplicate: int = 0
    packets_reordered: int = 0
    jitter_ms: float = 0.0
    """Interarrival jitter (RFC 3550 section 6.4.1)."""
    frames_concealed: int = 0
    round_trip_ms: float | None = None
    """As RTCP shows it. ``None`` where the peer sends no reports, like the next two and ``mos_sent``."""
    remote_lost: int | None = None
    """Of what we sent, as the peer reports it."""
    remote_jitter_ms: float | None = None
    mos_received: float | None = None
    """Estimated mean opinion score of what we hear, 1.0 to 4.4 (``media/quality.py``)."""
    mos_sent: float | None = None
    """Of what the peer hears."""
    first_packet_ms: int | None = None
    """When the first one came, in whole ticks of 20 ms after an address was agreed on; ``None``: none did."""
