"""Where a leg's RTP really comes from.

The address in the SDP is where we send, but behind a NAT it is not where packets come from. So until the first valid one has
come the socket stays open to anybody, and then it is connected: from there on the kernel drops everything of strangers.

The rule: a valid RTP packet (right version, a payload type that was agreed) from the very address that was signalled is
believed at once. From another port of that host it takes ``SAME_HOST_PACKETS`` of them, from another host ``STRANGER_PACKETS``:
of one source (address and SSRC), with numbers that follow each other. What is learnt is learnt: only a new offer or answer that
names another address opens it again, and then the peer that was left is the one that is not believed.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING, Any

from offhook.media.engine import rtp

if TYPE_CHECKING:
    from offhook.media.engine.secrecy import Secrecy

SAME_HOST_PACKETS = 2
STRANGER_PACKETS = 5
Address = tuple[Any, ...]
_libc = ctypes.CDLL(None, use_errno=True)


def address(own: socket.socket, host: str, port: int) -> Address:
    """A numeric address, in the shape in which this socket's ``recvfrom`` would give it."""
    if own.family != socket.AF_INET6:
        return (host, port)
    return (f"::ffff:{host}" if ":" not in host else host, port, 0, 0)


def disconnect(own: socket.socket) -> None:
    """Let the socket hear everybody again; it keeps its port. ``socket.connect`` cannot say this (connect(2): AF_UNSPEC)."""
    _libc.connect(own.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16)


def real_address(own: socket.socket) -> Address | None:
    """Where the socket is connected to, if it is."""
    try:
        address: Address = own.getpeername()
    except OSError:
        return None
    return address


class Learner:
    """Listens for the first valid packet on a socket that is not connected yet.

    Args:
        own: the leg's socket.
        signalled: the address in the SDP.
        payload_types: that were agreed.
        left: where the peer was before it moved.
        secrecy: with SRTP, whoever has the key is the peer, wherever it is; and nobody else.
    """

    def __init__(
        self,
        own: socket.socket,
        signalled: Address,
        payload_types: frozenset[int],
        left: Address | None,
        secrecy: Secrecy | None = None,
    ) -> None:
        self._socket = own
        self.address = signalled
        """Where to send meanwhile."""
        self._signalled = signalled
        self._payload_types = payload_types
        self._left = left
        self.secrecy = secrecy
        self._stranger: tuple[Address, int] | None = None
        self._following = 0
        self._packets = 0
        self.done = False

    def receive(self, row: memoryview) -> int:
        """Read one datagram into the row. Returns its length, or 0 when it is nobody's that we believe."""
        length, source = self._socket.recvfrom_into(row)
        if self._believes(source, bytes(row[:length])):
            self._socket.connect(source)
            self.address, self.done = source, True
            self._forget_the_rest(row)
            return length
        return 0

    def _believes(self, source: Address, datagram: bytes) -> bool:
        packet = rtp.parse(datagram)
        if packet is None or packet.payload_type not in self._payload_types:
            return False
        if self.secrecy is not None:
            return self.secrecy.look(datagram)
        if source == self._signalled:
            return True
        if source == self._left:
            return False
        identity = (source, packet.ssrc)
        if identity == self._stranger and packet.sequence == self._following:
            self._packets += 1
        else:
            self._stranger, self._packets = identity, 1
        self._following = (packet.sequence + 1) & 0xFFFF
        return self._packets >= (SAME_HOST_PACKETS if source[0] == self._signalled[0] else STRANGER_PACKETS)

    def _forget_the_rest(self, row: memoryview) -> None:
        """What is queued came before the socket was connected, from whomever."""
        try:
            while True:
                self._socket.recvfrom_into(row[:1])
        except OSError:
            return
