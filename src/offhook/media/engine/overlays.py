"""Sound over what a leg's party hears anyway, its prompt or its conversation: mixed with that, or instead of it.

Beside the playlists of the legs there are rows only for those legs that have such a sound: who has none costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.audio import PlaybackEnd
from offhook.media import wire
from offhook.media.engine import playing
from offhook.media.engine.arena import Arena
from offhook.media.engine.arrays import FRAME_SAMPLES, Numbers, Samples
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.mixing import add_held
from offhook.media.engine.playing import Playing

Rows = NDArray[np.intp]
_EMPTY: Rows = np.empty(0, np.intp)
_STALE = -1


@dataclass(eq=False, slots=True)
class Overlay:
    """One of them. A leg may have several: they are heard together."""

    leg: Leg
    playing: Playing
    mix: bool
    """False: whatever else the leg would hear, it does not hear meanwhile."""
    slot: int = -1
    """Its row here; that changes when another one ends."""


class Overlays:
    """All of a node: the rows 0 to ``count``, as ``playing`` moves them.

    Args:
        tell: gets what the switch is to know: how each ended.
    """

    def __init__(self, tell: Callable[[wire.Event], None]) -> None:
        self._tell = tell
        self.count = 0
        self.rows: list[Overlay] = []
        self.at: Numbers = np.zeros(4, np.int64)
        self.left: Numbers = np.zeros(4, np.int64)
        self.step: Numbers = np.zeros(4, np.int64)
        self.out: Samples = np.zeros((4, FRAME_SAMPLES), np.int16)
        self._version = _STALE
        """That of the legs by which the next two were made."""
        self._silenced: Rows = _EMPTY
        """Rows of the legs that hear nothing else."""
        self._layers: list[tuple[Rows, Rows]] = []
        """Rows of legs, each once in a layer, and the rows here that they hear."""

    def add(self, leg: Leg, begun: Playing, *, mix: bool) -> None:
        """Let a leg hear a playlist from the next tick on; while the leg has no peer, it goes by unheard."""
        if self.count == len(self.at):
            self.at, self.left, self.step = (np.concatenate([each, each]) for each in (self.at, self.left, self.step))
            self.out = np.concatenate([self.out, self.out])
        overlay = Overlay(leg, begun, mix, self.count)
        self.rows.append(overlay)
        self.count += 1
        playing.start(self, overlay.slot, begun)
        self._version = _STALE

    def find(self, leg: Leg, playback: int) -> Overlay | None:
        """The one that the switch knows by this number, unless it is over."""
        return next((each for each in self.rows if each.leg is leg and each.playing.playback == playback), None)

    def end(self, overlay: Overlay, why: PlaybackEnd) -> None:
        """It is not heard any more; the last row moves into its place."""
        played_ms = playing.played_ms(self, overlay.slot, overlay.playing)
        overlay.playing.end()
        hole, last = overlay.slot, self.count - 1
        for array in (self.at, self.left, self.step):
            array[hole] = array[last]
        self.rows[hole] = self.rows[last]
        self.rows[hole].slot = hole
        self.rows.pop()
        self.count = last
        self._version = _STALE
        self._tell(wire.PlaybackOver(overlay.leg.number, overlay.playing.playback, why, played_ms))

    def close(self, leg: Leg) -> None:
        """The leg ends."""
        for overlay in [each for each in self.rows if each.leg is leg]:
            self.end(overlay, PlaybackEnd.GONE)

    def mix(self, legs: Legs, arena: Arena) -> None:
        """Put a frame of each into what its leg's party hears."""
        if not self.count:
            return
        ended = [(self.rows[row], why) for row, why in playing.gather(self, arena)]
        if self._version != legs.version:
            self._settle(legs)
        if self._silenced.size:
            legs.out[self._silenced] = 0
        for slots, rows in self._layers:
            legs.out[slots] = add_held(legs.out[slots], self.out[rows])
        for overlay, why in ended:
            self.end(overlay, why)

    def _settle(self, legs: Legs) -> None:
        """Take in who sits where."""
        rest = [(each.leg.slot, each.slot) for each in self.rows if each.leg.slot >= 0]
        self._silenced = np.array(sorted({each.leg.slot for each in self.rows if each.leg.slot >= 0 and not each.mix}), np.intp)
        self._layers = []
        while rest:
            layer = dict(reversed(rest))
            self._layers.append((np.array(list(layer), np.intp), np.array(list(layer.values()), np.intp)))
            rest = [(slot, row) for slot, row in rest if layer[slot] != row]
        self._version = legs.version
