"""Recordings of somebody: they last, and hold nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from offhook.audio import Recorded, RecordingEnd
from offhook.errors import RecordingFailed


class Cassette:
    """A recording that takes time, and has no sound."""

    def __init__(self, path: Path, what: str, file_format: str, max_ms: int | None) -> None:
        self.path, self.what, self.file_format = path, what, file_format
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._over: asyncio.Future[Recorded] = self._loop.create_future()
        self._limit = self._loop.call_later(max_ms / 1000, self.end, RecordingEnd.LIMIT) if max_ms is not None else None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over.done()

    async def wait(self) -> Recorded:
        """Wait for its end. Raises ``RecordingFailed`` where ``fail`` made it so."""
        return await asyncio.shield(self._over)

    async def stop(self) -> Recorded:
        """End it now."""
        self.end(RecordingEnd.STOPPED)
        return await self.wait()

    def fail(self, reason: str) -> None:
        """The disk is full, or worse."""
        if not self._over.done():
            self._stop_timer()
            self._over.set_exception(RecordingFailed(str(self.path), reason, self._duration_ms()))

    def end(self, why: RecordingEnd) -> None:
        """It is over, and 16 octets a millisecond long."""
        if not self._over.done():
            self._stop_timer()
            self._over.set_result(Recorded(why, self._duration_ms(), 16 * self._duration_ms()))

    def _duration_ms(self) -> int:
        return round((self._loop.time() - self._began) * 1000)

    def _stop_timer(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
