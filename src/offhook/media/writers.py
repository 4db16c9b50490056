"""The processes that write recordings, as the switch sees them: one for each engine, and the next should it die."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
from collections.abc import Callable

from offhook.media import wire
from offhook.media.process import EngineProcess, start
from offhook.media.recordings import Recording

_POLL_S = 0.01
_PATIENCE_S = 10.0
"""How long a writer that nobody speaks to any more may take to complete its files, before it is killed."""
_RETRY_S = 1.0
_log = logging.getLogger(__name__)


class Writers:
    """Starts a writer when the first recording begins. Two never write at once: the next one goes on with the files of the last,
    and is started when that has ended. Until then the engine keeps what is to be written.

    Args:
        engine: gives the running engine, or raises.
    """

    def __init__(self, engine: Callable[[], EngineProcess]) -> None:
        self._engine = engine
        self._processes: list[subprocess.Popen[bytes]] = []
        self._writer_of: EngineProcess | None = None
        """The engine that has a writer, or will have one soon."""
        self._timer: asyncio.TimerHandle | None = None
        self._waited_s = 0.0
        self._paths: dict[str, Recording] = {}

    @property
    def pids(self) -> list[int]:
        """Of all that run."""
        self._reap()
        return [process.pid for process in self._processes]

    def begin(self, recording: Recording, path: str) -> None:
        """A recording is about to begin.

        Args:
            recording: what is to be recorded.
            path: absolute.

        Raises:
            ValueError: another recording is being written to this path.
        """
        other = self._paths.get(path)
        if other is not None and not other.over:
            raise ValueError(f"{path} is being recorded to already")
        self.go_on()
        self._paths[path] = recording
        recording.when_over(lambda: self._forget(path, recording))

    def go_on(self) -> None:
        """Let the engine have a writer, soon."""
        engine = self._engine()
        if engine is not self._writer_of:
            self._writer_of = engine
            self._waited_s = 0.0
            self._start()

    def lost(self) -> None:
        """The engine says that its writer has died, or is of no use to it any more."""
        self._writer_of = None
        left = sum(not recording.over for recording in self._paths.values())
        if left:
            _log.error("the process that writes recordings died: starting another for %d recordings", left)
            self.go_on()

    async def aclose(self) -> None:
        """Wait until all files are complete. The engine has ended: there is nothing more to write."""
        self._writer_of = None
        self._cancel()
        while self.pids:  # noqa: ASYNC110 - what is waited for is the kernel's
            await asyncio.sleep(_POLL_S / 2)

    def _start(self) -> None:
        """Start a writer when there is no other."""
        self._cancel()
        engine = self._writer_of
        if engine is None:
            return
        if self.pids:
            self._hurry()
            self._try_again(_POLL_S)
            return
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._processes.append(start("offhook.media.writer", theirs))
        except OSError as error:
            ours.close()
            _log.error("the process that writes recordings cannot be started: %s", error)
            self._try_again(_RETRY_S)
            return
        engine.send(wire.AttachWriter(), ours)

    def _try_again(self, after_s: float) -> None:
        self._waited_s += after_s
        self._timer = asyncio.get_running_loop().call_later(after_s, self._start)

    def _hurry(self) -> None:
        if self._waited_s > _PATIENCE_S:
            for process in self._processes:
                process.kill()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _forget(self, path: str, recording: Recording) -> None:
        if self._paths.get(path) is recording:
            del self._paths[path]

    def _reap(self) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]
