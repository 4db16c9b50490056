"""Who listens where a person talks: what the media engine tells of real sound, without any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from offhook.audio import VoiceEvent


class Ear:
    """Where a person talks, as the real engine tells it: a change when it has lasted, and the time in between."""

    def __init__(self, talks: Callable[[], bool], start_ms: int, stop_ms: int, every_ms: int) -> None:
        self._talks = talks
        self._lasting_s = {True: start_ms / 1000, False: stop_ms / 1000}
        self._every_s = every_ms / 1000
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._heard: asyncio.Queue[VoiceEvent | None] = asyncio.Queue()
        self._last = VoiceEvent(speaking=False, at_ms=0)
        self._change: asyncio.TimerHandle | None = None
        self._clock = self._loop.call_later(self._every_s, self._tick)
        if talks():
            self.changed()

    def __aiter__(self) -> AsyncIterator[VoiceEvent]:
        return self

    async def __anext__(self) -> VoiceEvent:
        heard = await self._heard.get()
        if heard is None:
            raise StopAsyncIteration
        return heard

    def changed(self) -> None:
        """The person begins or ceases to talk; what does not last is not told."""
        if self._change is not None:
            self._change.cancel()
        talks = self._talks()
        if talks is not self._last.speaking:
            self._change = self._loop.call_later(self._lasting_s[talks], self._tell, talks, self._now_ms())

    def end(self) -> None:
        """The leg was freed."""
        self.close()
        self._heard.put_nowait(None)

    def close(self) -> None:
        """Tell no more."""
        self._clock.cancel()
        if self._change is not None:
            self._change.cancel()

    def _now_ms(self) -> int:
        return round((self._loop.time() - self._began) * 1000)

    def _tell(self, talks: bool, at_ms: int) -> None:
        self._last = VoiceEvent(talks, at_ms, self._now_ms())
        self._heard.put_nowait(self._last)

    def _tick(self) -> None:
        self._clock = self._loop.call_later(self._every_s, self._tick)
        self._tell(self._last.speaking, self._last.at_ms)
