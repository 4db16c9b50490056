"""The engine's end of the socket to the switch."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Iterator

from offhook.media import framing, wire

_READ = 2**16
_READS = 64
"""A read ends where a file descriptor was sent, so that many legs at once come in many pieces."""
_UNSENT_LIMIT = 64 * 2**20
"""Octets. A switch that has left so much unread is dead, and without it there is nothing to do."""
_FLEETING_LIMIT = 2**18
"""Beyond this what will be told again anyway (levels) is left out."""


class SwitchGone(Exception):
    """The switch has closed its end, or does not read any more: the engine ends."""


class Control:
    """Commands in, events out; the latter are collected and go once a tick."""

    def __init__(self, own: socket.socket) -> None:
        own.setblocking(False)
        self._socket = own
        self._unpacker = wire.commands()
        self._descriptors: deque[int] = deque()
        self._events: list[wire.Event] = []
        self._unsent = bytearray()

    def wait(self, timeout_s: float | None) -> Iterator[wire.Command]:
        """Wait for commands, at most so long. Raises ``SwitchGone``."""
        # select, because epoll only counts whole milliseconds. The socket's number is low: it was there before all others.
        readable, _, _ = select.select([self._socket], [], [], timeout_s)
        if not readable:
            return iter(())
        return self._read()

    def _read(self) -> Iterator[wire.Command]:
        for _ in range(_READS):
            try:
                octets, descriptors, _, _ = socket.recv_fds(self._socket, _READ, 16)
            except BlockingIOError:
                return
            except OSError as error:
                raise SwitchGone from error
            self._descriptors.extend(descriptors)
            if not octets:
                raise SwitchGone
            yield from self._unpacker.feed(octets)

    def descriptor(self) -> int:
        """The file descriptor that came with the command that is being obeyed."""
        return self._descriptors.popleft()

    def tell(self, event: wire.Event) -> None:
        """Send this at the end of the tick."""
        if not (isinstance(event, wire.LevelHeard) and len(self._unsent) > _FLEETING_LIMIT):
            self._events.append(event)

    def flush(self) -> None:
        """Send what was told. Raises ``SwitchGone``."""
        if self._events:
            self._unsent += framing.pack(self._events)
            self._events = []
        if not self._unsent:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise SwitchGone from error
        del self._unsent[:sent]
        if len(self._unsent) > _UNSENT_LIMIT:
            raise SwitchGone

    @property
    def unsent(self) -> bool:
        """Whether something is still to go."""
        return bool(self._unsent or self._events)
