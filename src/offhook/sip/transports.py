"""Sockets: datagrams and streams in, whole messages to the core; bytes out, by connections that are kept."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from offhook.sip.headers import Address
from offhook.sip.message import MAX_HEADER_BYTES, MAX_MESSAGE_BYTES
from offhook.sip.tls import Tls

IDLE_S = 300.0
"""A connection that was silent so long is closed when room is needed, s."""
CONNECT_S = 5.0
HEADER_S = 10.0
"""A message that was begun must have its whole header and body by then, s."""
MAX_UNSENT_BYTES = 1 << 20

MAX_WAITING = 64
"""Messages that wait for one connection to stand; more are lost, as they may be."""

MAX_PER_HOST = 256
"""Connections from one address that were not opened by us."""
HANDSHAKE_S = 10.0

Receive = Callable[[bytes, Address], None]
Failed = Callable[[Address, str], None]

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(rb"\r?\n[ \t]+")


def plain_host(host: str) -> str:
    """An address as peers write it: IPv4 that came by a socket for both families is IPv4."""
    return host.removeprefix("::ffff:") if host.startswith("::ffff:") and "." in host else host.partition("%")[0]


class Datagrams(asyncio.DatagramProtocol):
    """The UDP side."""

    def __init__(self, receive: Receive, failed: Failed) -> None:
        self._both = False
        """Whether the socket speaks IPv6 and IPv4."""
        self._receive = receive
        self._failed = failed
        self._sending_to: Address | None = None
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._both = transport.get_extra_info("socket").family == socket.AF_INET6

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) > 4 and data.strip(b"\r\n\0"):  # CRLF and NUL keep NAT bindings open (RFC 5626 section 3.5.1)
            self._receive(data, Address(plain_host(addr[0]) if self._both else addr[0], addr[1], "udp"))

    def send(self, data: bytes, address: Address) -> None:
        """Send one datagram; a full or closed socket loses it, as the network may."""
        if self.transport is None or self.transport.is_closing():
            return
        self._sending_to = address
        try:
            host = f"::ffff:{address.host}" if self._both and ":" not in address.host else address.host
            self.transport.sendto(data, (host, address.port))
        except (OSError, ValueError, TypeError) as error:
            self.error_received(error)
        self._sending_to = None

    def error_received(self, exc: Exception) -> None:
        """No route, or too long: the request fails. ICMP errors come later and name nobody: the transaction's timer decides."""
        if self._sending_to is not None:
            asyncio.get_running_loop().call_soon(self._failed, self._sending_to, f"transport: {exc}")


def _declared(head: bytes) -> int | None:
    """What Content-Length says; ``None`` when it is absent or no number, or two fields disagree: then no cut can be trusted."""
    found = set(_LENGTH.findall(_FOLD.sub(b" ", head).replace(b"\r\n", b"\n")))
    text = found.pop() if len(found) == 1 else b""
    return int(text) if text.isdigit() and len(text) <= 9 else None


