"""Time, handed in. No other module reads a clock by itself (DESIGN section 8)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Loop time for deadlines and durations, wall time for what people and customers read.

    With a virtual event loop both stand still until the test moves on; hand in ``wall`` then.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._loop: asyncio.AbstractEventLoop | None = None

    def now(self) -> float:
        """Loop time, s. Only differences mean anything. Needs a running loop, the same one each time until that is closed."""
        loop = self._loop
        if loop is None or loop.is_closed():
            # Remembered: looking up the running loop is a system call (getpid) in this version of Python.
            loop = self._loop = asyncio.get_running_loop()
        return loop.time()

    def wall(self) -> datetime:
        """The date and time, UTC, aware."""
        return datetime.fromtimestamp(self._wall(), UTC)
