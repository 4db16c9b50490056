"""Keys that we press: as telephone events (RFC 4733), or as tones for a peer that has none of them (ITU-T Q.23)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from offhook.audio import DIGITS
from offhook.media.engine.arrays import FRAME_MS, FRAME_SAMPLES, SAMPLES_PER_MS

PAUSES_MS = {"w": 500, "W": 1000}
END_PACKETS = 3
"""RFC 4733 section 2.5.1.4: the end is sent three times, because nothing comes after it that could make up for a loss."""
LEVEL_DBOV = -10.0
"""Of each key: in the volume field and, without its sign, of the tones."""
_VOLUME = 10
_EVENT = struct.Struct("!BBH")
_LONGEST_EVENT = 0xFFFF
ROWS_HZ = (697.0, 770.0, 852.0, 941.0)
COLUMNS_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
KEYPAD = ("123A", "456B", "789C", "*0#D")


def frequencies_hz(key: str) -> tuple[float, float]:
    """The two tones of a key (ITU-T Q.23)."""
    row = next(row for row, keys in enumerate(KEYPAD) if key in keys)
    return ROWS_HZ[row], COLUMNS_HZ[KEYPAD[row].index(key)]


@dataclass(frozen=True, slots=True)
class EventFrame:
    """The packet that goes out instead of audio in this tick."""

    payload: bytes
    age_samples: int
    """How long ago the event began: its timestamp is that far back."""
    marker: bool

    def coded(self, clock: int) -> bytes:
        """The payload for a clock of so many times 8000 Hz."""
        if clock == 1:
            return self.payload
        event, flags, duration = _EVENT.unpack(self.payload)
        return _EVENT.pack(event, flags, min(duration * clock, _LONGEST_EVENT))


@dataclass(frozen=True, slots=True)
class ToneFrame:
    """The tones that go out instead of audio in this tick."""

    key: str
    offset_samples: int
    """Where in the key's tone this frame begins."""


Frame = EventFrame | ToneFrame | None
"""``None``: audio as ever, in a pause or a gap."""


@dataclass(slots=True)
class Dialling:
    """A row of keys on its way out, one frame a tick.

    Args:
        request: whose it is.
        digits: ``DIGITS``, ``w`` and ``W``; everything else is passed over.
        tone_ms: how long each key is held. Rounded to whole frames, at least two.
        gap_ms: the pause after each key. At least so long that the end packets fit in.
        as_events: telephone events, or else tones.
    """

    request: int
    digits: str
    tone_ms: int
    gap_ms: int
    as_events: bool
    _frames: Iterator[Frame] = field(init=False)

    def __post_init__(self) -> None:
        self._frames = self._run()

    def next(self) -> Frame:
        """What goes out in this tick. Raises ``StopIteration`` when everything has been sent."""
        return next(self._frames)

    def _run(self) -> Iterator[Frame]:
        for character in self.digits:
            if character in PAUSES_MS:
                yield from _pause(PAUSES_MS[character])
            elif character.upper() in DIGITS:
                yield from self._event(character.upper()) if self.as_events else self._tone(character.upper())
                yield from _pause(self.gap_ms - (END_PACKETS - 1) * FRAME_MS if self.as_events else self.gap_ms)

    def _event(self, key: str) -> Iterator[Frame]:
        event, frames = DIGITS.index(key), max(2, round(self.tone_ms / FRAME_MS))
        for frame in range(1, frames):
            duration = frame * FRAME_SAMPLES
            yield EventFrame(_payload(event, duration, end=False), duration - FRAME_SAMPLES, marker=frame == 1)
        for again in range(END_PACKETS):
            age = (frames - 1 + again) * FRAME_SAMPLES
            yield EventFrame(_payload(event, frames * FRAME_SAMPLES, end=True), age, marker=False)

    def _tone(self, key: str) -> Iterator[Frame]:
        for frame in range(max(2, round(self.tone_ms / FRAME_MS))):
            yield ToneFrame(key, frame * FRAME_SAMPLES)


def _payload(event: int, duration_samples: int, *, end: bool) -> bytes:
    return struct.pack("!BBH", event, (0x80 if end else 0) | _VOLUME, min(duration_samples, _LONGEST_EVENT))


def _pause(duration_ms: int) -> Iterator[Frame]:
    for _ in range(max(0, round(duration_ms / FRAME_MS))):
        yield None


def tone_samples(tone_ms: int) -> int:
    """How many samples of a key's tone are played."""
    return max(2, round(tone_ms / FRAME_MS)) * FRAME_MS * SAMPLES_PER_MS
