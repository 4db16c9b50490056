"""Something that a leg plays, as the switch sees it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook.audio import PlaybackEnded
from offhook.media import wire

if TYPE_CHECKING:
    from offhook.media.channel import Channel


class Playback:
    """Something that is being played."""

    def __init__(self, channel: Channel, number: int, command: wire.Play, began: float) -> None:
        self._channel = channel
        self._command = command
        self._began = began
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

    def end(self, ended: PlaybackEnded) -> None:
        """It has ended (for the room's own use)."""
        if not self._ended.done():
            self._ended.set_result(ended)

    def resumed(self, now: float) -> wire.Play:
        """The command that goes on where it should be by now (for the room's own use)."""
        command = self._command
        skip_ms = command.skip_ms + int((now - self._began) * 1000)
        return wire.Play(command.leg, command.playback, command.tracks, command.stop_on_key, skip_ms)

    def played_ms(self, now: float) -> int:
        """About how long it has played, when nobody is left to say it exactly (for the room's own use)."""
        return int((now - self._began) * 1000)
