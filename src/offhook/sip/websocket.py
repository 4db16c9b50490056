"""SIP over WebSocket (RFC 7118): browsers come to us by the HTTP port; each frame is one message."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from offhook.sip.headers import Address
from offhook.sip.message import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from offhook.sip.transports import Streams

PROTOCOL = "sip"
HEARTBEAT_S = 25.0
"""Pings of the WebSocket's own: they keep NAT bindings open, and a peer that does not answer is gone."""
PING, PONG = b"\r\n\r\n", b"\r\n"
"""The keep-alive of connections (RFC 5626 section 3.5.1), which serves WebSockets too (RFC 7118 section 6)."""
MAX_UNSENT = 256
"""Messages that a peer may leave unread."""


class WebSocketConnection:
    """One browser."""

    def __init__(self, owner: Streams, socket: web.WebSocketResponse, peer: Address) -> None:
        self.peer: Address | None = peer
        self.used_at = 0.0
        self._owner = owner
        self._socket = socket
        self._unsent: deque[bytes] = deque()
        self._more = asyncio.Event()
        self._closing = False

    async def run(self) -> None:
        """Carry messages both ways until one side closes."""
        peer = self.peer
        assert peer is not None
        self._owner.opened(self)
        writer = asyncio.get_running_loop().create_task(self._write(), name=f"send to {peer}")
        try:
            while not self._closing:
                message = await self._socket.receive()
                if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    return
                data = message.data.encode("utf-8", "surrogateescape") if message.type == WSMsgType.TEXT else message.data
                self.used_at = asyncio.get_running_loop().time()
                if data.strip(b"\r\n\0"):
                    self._owner.receive(data, peer)
                elif data == PING:
                    self.send(PONG)
        finally:
            self._closing = True
            self._more.set()
            writer.cancel()
            self._owner.closed(self)
            await self._socket.close()

    async def _write(self) -> None:
        try:
            while True:
                while self._unsent:
                    data = self._unsent.popleft()
                    try:
                        await self._socket.send_str(data.decode("utf-8"))
                    except UnicodeDecodeError:
                        await self._socket.send_bytes(data)
                if self._closing:
                    await self._socket.close()
                    return
                self._more.clear()
                await self._more.wait()
        except (OSError, RuntimeError):
            self._closing = True  # the peer has gone: the reader finds out too

    def send(self, data: bytes) -> None:
        """Queue one message; a peer that does not read is cut off."""
        if self._closing:
            return
        if len(self._unsent) >= MAX_UNSENT:
            self.close()
            return
        self._unsent.append(data)
        self._more.set()

    def close(self, *, gently: bool = False) -> None:
        """Close it; ``gently`` after what is queued has gone out."""
        if not gently:
            self._unsent.clear()
        self._closing = True
        self._more.set()


async def serve(request: web.Request, owner: Streams) -> web.StreamResponse:
    """A request to the path of SIP over WebSocket: 400 without the subprotocol, else a connection that lasts."""
    offered = [word.strip().lower() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if PROTOCOL not in offered:
        raise web.HTTPBadRequest(text="SIP over WebSocket: ask for the subprotocol 'sip' (RFC 7118 section 4.1)\n")
    peername = request.transport.get_extra_info("peername") if request.transport is not None else None
    if peername is None:
        raise web.HTTPBadRequest(text="the connection has gone\n")
    socket = web.WebSocketResponse(protocols=(PROTOCOL,), heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES)
    await socket.prepare(request)
    peer = Address(peername[0].removeprefix("::ffff:"), peername[1], "wss" if request.secure else "ws")
    await WebSocketConnection(owner, socket, peer).run()
    return socket
