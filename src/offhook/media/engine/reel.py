"""The frames of all running recordings: one copy a tick for all of them, cut off every few ticks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.media import wire, writing
from offhook.media.engine.arrays import FRAME_SAMPLES, Numbers, Samples
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.mixing import add_held

LONGEST_TICKS = 10
"""200 ms: what is lost when the engine is killed."""
_LARGEST = 2**20
"""Samples. Of so many recordings that they need more, fewer ticks are kept: what is handed over at once stays small."""
_NONE: NDArray[np.intp] = np.empty(0, np.intp)
_KINDS = ("received", "sent", "mixed")
NEVER = 2**62
"""Ticks."""


@dataclass(eq=False, slots=True)
class Running:
    """A recording, as far as the tick is concerned with it."""

    leg: Leg | None
    command: wire.StartRecording
    limit: int
    """Ticks after which it ends by itself."""
    ticks: int
    """How long it was when it was last begun or paused."""
    origin: int = 0
    """While it runs: the tick at which it was 0 ticks long."""
    opened: bool = False
    """There is a file of it."""
    paused: bool = False
    why: str = ""
    """Why it ends: its file is being closed."""

    @property
    def number(self) -> int:
        return self.command.recording


class Reel:
    """Takes up frames, as ``[ticks, rows, 160]``: first the rows of what is received, then what is sent, then what is mixed."""

    def __init__(self) -> None:
        self._numbers: tuple[int, ...] = ()
        self._left: tuple[int, ...] = ()
        self._right: tuple[int, ...] = ()
        self._origins: Numbers = np.empty(0, np.int64)
        self._legs: dict[str, list[Leg]] = {kind: [] for kind in _KINDS}
        self._rows: dict[str, NDArray[np.intp]] = {}
        """Where in ``Legs`` they are."""
        self._silent: NDArray[np.intp] = _NONE
        """Rows of the reel."""
        self._version = -1
        self._frames: Samples = np.empty((1, 0, FRAME_SAMPLES), np.int16)
        self._first = self._ticks = 0

    def thread(self, recordings: list[Running]) -> None:
        """Take up these from the next tick on. What was taken before has been cut off; none of them is paused."""
        kinds = [_kinds(recording) for recording in recordings]
        self._legs = {
            kind: [recording.leg for recording, its in zip(recordings, kinds, strict=True) if kind in its and recording.leg]
            for kind in _KINDS
        }
        begins = itertools.accumulate((len(self._legs[kind]) for kind in _KINDS), initial=0)
        rows = {kind: itertools.count(begin) for kind, begin in zip(_KINDS, begins, strict=False)}
        places = [[next(rows[kind]) for kind in its] for its in kinds]
        self._numbers = tuple(recording.number for recording in recordings)
        self._left = tuple(place[0] for place in places)
        self._right = tuple(place[1] if len(place) > 1 else -1 for place in places)
        self._origins = np.array([recording.origin for recording in recordings], np.int64)
        self._version = -1
        count = sum(len(legs) for legs in self._legs.values())
        ticks = max(1, min(LONGEST_TICKS, _LARGEST // max(1, count * FRAME_SAMPLES)))
        self._frames = np.empty((ticks, count, FRAME_SAMPLES), np.int16)

    def take(self, legs: Legs, tick: int) -> None:
        """Copy this tick's frames. It is not full, and the tick follows the one before (``follows``)."""
        if self._version != legs.version:
            self._settle(legs)
        if not self._ticks:
            self._first = tick
        frame = self._frames[self._ticks]
        received, sent, mixed = (self._rows[kind] for kind in _KINDS)
        both = received.size + sent.size
        np.take(legs.pcm, received, axis=0, out=frame[: received.size], mode="clip")
        np.take(legs.out, sent, axis=0, out=frame[received.size : both], mode="clip")
        if mixed.size:
            frame[both:] = add_held(legs.pcm[mixed], legs.out[mixed])
        if self._silent.size:
            frame[self._silent] = 0
        self._ticks += 1

    def follows(self, tick: int) -> bool:
        """Whether this tick comes right after the last one that is on the reel."""
        return tick == self._first + self._ticks or not self._ticks

    @property
    def full(self) -> bool:
        return self._ticks == len(self._frames)

    def cut(self) -> writing.Frames | None:
        """What was taken since the last cut."""
        if not self._ticks:
            return None
        pcm = self._frames[: self._ticks].tobytes()
        at = tuple(((self._first - self._origins) * FRAME_SAMPLES).tolist())
        self._ticks = 0
        return writing.Frames(self._numbers, at, self._left, self._right, self._frames.shape[1], pcm)

    def _settle(self, legs: Legs) -> None:
        self._rows = {kind: np.array([leg.slot for leg in its], np.intp) for kind, its in self._legs.items()}
        # Of a leg without a peer comes silence, and from a seat: who sits there only listens.
        silent = [leg.slot < 0 or (leg.seat and kind == "received") for kind in _KINDS for leg in self._legs[kind]]
        self._silent = np.flatnonzero(silent)
        self._version = legs.version


def _kinds(recording: Running) -> tuple[str, ...]:
    """The rows that a recording needs."""
    what = recording.command.what
    if what == "both":
        return "received", "sent"
    if what == "mixed" and recording.leg is not None and recording.leg.seat:
        return ("sent",)  # what a seat plays is in what it hears
    return (what,)
