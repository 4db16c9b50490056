"""Keys that arrive as telephone events (RFC 4733): each press is told once, however many of its packets come or are lost."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from offhook.audio import DIGITS
from offhook.media.engine.arrays import SAMPLES_PER_MS

_EVENT = struct.Struct("!BBH")
_END = 0x80
_SLACK = 400
"""Samples (50 ms). A segment of a long event begins where the one before it ended (section 2.5.1.3), give or take an update
interval."""
_REMEMBERED = 32
"""Presses whose timestamps are known again: a straggler of one of them is no new press."""
_FORGET = 8000 * 10
"""Samples. A timestamp further back than this is not a straggler: the sender's clock has jumped."""


@dataclass(frozen=True, slots=True)
class Press:
    """A key went down."""

    key: str
    duration_ms: int
    """As the first packet that arrived says."""


@dataclass(slots=True)
class Keys:
    """The telephone events of one leg."""

    _timestamp: int | None = None
    _event: int = -1
    _duration: int = 0
    _ended: bool = True
    _ssrc: int | None = None
    _heard: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def receive(self, ssrc: int, timestamp: int, marker: bool, payload: bytes, clock: int = 1) -> list[Press]:
        """Take one packet; several events may stand in it, one after another in time. Returns the presses that begin with it.

        Args:
            timestamp: at 8000 Hz.
            clock: how many ticks of the events' clock are one of 8000 Hz: their durations are counted in it.
        """
        if ssrc != self._ssrc:
            self._ssrc, self._timestamp, self._ended = ssrc, None, True
            self._heard.clear()
        pressed = []
        for at in range(0, len(payload) - _EVENT.size + 1, _EVENT.size):
            event, flags, ticks = _EVENT.unpack_from(payload, at)
            duration = ticks // clock
            if self._begins(event, timestamp, marker and at == 0) and event < len(DIGITS):
                pressed.append(Press(DIGITS[event], duration // SAMPLES_PER_MS))
            if self._timestamp == timestamp:
                self._duration = max(self._duration, duration)
                self._ended = self._ended or bool(flags & _END)
            timestamp = (timestamp + duration) & 0xFFFFFFFF
        return pressed

    def _begins(self, event: int, timestamp: int, marker: bool) -> bool:
        """Whether this is a press not heard of before; if so, or if it carries one on, it is the one that counts from now on."""
        if timestamp in self._heard:
            return False  # an update, a repeated end, or a straggler of an earlier press
        if self._timestamp is not None:
            since = ((timestamp - self._timestamp + 2**31) & 0xFFFFFFFF) - 2**31
            # Recorded keys may be played in any order: going back is a new press if its first packet says so.
            if -_FORGET < since <= 0 and not marker:
                return False
            carried_on = event == self._event and not self._ended and not marker and since <= self._duration + _SLACK
            if carried_on and since > 0:
                self._timestamp, self._duration = timestamp, 0
                self._heard.append(timestamp)
                return False
        self._heard.append(timestamp)
        self._timestamp, self._event, self._duration, self._ended = timestamp, event, 0, False
        return True
