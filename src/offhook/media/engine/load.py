"""Whether the engine has room for more legs: a tick that takes nearly 20 ms leaves none."""

from __future__ import annotations

BUSY_NS = 14_000_000
"""A tick that takes longer is a full one."""
CALM_NS = 11_000_000
ROUND_TICKS = 25
"""Half a second: how often it is looked."""
FULL_SHARE = 0.2
"""Of the ticks of a round, before no more legs are taken. A single long tick is only the machine's hiccup."""
CALM_ROUNDS = 2
"""Without a long tick, before legs are taken again."""


class Load:
    """Watches how long the ticks take."""

    def __init__(self) -> None:
        self.busy = False
        self._ticks = self._full = self._long = 0
        self._calm_rounds = 0

    def note(self, tick_ns: int) -> bool:
        """A tick has taken so long. Returns whether ``busy`` has changed."""
        self._ticks += 1
        self._full += tick_ns > BUSY_NS
        self._long += tick_ns > CALM_NS
        if self._ticks < ROUND_TICKS:
            return False
        self._calm_rounds = 0 if self._long else self._calm_rounds + 1
        was, full = self.busy, self._full >= FULL_SHARE * ROUND_TICKS
        self.busy = full or (was and self._calm_rounds < CALM_ROUNDS)
        self._ticks = self._full = self._long = 0
        return self.busy is not was

    def rest(self) -> bool:
        """There are no legs any more. Returns whether ``busy`` has changed."""
        was = self.busy
        self.busy, self._ticks, self._full, self._long = False, 0, 0, 0
        return was
