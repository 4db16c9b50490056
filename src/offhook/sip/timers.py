"""Deadlines in a heap: thousands of them cost one armed timer of the event loop."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timer:
    """Something to be done at a point of time. Cancelling it is cheap; its place in the heap goes later."""

    __slots__ = ("_act", "at")

    def __init__(self, at: float, act: Callable[[], None]) -> None:
        self.at = at
        self._act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Do not do it. Idempotent, also after it was done."""
        self._act = None

    @property
    def pending(self) -> bool:
        """Whether it is still to be done."""
        return self._act is not None

    def fire(self) -> None:
        """Do it, once."""
        act, self._act = self._act, None
        if act is not None:
            act()

    def __lt__(self, other: Timer) -> bool:
        return self.at < other.at


class Timers:
    """The heap."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []

    def __len__(self) -> int:
        return sum(timer.pending for timer in self._heap)

    def at(self, when: float, act: Callable[[], None]) -> Timer:
        """Do ``act`` when ``when`` has come, s of loop time."""
        timer = Timer(when, act)
        heapq.heappush(self._heap, timer)
        return timer

    @property
    def deadline(self) -> float | None:
        """The next point of time at which ``run`` wants to be called."""
        heap = self._heap
        while heap and not heap[0].pending:
            heapq.heappop(heap)
        return heap[0].at if heap else None

    def run(self, now: float) -> None:
        """Do all that is due. Cancelled timers are swept when they are most of the heap."""
        heap = self._heap
        while heap and (heap[0].at <= now or not heap[0].pending):
            heapq.heappop(heap).fire()
        if len(heap) > 1024 and len(heap) > 4 * len(self):
            self._heap = [timer for timer in heap if timer.pending]
            heapq.heapify(self._heap)
