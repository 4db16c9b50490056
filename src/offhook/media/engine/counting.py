"""What the engine counts for graphs: how long its ticks took, and what became of the packets of all legs that there were."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from offhook.media.engine.legs import Leg, Legs
from offhook.metrics import TICK_SECONDS

_BOUNDS_NS = [round(bound * 1e9) for bound in TICK_SECONDS]
_COLUMNS = ("received", "sent", "late", "concealed")


class Counting:
    """A tick costs it one look-up; packets are summed over the legs only when somebody asks."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self.ticks = [0] * (len(_BOUNDS_NS) + 1)
        """How many took as long as each bound or less, and more than the one before."""
        self.tick_ns = 0
        self._gone = dict.fromkeys((*_COLUMNS, "lost"), 0)
        """Of legs that were closed."""
        self._told = dict(self._gone)

    def tick(self, took_ns: int) -> None:
        """A tick is over."""
        self.ticks[bisect_left(_BOUNDS_NS, took_ns)] += 1
        self.tick_ns += took_ns

    def leaves(self, leg: Leg) -> None:
        """A leg is about to be closed."""
        if leg.slot < 0:
            return
        told = self._legs.statistics(leg, 0)
        self._gone["received"] += told.packets_received
        self._gone["sent"] += told.packets_sent
        self._gone["late"] += told.packets_late
        self._gone["concealed"] += told.frames_concealed
        self._gone["lost"] += told.packets_lost

    def packets(self) -> dict[str, int]:
        """Of all legs so far. A packet that comes late was counted as lost before: what was told once is not taken back."""
        legs, count = self._legs, self._legs.count
        found = {name: self._gone[name] + int(getattr(legs, name)[:count].sum()) for name in _COLUMNS}
        expected = np.where(legs.synced[:count], legs.sequence_highest[:count] - legs.sequence_first[:count] + 1, 0)
        found["lost"] = self._gone["lost"] + int(np.maximum(0, expected - legs.received[:count]).sum())
        self._told = {name: max(value, self._told[name]) for name, value in found.items()}
        return self._told