class Framing:
    """Cuts a byte stream into messages by Content-Length (RFC 3261 section 18.3)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0
        self._blank = 0
        self.broken = False
        """The stream cannot be cut any more: take what ``feed`` returned, answer it, close."""
        self.pings = 0
        """Keep-alives (two CRLF) that have come and want a pong (RFC 5626 section 3.5.1)."""

    @property
    def begun(self) -> bool:
        """Whether part of a message waits for the rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now; of a message without a usable length its header, which can still be answered."""
        self._buffer += data
        messages: list[bytes] = []
        while not self.broken and len(self._buffer) >= self._needed:
            message = self._cut()
            if message is None:
                break
            messages.append(message)
        return messages

    def _cut(self) -> bytes | None:
        buffer = self._buffer
        if not self._needed:
            blank = len(buffer) - len(buffer.lstrip(b"\r\n"))
            if blank:  # the four bytes of a ping may come one by one
                self._blank += blank
                self.pings += self._blank // 4
                self._blank %= 4
                del buffer[:blank]
            if buffer:
                self._blank = 0
            end = buffer.find(b"\r\n\r\n")
            if end < 0 or end > MAX_HEADER_BYTES:
                self.broken = len(buffer) > MAX_HEADER_BYTES
                return None
            length = _declared(bytes(buffer[:end]))
            self._needed = end + 4 + (length or 0)
            self.broken = length is None or self._needed > MAX_MESSAGE_BYTES
            if self.broken:
                return bytes(buffer[: end + 4])
        if len(buffer) < self._needed:
            return None
        message = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = 0
        return message


class Stream(Protocol):
    """A connection, whatever it is made of."""

    peer: Address | None
    used_at: float

    def send(self, data: bytes) -> None:
        """Queue one message."""

    def close(self, *, gently: bool = False) -> None:
        """Cut it off; ``gently`` after what was written has gone out."""


class Connection(asyncio.Protocol):
    """One TCP or TLS connection, whoever opened it."""

    def __init__(self, owner: Streams, peer: Address | None = None, transport: str = "tcp") -> None:
        self._owner = owner
        self._kind = transport
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self.peer = peer
        self.used_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        name = transport.get_extra_info("peername")
        if self.peer is None:
            self.peer = Address(plain_host(name[0]), name[1], self._kind)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        self.used_at = asyncio.get_running_loop().time()
        messages = self._framing.feed(data)
        if self._framing.pings:
            self._framing.pings = 0
            self.send(b"\r\n")
        for message in messages:
            self._owner.receive(message, self.peer)
        if self._framing.broken:
            self.close(gently=True)
        else:
            self._rearm()

    def _rearm(self) -> None:
        """A message that was begun must be finished soon: nobody holds a connection with half a header."""
        if not self._framing.begun:
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None
        elif self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(HEADER_S, self.close)

    def send(self, data: bytes) -> None:
        """Queue bytes; a peer that does not read is cut off."""
        if self._transport is None or self._transport.is_closing():
            return
        self.used_at = asyncio.get_running_loop().time()
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.close()

    def close(self, *, gently: bool = False) -> None:
        """Cut it off; ``gently`` after what was written has gone out."""
        if self._transport is None or self._transport.is_closing():
            return
        if gently:
            self._transport.close()
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        if self._watch is not None:
            self._watch.cancel()
        self._owner.closed(self)


class Streams:
    """The side of TCP, TLS and WebSocket: a table of connections by the address that they lead to."""

    def __init__(self, receive: Receive, failed: Failed, max_connections: int, tls: Tls | None = None) -> None:
        self.receive = receive
        self._failed = failed
        self._max_connections = max_connections
        self._tls = tls
        self._connections: dict[Address, Stream] = {}
        self._of_host: Counter[str] = Counter()
        self._connecting: dict[Address, asyncio.Task[None]] = {}
        self._waiting: dict[Address, list[bytes]] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, address: Address) -> bool:
        return address in self._connections

    def by_transport(self) -> Counter[tuple[str, ...]]:
        """How many connections there are of each kind."""
        return Counter((address.transport,) for address in self._connections)

    def accept(self) -> Connection:
        """A protocol for a TCP connection that came in."""
        return Connection(self)

    def accept_tls(self) -> Connection:
        """A protocol for a TLS connection that came in."""
        return Connection(self, transport="tls")

    def opened(self, connection: Stream) -> None:
        """A connection stands. When there are too many, the one that was silent longest makes room; of one host there are never
        so many that it could push out those of others.
        """
        assert connection.peer is not None
        if self._of_host[connection.peer.host] >= MAX_PER_HOST:
            connection.close()
            return
        now = asyncio.get_running_loop().time()
        connection.used_at = now
        if len(self._connections) >= self._max_connections:
            oldest = min(self._connections.values(), key=lambda each: each.used_at)
            if now - oldest.used_at < IDLE_S:
                connection.close()
                return
            oldest.close()
        self._connections[connection.peer] = connection
        self._of_host[connection.peer.host] += 1

    def closed(self, connection: Stream) -> None:
        """A connection is gone."""
        if connection.peer is not None and self._connections.get(connection.peer) is connection:
            host = connection.peer.host
            del self._connections[connection.peer]
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]

    def send(self, data: bytes, address: Address, otherwise: Address | None = None) -> None:
        """Send by the connection that leads there; when there is none, open one to ``otherwise`` or ``address``."""
        connection = self._connections.get(address)
        if connection is None and otherwise is not None:
            address = otherwise
            connection = self._connections.get(address)
        if connection is not None:
            connection.send(data)
            return
        waiting = self._waiting.setdefault(address, [])
        if len(waiting) < MAX_WAITING:
            waiting.append(data)
        if address not in self._connecting:
            self._connecting[address] = asyncio.get_running_loop().create_task(self._connect(address), name=f"connect {address}")

    async def _connect(self, address: Address) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await self._connection(address)
            for data in self._waiting.pop(address, []):
                connection.send(data)
        except (OSError, TimeoutError) as error:
            self._waiting.pop(address, None)
            self._connecting.pop(address, None)
            why = getattr(error, "verify_message", "") or error or "no answer"
            self._failed(address, f"transport: no {address.transport.upper()} connection to {address} ({why})")
        finally:
            self._waiting.pop(address, None)
            self._connecting.pop(address, None)

    async def _connection(self, address: Address) -> Connection:
        """Open one. Raises ``OSError``, which the errors of TLS are."""
        context = name = None
        if address.transport == "tls":
            if self._tls is None:
                raise OSError("TLS is not set up")
            context, name = self._tls.client, address.name or address.host
        elif address.transport != "tcp":
            raise OSError("only the peer can open it")  # a browser has no port that listens
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self, address, address.transport), address.host, address.port, ssl=context, server_hostname=name
        )
        return connection

    async def aclose(self) -> None:
        """Cut off every connection."""
        tasks = list(self._connecting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()
