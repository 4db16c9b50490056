"""Recordings, as the switch sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from offhook.audio import Recorded, RecordingEnd
from offhook.errors import RecordingFailed
from offhook.media import wire

if TYPE_CHECKING:
    from offhook.media.channel import Channel


class Recording:
    """A file that is being written."""

    def __init__(self, channel: Channel, command: wire.StartRecording, path: Path) -> None:
        self._channel = channel
        self._command = command
        self._over: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._over.add_done_callback(_look_at)
        self._runs_since: float | None = channel.now()
        self._recorded_s = 0.0
        self._stopping = False
        self.number = command.recording
        self.path = path
        self.begun = False
        """Its file is open (for the room's own use)."""

    @property
    def paused(self) -> bool:
        """Whether what comes now is left out."""
        return self._runs_since is None

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._over.done()

    def pause(self) -> None:
        """Leave out what comes from the next frame on; paused time is not in the file. No harm when it is paused or over."""
        if self._runs_since is not None and not self._stopping:
            self._recorded_s += self._channel.now() - self._runs_since
            self._runs_since = None
            self._channel.tell(wire.PauseRecording(self._channel.number, self.number, paused=True))

    def resume(self) -> None:
        """Go on after a pause, without a gap. No harm when it is not paused."""
        if self._runs_since is None and not self._stopping:
            self._runs_since = self._channel.now()
            self._channel.tell(wire.PauseRecording(self._channel.number, self.number, paused=False))

    async def stop(self) -> Recorded:
        """End it and wait until the file is complete. Raises ``RecordingFailed``."""
        if not self._over.done() and not self._stopping:
            self._channel.tell(wire.StopRecording(self._channel.number, self.number))
            self._freeze()
        return await self.wait()

    async def wait(self) -> Recorded:
        """Wait until it has ended by itself and the file is complete. Whoever stops waiting does not stop it.

        Raises:
            RecordingFailed: the file could not be opened or written on; the error names it and the reason.
        """
        return await asyncio.shield(self._over)

    # --- for the room's own use ---------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """The leg ends: wait until the file is complete, or has failed."""
        self._freeze()
        await asyncio.wait([self._over])

    def again(self) -> wire.Command:
        """What an engine has to be told to go on where another one died: what was missed becomes silence."""
        begun = msgspec.structs.replace(self._command, recorded_ms=self._recorded_ms(), paused=self.paused, resumed=self.begun)
        if self._stopping:
            return wire.FinishRecording(begun, RecordingEnd.STOPPED if self._channel.open else RecordingEnd.GONE)
        return begun

    def end(self, over: wire.RecordingOver) -> None:
        """It is over."""
        if over.error:
            self.fail(over.error, over.duration_ms)
        elif not self._over.done():
            self._over.set_result(Recorded(RecordingEnd(over.why), over.duration_ms, over.octets))

    def fail(self, why: str, duration_ms: int = 0) -> None:
        """Nothing more of it can be written."""
        if not self._over.done():
            self._over.set_exception(RecordingFailed(str(self.path), why, duration_ms))

    def when_over(self, call: Callable[[], None]) -> None:
        """Call this when it has ended."""
        self._over.add_done_callback(lambda _: call())

    def _recorded_ms(self) -> int:
        running_s = 0.0 if self._runs_since is None else self._channel.now() - self._runs_since
        return round((self._recorded_s + running_s) * 1000)

    def _freeze(self) -> None:
        """Should the engine die now, it was to have this length."""
        self._stopping = True
        self._recorded_s, self._runs_since = self._recorded_ms() / 1000, None


def _look_at(over: asyncio.Future[Recorded]) -> None:
    """A recording that fails while nobody waits for it is no error of the loop's."""
    if not over.cancelled():
        over.exception()
