"""Taps: the frames of chosen legs on their way to the switch, all of a tick in one copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media import wire
from offhook.media.engine.legs import Leg, Legs

_NONE = np.empty(0, np.intp)


class Taps:
    """Who is listened to: ``received`` is what comes from the leg's party, ``sent`` what it hears."""

    def __init__(self) -> None:
        self._taps: dict[int, tuple[Leg, str]] = {}
        self._version = -1
        self._numbers: tuple[int, ...] = ()
        self._received: NDArray[np.intp] = _NONE
        self._sent: NDArray[np.intp] = _NONE

    def open(self, leg: Leg, tap: int, what: str) -> None:
        """Tap a leg from the next tick on."""
        self._taps[tap] = (leg, what)
        self._version = -1

    def close(self, leg: Leg, tap: int | None = None) -> None:
        """End one tap, or all of a leg."""
        self._taps = {
            number: (its, what) for number, (its, what) in self._taps.items() if its is not leg or tap not in {None, number}
        }
        self._version = -1

    def take(self, legs: Legs) -> list[wire.Event]:
        """The frames of this tick. A leg that has no peer yet gives silence: whoever listens has a clock that runs on."""
        if not self._taps:
            return []
        if self._version != legs.version:
            self._settle(legs)
        frames = np.concatenate([legs.pcm[self._received], legs.out[self._sent]])
        if (self._received.size and self._received.min() < 0) or (self._sent.size and self._sent.min() < 0):
            frames[np.concatenate([self._received, self._sent]) < 0] = 0
        return [wire.Tapped(self._numbers, frames.tobytes())]

    def _settle(self, legs: Legs) -> None:
        received = [number for number, (_, what) in self._taps.items() if what == "received"]
        sent = [number for number, (_, what) in self._taps.items() if what == "sent"]
        self._numbers = (*received, *sent)
        self._received = np.array([self._taps[number][0].slot for number in received], np.intp)
        self._sent = np.array([self._taps[number][0].slot for number in sent], np.intp)
        self._version = legs.version
