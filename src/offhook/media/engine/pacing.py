"""When the next tick begins: absolute deadlines, so that nothing drifts."""

from __future__ import annotations

PERIOD_NS = 20_000_000
SHORTEST_NS = 10_000_000
"""A late tick is caught up, but two ticks never begin closer than this: peers get no bursts."""
BEHIND_LIMIT = 5
"""Ticks. Who is further behind (the machine slept) leaves them out: nobody could use them any more."""
GAP_STEP_NS = 250_000
GAP_BINS = 41


class Pacing:
    """Counts the ticks. Time comes in as ns of a clock that never jumps."""

    def __init__(self) -> None:
        self._zero = 0
        self._begun = 0
        self.tick = 0
        """The number of the next tick, 20 ms apart in time."""
        self.skipped = 0
        self.gaps = [0] * GAP_BINS
        """How many ticks began so far off the 20 ms since the one before, in steps of 0.25 ms; the last takes all beyond."""

    def restart(self, now_ns: int) -> None:
        """The next tick is due now: after a time without legs."""
        self._zero = now_ns - self.tick * PERIOD_NS
        self._begun = 0

    def due_ns(self) -> int:
        """When the next tick is to begin."""
        return max(self._zero + self.tick * PERIOD_NS, self._begun + SHORTEST_NS)

    def begin(self, now_ns: int) -> int:
        """A tick begins now. Returns its number."""
        behind = (now_ns - self._zero) // PERIOD_NS - self.tick
        if behind > BEHIND_LIMIT:
            self.skipped += behind
            self.tick += behind
        if self._begun:
            self.gaps[min(abs(now_ns - self._begun - PERIOD_NS) // GAP_STEP_NS, GAP_BINS - 1)] += 1
        self._begun = now_ns
        self.tick += 1
        return self.tick - 1
