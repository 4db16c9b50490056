"""The engine's end of the socket to the process that writes recordings."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable

from offhook.media import framing, writing

BACKLOG_LIMIT = 32 * 2**20
"""Octets. A disk that is so far behind does not catch up any more."""
_SEND_LIMIT = 2**20
"""Octets a tick: a backlog is worked off without a tick that is late for it."""
_BUFFER = 2**20


class Pipe:
    """Holds what the writer has not taken yet: also while there is none, because one has died and the next is on its way.

    Args:
        heard: gets what the writer says.
        died: called when the writer has died. What waits stays, but for a message that was half sent.
        behind: called, with the reason, when more waits than will ever be written.
    """

    def __init__(self, heard: Callable[[writing.Written], None], died: Callable[[], None], behind: Callable[[str], None]) -> None:
        self._heard, self._died, self._behind = heard, died, behind
        self._socket: socket.socket | None = None
        self._answers = writing.written()
        self._unsent: deque[bytes] = deque()
        self._octets = 0
        self._begun = 0
        """Octets of the first message that are sent."""

    def attach(self, writer: socket.socket, before: Iterable[writing.Writing], after: Iterable[writing.Writing]) -> None:
        """There is a writer.

        Args:
            writer: the socket to it.
            before: what it must know before it gets what waits.
            after: what it must be told again after that.
        """
        self.detach()
        writer.setblocking(False)
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self._socket, self._answers = writer, writing.written()
        first = [framing.pack(message) for message in before]
        self._unsent.extendleft(reversed(first))
        self._octets += sum(map(len, first))
        for message in after:
            self.put(message)

    def detach(self) -> None:
        """No longer speak to this writer. It completes what it has."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._begun:
            self._octets -= len(self._unsent.popleft())
            self._begun = 0

    def clear(self) -> None:
        """Throw away what waits."""
        self._unsent.clear()
        self._octets = self._begun = 0

    def put(self, message: writing.Writing) -> None:
        """Hand this over, soon."""
        octets = framing.pack(message)
        self._unsent.append(octets)
        self._octets += len(octets)

    def flush(self) -> None:
        """Give the writer as much as it takes, and hear from it."""
        if self._socket is not None:
            try:
                self._send(self._socket)
                self._listen(self._socket)
            except OSError:
                self.detach()
                self._died()
        if self._octets > BACKLOG_LIMIT:
            self._behind(f"the disk is too slow: {BACKLOG_LIMIT >> 20} MiB wait to be written")

    def _send(self, writer: socket.socket) -> None:
        sent = 0
        try:
            while self._unsent and sent < _SEND_LIMIT:
                head = self._unsent[0]
                part = writer.send(memoryview(head)[self._begun :])
                sent += part
                self._begun += part
                if self._begun == len(head):
                    self._octets -= len(head)
                    self._unsent.popleft()
                    self._begun = 0
        except BlockingIOError:
            return

    def _listen(self, writer: socket.socket) -> None:
        try:
            octets = writer.recv(2**16)
        except BlockingIOError:
            return
        if not octets:
            raise ConnectionResetError
        for answer in self._answers.feed(octets):
            self._heard(answer)
