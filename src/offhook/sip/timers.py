"""Deadlines in a heap: thousands of them cost one armed timer of the event loop."""

from __future__ import annotations

import heapq
from collections.abc import Callable

SWEEP_AT = 1024
"""Cancelled timers that may stand in the heap before they are swept."""


class Timer:
    """Something to be done at a point of time. Cancelling it is cheap; its place in the heap goes later."""

    __slots__ = ("_act", "_owner", "at")

    def __init__(self, at: float, act: Callable[[], None], owner: Timers) -> None:
        self.at = at
        self._act: Callable[[], None] | None = act
        self._owner = owner

    def cancel(self) -> None:
        """Do not do it. Idempotent, also after it was done."""
        if self._act is not None:
            self._act = None
            self._owner.one_less()

    @property
    def pending(self) -> bool:
        """Whether it is still to be done."""
        return self._act is not None

    def fire(self) -> None:
        """Do it, once."""
        act = self._act
        if act is not None:
            self.cancel()
            act()

    def __lt__(self, other: Timer) -> bool:
        return self.at < other.at


class Timers:
    """The heap."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._pending = 0

    def __len__(self) -> int:
        return self._pending

    def at(self, when: float, act: Callable[[], None]) -> Timer:
        """Do ``act`` when ``when`` has come, s of loop time."""
        timer = Timer(when, act, self)
        heapq.heappush(self._heap, timer)
        self._pending += 1
        return timer

    def one_less(self) -> None:
        """A timer was done or cancelled. The cancelled are swept when they are most of the heap."""
        self._pending -= 1
        if len(self._heap) > SWEEP_AT and len(self._heap) > 4 * self._pending:
            self._heap[:] = [timer for timer in self._heap if timer.pending]
            heapq.heapify(self._heap)

    @property
    def deadline(self) -> float | None:
        """The next point of time at which ``run`` wants to be called."""
        heap = self._heap
        while heap and not heap[0].pending:
            heapq.heappop(heap)
        return heap[0].at if heap else None

    def run(self, now: float) -> None:
        """Do all that is due. What that sets for a later time waits for the next run."""
        heap = self._heap
        while heap and (heap[0].at <= now or not heap[0].pending):
            heapq.heappop(heap).fire()

    def clear(self) -> None:
        """Do none of it."""
        self._heap.clear()
        self._pending = 0
