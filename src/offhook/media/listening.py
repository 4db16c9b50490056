"""What is heard on a leg, as the switch sees it: keys and levels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from offhook.audio import Digit, VoiceEvent
from offhook.errors import LegGone

if TYPE_CHECKING:
    from offhook.media.channel import Channel

DIGITS_LIMIT = 128
"""Keys that wait for somebody who listens; more are lost, the newest first."""
LEVELS_LIMIT = 50
VOICE_LIMIT = 1000


class Digits:
    """The keys pressed since somebody began to listen."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Digit | None] = asyncio.Queue(DIGITS_LIMIT)

    async def get(self) -> Digit:
        """Wait for the next key. Raises ``LegGone`` when the channel is closed and no key is left."""
        digit = await self._queue.get()
        if digit is None:
            self._queue.put_nowait(None)
            raise LegGone("the leg has ended")
        return digit

    def put(self, digit: Digit | None) -> None:
        """A key was pressed; ``None``: there will be no more (for the room's own use)."""
        if digit is None and self._queue.full():
            self._queue.get_nowait()
        if not self._queue.full():
            self._queue.put_nowait(digit)


class Meter:
    """The level of what is received, again and again: ``async with channel.meter() as levels: async for level_dbov in
    levels``."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._levels: asyncio.Queue[float | None] = asyncio.Queue(LEVELS_LIMIT)

    async def __aenter__(self) -> Meter:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[float]:
        return self

    async def __anext__(self) -> float:
        level = await self._levels.get()
        if level is None:
            raise StopAsyncIteration
        return level

    def close(self) -> None:
        """Measure no more."""
        self._channel.unmeter(self)

    def put(self, level_dbov: float | None) -> None:
        """A level was measured; ``None``: the last one has been (for the room's own use)."""
        if self._levels.full():
            self._levels.get_nowait()  # who does not keep up wants the newest
        self._levels.put_nowait(level_dbov)


class Voice:
    """Where somebody speaks: ``with channel.voice() as voice: async for event in voice``."""

    def __init__(self, number: int) -> None:
        self._events: asyncio.Queue[VoiceEvent | None] = asyncio.Queue(VOICE_LIMIT)
        self._last = VoiceEvent(speaking=False, at_ms=0)
        self._base_ms = 0
        """Judged by engines that have died."""
        self.number = number

    def __aiter__(self) -> AsyncIterator[VoiceEvent]:
        return self

    async def __anext__(self) -> VoiceEvent:
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)
            raise StopAsyncIteration
        return event

    def changed(self, speaking: bool, at_ms: int, now_ms: int) -> None:
        """Somebody has begun or ceased to speak (for the room's own use)."""
        self._put(VoiceEvent(speaking, self._base_ms + at_ms, self._base_ms + now_ms))

    def watched(self, now_ms: int) -> None:
        """Time has passed (for the room's own use)."""
        self._put(VoiceEvent(self._last.speaking, self._last.at_ms, self._base_ms + now_ms))

    def restarted(self) -> None:
        """Another engine judges from now on, and begins with a silence (for the room's own use)."""
        self._base_ms = self._last.now_ms
        if self._last.speaking:
            self.changed(False, 0, 0)

    def end(self) -> None:
        """The leg has ended (for the room's own use)."""
        self._offer(None)

    def _put(self, event: VoiceEvent) -> None:
        self._last = event
        self._offer(event)

    def _offer(self, event: VoiceEvent | None) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)
