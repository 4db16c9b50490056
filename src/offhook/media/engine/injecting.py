"""Sound that comes from the switch while it is played: the other half of a two-way stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from offhook.media import wire
from offhook.media.engine.arrays import FRAME_SAMPLES, Samples
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.mixing import add_held

_FRAME_OCTETS = 2 * FRAME_SAMPLES


@dataclass(slots=True)
class Injected:
    """What waits to be played on one leg, in order, and the marks in it."""

    _waiting: bytearray = field(default_factory=bytearray)
    _played: int = 0
    """Octets, of all that ever came."""
    _came: int = 0
    _marks: deque[tuple[int, int]] = field(default_factory=deque)
    """At which octet each lies, and whose request it is."""

    def add(self, pcm: bytes) -> None:
        self._waiting += pcm
        self._came += len(pcm)

    def mark(self, request: int) -> None:
        """Told when everything up to here has been played."""
        self._marks.append((self._came, request))

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._marks.clear()
        self._played = self._came

    @property
    def empty(self) -> bool:
        return not self._waiting and not self._marks

    def frame(self) -> bytes:
        """What is played in this tick, a whole frame; where there is less, silence follows it."""
        taken = bytes(self._waiting[:_FRAME_OCTETS])
        del self._waiting[:_FRAME_OCTETS]
        self._played += len(taken)
        return taken.ljust(_FRAME_OCTETS, b"\0")

    def passed(self) -> list[int]:
        """The requests whose marks were reached by now."""
        requests = []
        while self._marks and self._marks[0][0] <= self._played:
            requests.append(self._marks.popleft()[1])
        return requests


class Injecting:
    """The legs on which something waits."""

    def __init__(self) -> None:
        self._legs: list[Leg] = []

    def add(self, leg: Leg) -> Injected:
        """Something is to be played on this leg."""
        if leg.injected is None:
            leg.injected = Injected()
        if leg not in self._legs:
            self._legs.append(leg)
        return leg.injected

    def remove(self, leg: Leg) -> None:
        """The leg ends."""
        if leg in self._legs:
            self._legs.remove(leg)

    def mix(self, legs: Legs) -> list[wire.Event]:
        """Add a frame to what each plays. Returns what was reached with the tick before: by now it has been sent."""
        if not self._legs:
            return []
        told: list[wire.Event] = []
        slots, frames = [], []
        for leg in self._legs[:]:
            injected = leg.injected
            if injected is None or leg.slot < 0:
                continue
            told += [wire.Done(leg.number, request) for request in injected.passed()]
            if injected.empty:
                self._legs.remove(leg)
                continue
            slots.append(leg.slot)
            frames.append(injected.frame())
        if slots:
            sound: Samples = np.frombuffer(b"".join(frames), np.int16).reshape(-1, FRAME_SAMPLES)
            legs.out[slots] = add_held(legs.out[slots], sound)
        return told
