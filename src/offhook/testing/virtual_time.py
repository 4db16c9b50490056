"""Time that jumps: an event loop whose clock goes on to the next timer at once, so that a two-hour call takes milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from offhook.clock import Clock

T = TypeVar("T")

EPOCH = 1_735_787_045.0
"""What the wall clock says when a virtual loop begins: 2025-01-02 03:04:05 UTC."""

RESOLUTION_S = 1e-6


class Stuck(Exception):
    """Nothing will ever happen again: every task waits, and no timer is set. In a test that is a hang, found at once."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop without a clock and without sockets: when nothing is ready, its time jumps to the next timer.

    It runs everything that only waits for timers, futures and queues. Whatever needs real input ends in ``Stuck``.
    """

    def __init__(self) -> None:
        self._passed_s = 0.0
        super().__init__(_Leaps(self))
        # How early a timer may fire. The base class takes the real clock's nanosecond, which after a virtual year is less than
        # the distance between two floats: a timer that is due could never be reached.
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Seconds since the loop was made; only ``leap`` moves it."""
        return self._passed_s

    def leap(self, seconds: float) -> None:
        """Let so much time pass (for the loop's own use)."""
        self._passed_s += seconds


class _Leaps(selectors.BaseSelector):
    """Instead of waiting for input it lets the time pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("every task waits and no timer is set: " + "; ".join(sorted(_waiting(self._loop))))
        self._loop.leap(max(timeout, 0.0))
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(), events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


def _waiting(loop: asyncio.AbstractEventLoop) -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks(loop)]


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, as ``asyncio.run`` does in real time.

    Raises:
        Stuck: it waits for something that no timer and no task will bring.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual_clock() -> Clock:
    """A clock whose wall time moves with the running virtual loop, from ``EPOCH`` on."""
    return Clock(wall=lambda: EPOCH + asyncio.get_running_loop().time())
