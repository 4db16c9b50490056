"""The book of RTP ports: which are lent out, and which were given back just now."""

from __future__ import annotations

import errno
import logging
import resource
import socket
from collections import deque

from offhook.errors import NoDescriptor, NoMediaPort

QUARANTINE_S = 2.0
"""A port that was given back rests at least so long, because packets of its last call may still be on their way."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger(__name__)


class PortBook:
    """Lends the even ports of a range, the longest unused first (RFC 3550 section 11), and with each the odd
    one above it, for RTCP.

    Args:
        low: the first port of the range, odd or even.
        high: the last one.
        host: the address to bind to.
    """

    def __init__(self, low: int, high: int, host: str) -> None:
        self._low, self._high, self._host = low, high, host
        self._said = False
        """That a port for RTCP was taken."""
        self._free = deque((port, 0.0) for port in range(low + low % 2, high, 2))

    @property
    def size(self) -> int:
        """How many it has in all, lent out or not."""
        return len(range(self._low + self._low % 2, self._high, 2))

    @property
    def free(self) -> int:
        """How many are not lent out, those in quarantine included."""
        return len(self._free)

    def borrow(self, now: float) -> tuple[int, list[socket.socket]]:
        """Take a port and bind a UDP socket to it, and one to the port above.

        Raises:
            NoMediaPort: there is none.
            NoDescriptor: there is no socket.

        Args:
            now: loop time, s.
        """
        for _ in range(len(self._free)):
            port, rested_at = self._free[0]
            if rested_at > now:
                break  # those behind it were given back later still
            bound = self._bind(port)
            self._free.popleft()
            if bound is not None:
                return port, [bound, *self._above(port)]
            self._free.append((port, now + QUARANTINE_S))  # somebody else on this machine has it
        raise NoMediaPort(self._low, self._high)

    def give_back(self, port: int, now: float) -> None:
        """The port's socket is closed; it may be lent again after a rest."""
        self._free.append((port, now + QUARANTINE_S))

    def bind_again(self, port: int) -> list[socket.socket]:
        """New sockets on a port that is lent out, for an engine that takes over from one that died. Empty: it is taken."""
        bound = self._bind(port)
        return [] if bound is None else [bound, *self._above(port)]

    def _above(self, port: int) -> list[socket.socket]:
        """The socket for RTCP. A leg can do without it: somebody else's is no reason to pass over the port."""
        try:
            bound = self._bind(port + 1)
        except (OSError, NoDescriptor):
            bound = None
        if bound is None and not self._said:
            self._said = True
            _log.debug("port %d is taken: that leg goes without RTCP, and so will others, which is not said again", port + 1)
        return [] if bound is None else [bound]

    def _bind(self, port: int) -> socket.socket | None:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            bound = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise NoDescriptor(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) from error
            raise
        try:
            bound.bind((self._host, port))
        except OSError as error:
            bound.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise
        return bound
