"""Something that a leg plays, as the switch sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from offhook.audio import PlaybackEnded
from offhook.media import wire

if TYPE_CHECKING:
    from offhook.media.channel import Channel


@dataclass(slots=True)
class _Place:
    """Where a playback is, by our own clock: the engine's may be a frame or two behind."""

    ms: float
    at: float | None
    """The loop time at which it was there; ``None`` while it is paused."""

    def now_ms(self, now: float) -> int:
        return int(self.ms + (0 if self.at is None else (now - self.at) * 1000))


class Playback:
    """Something that is being played."""

    def __init__(self, channel: Channel, number: int, command: wire.Play, began: float) -> None:
        self._channel = channel
        self._command = command
        self._place = _Place(0, began)
        self._ended: asyncio.Future[PlaybackEnded] = asyncio.get_running_loop().create_future()
        self.number = number
        self.stopping = False
        """It was asked to stop (for the room's own use)."""

    async def wait(self) -> PlaybackEnded:
        """Wait for its end. Whoever stops waiting does not stop it."""
        return await asyncio.shield(self._ended)

    def stop(self) -> None:
        """Stop it; ``wait`` returns when it is silent. No harm when it has ended already."""
        self.stopping = True
        if not self._ended.done():
            self._channel.tell(wire.StopPlaying(self._channel.number, self.number))

    @property
    def over_all(self) -> bool:
        """Whether it is heard over the leg's own playlist (for the room's own use)."""
        return self._command.mix is not None

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._place.at is None

    def pause(self) -> None:
        """Stand still, and let silence be heard, until ``resume``."""
        if not self.paused and not self._ended.done():
            self._place = _Place(self._place.now_ms(self._channel.now()), None)
            self._channel.tell(wire.PausePlaying(self._channel.number, self.number, paused=True))

    def resume(self) -> None:
        """Go on where it was paused."""
        if self.paused and not self._ended.done():
            self._place.at = self._channel.now()
            self._channel.tell(wire.PausePlaying(self._channel.number, self.number, paused=False))

    def seek(self, position_ms: int) -> None:
        """Go on from this place of the playlist, counted from its beginning with all repetitions; behind its end, it ends."""
        if not self._ended.done():
            position_ms = max(0, position_ms)
            self._place = _Place(position_ms, None if self.paused else self._channel.now())
            self._channel.tell(wire.SeekPlaying(self._channel.number, self.number, position_ms))

    def skip(self, by_ms: int) -> None:
        """Go on so much further on, or back when it is negative."""
        self.seek(self.position_ms + by_ms)

    @property
    def position_ms(self) -> int:
        """About where it is; ``PlaybackEnded`` says exactly where it ended."""
        return self._place.now_ms(self._channel.now())

    # --- for the room's own use ---------------------------------------------------------------------------------------------

    def end(self, ended: PlaybackEnded) -> None:
        """It has ended."""
        if not self._ended.done():
            self._ended.set_result(ended)

    def resumed(self) -> wire.Play:
        """The command that goes on where it should be by now."""
        return msgspec.structs.replace(self._command, skip_ms=self.position_ms, paused=self.paused)
