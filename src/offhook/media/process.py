"""The engine as the switch sees it: a process that is started, spoken to and ended."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable

from offhook.media import framing, wire

_READ = 2**18
_ENDING_S = 2.0
_BATCH_OCTETS = 2**16
_BATCH_SOCKETS = 8
"""With one message: the engine takes up to 16."""
_Message = tuple[bytes, tuple[socket.socket, ...]]
_log = logging.getLogger(__name__)

# One thread is the rule of the engine; a library that starts its own would break it. And what NumPy frees in one tick it needs
# in the next: malloc must not hand it back to the kernel in between.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
}


class EngineProcess:
    """One engine, from its start to its end.

    Args:
        heard: called with the events of each message.
        gone: called once when the engine has ended without being asked to.
    """

    def __init__(self, heard: Callable[[list[wire.Event]], None], gone: Callable[[], None]) -> None:
        self._heard, self._gone = heard, gone
        self._loop = asyncio.get_running_loop()
        self._unpacker = wire.events()
        self._unsent: deque[_Message] = deque()
        self._taken: list[_Message] = []
        """The messages of the batch that is being sent."""
        self._writing = self._scheduled = self._closed = self._ending = False
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        with theirs:
            self._process = start("offhook.media.engine", theirs)
        self._loop.add_reader(self._socket, self._read)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, command: wire.Command, *attached: socket.socket) -> None:
        """Send a command, with all others of this turn of the loop: each message wakes the engine. Sockets that go with it
        are ours no more.
        """
        if self._closed:
            _close_all(attached)
            return
        self._unsent.append((framing.pack(command), attached))
        if not self._writing and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._write)

    async def aclose(self) -> None:
        """End it: it closes everything and exits when our end of the socket is closed."""
        self._ending = True
        if not self._closed:
            self._write()
        self._close()
        deadline = self._loop.time() + _ENDING_S
        while self._process.poll() is None:
            if self._loop.time() > deadline:
                _log.error("the media engine did not end by itself: killing it")
                self._process.kill()
            await asyncio.sleep(0.005)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket)
        if self._writing:
            self._loop.remove_writer(self._socket)
        self._socket.close()
        for _, attached in self._unsent:
            _close_all(attached)
        self._unsent.clear()

    def _write(self) -> None:
        self._scheduled = False
        if self._closed:
            return
        try:
            while self._unsent:
                octets, attached = self._batch()
                sent = socket.send_fds(self._socket, [octets], [each.fileno() for each in attached])
                _close_all(attached)
                if sent < len(octets):
                    self._unsent.appendleft((octets[sent:], ()))
        except BlockingIOError:
            self._unsent.extendleft(reversed(self._taken))
            if not self._writing:
                self._loop.add_writer(self._socket, self._write)
                self._writing = True
            return
        except OSError:
            for _, left in self._taken:
                _close_all(left)
            return  # it has died: reading says so
        if self._writing:
            self._loop.remove_writer(self._socket)
            self._writing = False

    def _batch(self) -> tuple[bytes, list[socket.socket]]:
        """Take messages that can go in one piece: so many octets, so many sockets."""
        self._taken = []
        size = attached = 0
        while self._unsent and size < _BATCH_OCTETS and attached < _BATCH_SOCKETS:
            message = self._unsent.popleft()
            self._taken.append(message)
            size += len(message[0])
            attached += len(message[1])
        return b"".join(octets for octets, _ in self._taken), [each for _, sockets in self._taken for each in sockets]

    def _read(self) -> None:
        try:
            octets = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if octets:
            for events in self._unpacker.feed(octets):
                self._heard(events)
            return
        self._close()
        self._process.kill()  # nobody could tell it anything any more
        self._wait_for_exit()

    def _wait_for_exit(self) -> None:
        """Its ports are free only when it has ended altogether, which takes a moment longer than its end of the socket."""
        if self._ending:
            return
        if self._process.poll() is None:
            self._loop.call_later(0.002, self._wait_for_exit)
        else:
            self._gone()


def _close_all(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def start(module: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a Python module as a process that inherits this socket, and knows its number from the command line."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", module, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, **_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
    )
