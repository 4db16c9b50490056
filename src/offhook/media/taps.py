"""Sound itself, as the switch sees it: frames that are taken from a leg, and sound that is put into one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from offhook.audio import FRAME_SAMPLES, RATE_HZ
from offhook.errors import LegGone
from offhook.media import wire

if TYPE_CHECKING:
    from offhook.media.channel import Channel

_SAMPLE_OCTETS = 2
FRAME_OCTETS = FRAME_SAMPLES * _SAMPLE_OCTETS
TAP_LIMIT = 2000
"""Frames (40 s) that wait for somebody who listens; more are lost, the oldest first."""
_PART_OCTETS = 2**20
"""A longer piece goes to the engine in parts: one message must not hold it up."""


class Tap:
    """Frames of one leg: ``async with channel.tap() as frames: async for frame in frames``.

    Each is 20 ms: 160 samples of 16 bits, little-endian, at 8000 Hz. There is one for every tick, silence where nothing came.
    """

    def __init__(self, channel: Channel, number: int, what: str) -> None:
        self._channel = channel
        self._frames: deque[bytes] = deque(maxlen=TAP_LIMIT)
        self._come = asyncio.Event()
        self._over = False
        self.number = number
        self.what = what
        self.lost = 0
        """Frames that nobody took in time."""

    async def __aenter__(self) -> Tap:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._frames:
            if self._over:
                raise StopAsyncIteration
            self._come.clear()
            await self._come.wait()
        return self._frames.popleft()

    @property
    def waiting(self) -> int:
        """Frames that have come and were not taken yet."""
        return len(self._frames)

    def close(self) -> None:
        """Take no more; what has come already can still be read."""
        self._channel.untap(self)

    # --- for the room's own use ---------------------------------------------------------------------------------------------

    def put(self, frame: bytes) -> None:
        """A frame has come."""
        self.lost += len(self._frames) == TAP_LIMIT
        self._frames.append(frame)
        self._come.set()

    def end(self) -> None:
        """There will be no more."""
        self._over = True
        self._come.set()


class Injection:
    """Sound that is put into what a leg's party hears, beside whatever else it hears; ``channel.injection``."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._marks: dict[int, asyncio.Future[bool]] = {}
        self._ends_at = 0.0

    @property
    def waiting_ms(self) -> int:
        """About how much was written and not played yet."""
        return max(0, round((self._ends_at - self._channel.now()) * 1000))

    def write(self, pcm: bytes) -> None:
        """Play this after everything that was written before.

        Args:
            pcm: 16-bit samples, little-endian, at 8000 Hz; any number of them.

        Raises:
            ValueError: half a sample.
            LegGone: the channel is closed.
        """
        if len(pcm) % _SAMPLE_OCTETS:
            raise ValueError(f"{len(pcm)} octets are no whole number of 16-bit samples")
        if not self._channel.open:
            raise LegGone("the leg has ended")
        for at in range(0, len(pcm), _PART_OCTETS):
            self._channel.tell(wire.Inject(self._channel.number, pcm[at : at + _PART_OCTETS]))
        self._ends_at = max(self._ends_at, self._channel.now()) + len(pcm) / _SAMPLE_OCTETS / RATE_HZ

    def mark(self) -> asyncio.Future[bool]:
        """Comes true when everything that was written up to now has been played; false when it was cleared, or the leg ended."""
        mark: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self._channel.open:
            mark.set_result(False)
            return mark
        request = self._channel.next_number()
        self._marks[request] = mark
        mark.add_done_callback(lambda _: self._marks.pop(request, None))
        self._channel.tell(wire.MarkInjected(self._channel.number, request))
        return mark

    async def clear(self) -> None:
        """Throw away what was not played yet, and return when it is silent. Marks come false."""
        self.forget()
        if self._channel.open:
            await self._channel.ask(lambda request: wire.ClearInjected(self._channel.number, request))

    # --- for the room's own use ---------------------------------------------------------------------------------------------

    def hear(self, request: int) -> bool:
        """A mark was reached, if it is one of ours."""
        mark = self._marks.get(request)
        if mark is not None and not mark.done():
            mark.set_result(True)
        return mark is not None

    def forget(self) -> None:
        """Nothing that waited will be played any more."""
        self._ends_at = 0.0
        for mark in list(self._marks.values()):
            if not mark.done():
                mark.set_result(False)
