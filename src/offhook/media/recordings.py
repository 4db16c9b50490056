"""Recordings, as the switch sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.media import wire

if TYPE_CHECKING:
    from offhook.media.channel import Channel


class Recording:
    """A WAV file that is being written."""

    def __init__(self, channel: Channel, number: int, path: Path) -> None:
        self._channel = channel
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._over.add_done_callback(_look_at)
        self.number = number
        self.path = path

    async def stop(self) -> int:
        """End it, wait until the file is complete, return its length in ms. Raises ``OSError`` when it could not be written."""
        if not self._over.done():
            self._channel.tell(wire.StopRecording(self._channel.number, self.number))
        return await asyncio.shield(self._over)

    def end(self, duration_ms: int, error: str) -> None:
        """The file is complete, or will never be (for the room's own use)."""
        if self._over.done():
            return
        if error:
            self._over.set_exception(OSError(f"{self.path}: {error}"))
        else:
            self._over.set_result(duration_ms)


def _look_at(over: asyncio.Future[int]) -> None:
    """A recording that fails while nobody waits for it is no error of the loop's."""
    if not over.cancelled():
        over.exception()
