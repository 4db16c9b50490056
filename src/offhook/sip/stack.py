"""The asyncio shell around the core: it moves bytes and re-arms one timer."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.sip import websocket
from offhook.sip.core import Core, CoreParts
from offhook.sip.digest import Credentials
from offhook.sip.dns import Dns
from offhook.sip.errors import SipBindError
from offhook.sip.headers import Address
from offhook.sip.invite import IncomingInvite, InviteDialog, OutgoingInvite
from offhook.sip.message import Request, Response
from offhook.sip.names import Network, OwnAddress, Resolver
from offhook.sip.requests import Correspondence, IncomingRequest
from offhook.sip.tls import Tls
from offhook.sip.transaction import NonInviteClient
from offhook.sip.transfer import dialog_named
from offhook.sip.transports import HANDSHAKE_S, Datagrams, Streams
from offhook.sip.trunking import NoAnswer
from offhook.sip.uri import NameAddr, Uri

log = logging.getLogger(__name__)
UDP_BUFFER_BYTES = 4 << 20
"""Asked of the kernel, so that a burst of INVITEs is not lost while something else runs."""
RENEW_S = 30.0
"""How often it is looked whether the certificate's files have changed."""
BIND_ATTEMPTS = 20
"""With port 0: free TCP ports to try until one is free for UDP too."""


@dataclass(frozen=True, slots=True)
class SipSettings:
    """Limits of one stack."""

    max_transactions: int = 20_000
    """New INVITEs above this get 503. A call leaves about three for 32 s."""
    max_connections: int = 4096
    """TCP connections; above this the one that was silent longest makes room."""
    linger_s: float = 1.0
    """How long ``aclose`` waits for the answers to a last BYE or CANCEL."""


class Asking:
    """``Correspondence`` for those who wait."""

    def __init__(self, made: Correspondence) -> None:
        self._made = made

    @property
    def contact(self) -> str:
        """Our Contact, as the server reaches us."""
        return self._made.core.contact(self._made.peer, self._made.dialog.local.uri.user)

    async def ask(self, method: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """Send a request and wait for its final response. Raises ``NoAnswer``."""
        waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def answered(response: Response) -> None:
            if not waiting.done():
                waiting.set_result(response)

        def failed(why: str) -> None:
            if not waiting.done():
                waiting.set_exception(NoAnswer(why))

        self._made.send(method, headers, answered, failed)
        return await waiting


class Stack:
    """SIP over UDP and TCP on one port, over TLS on another, and over the WebSockets that an HTTP server hands in."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        ids: Ids,
        clock: Clock,
        on_invite: Callable[[IncomingInvite], None],
        public_host: str | None = None,
        public_networks: Sequence[tuple[Network, str]] = (),
        tls: Tls | None = None,
        tls_port: int | None = None,
        on_request: Callable[[IncomingRequest], None] | None = None,
        hears: Callable[[Address, Request | None], bool] | None = None,
        dns: Dns | None = None,
        user_agent: str = "Offhook",
        settings: SipSettings = SipSettings(),
    ) -> None:
        """Args:
        host: the address to listen on; ``0.0.0.0`` for all of IPv4, ``::`` for all of both families.
        port: 0 takes any free one, the same for UDP and TCP.
        on_invite: called with each new INVITE; it must not block. When it fails the INVITE gets 500.
        public_host: what peers are told instead of the address that they are reached from.
        public_networks: what peers of some networks are told instead of that.
        tls: for connections that we open; with a certificate also for those that come in.
        on_request: called with each REGISTER; without it they get 405.
        hears: whether a message of an address is looked at (``CoreParts.hears``).
        dns: whom names are looked up with; else the system's name servers.
        tls_port: where those are listened for; ``None``: nowhere, 0: any free one.
        """
        self.port = port
        self._host = host
        self._clock = clock
        self._settings = settings
        self._on_invite = on_invite
        self.tls_port = tls_port
        self.web_port: int | None = None
        """Where browsers reach us (WebSocket); set by whoever serves ``websocket``."""
        self._tls = tls
        transports = frozenset({"udp", "tcp"} if tls is None else {"udp", "tcp", "tls"})
        self._own = OwnAddress(host, public_host, public_networks)
        self._resolver = Resolver(
            clock, socket.AF_INET6 if ":" in host else socket.AF_INET, both=host == "::", transports=transports, dns=dns
        )
        self._datagrams = Datagrams(self._receive, self._failed)
        self._streams = Streams(self._receive, self._failed, settings.max_connections, tls)
        self._servers: list[asyncio.Server] = []
        self._renewing: asyncio.Task[None] | None = None
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None
        self._soon: asyncio.Handle | None = None
        self._closing = False
        self._closed = False
        self.core = Core(
            CoreParts(
                transmit=self._transmit,
                time=clock.now,
                token=ids.token,
                local=self._local,
                on_invite=self._arrived,
                on_request=on_request,
                hears=hears or (lambda _source, _request: True),
                user_agent=user_agent,
                candidates=lambda address, choose, then: self._resolver.candidates(address, then, choose_transport=choose),
                connected=self._streams.__contains__,
                transports=transports,
                max_transactions=settings.max_transactions,
            )
        )

    @property
    def transactions(self) -> int:
        """Live transactions."""
        return len(self.core.transactions)

    @property
    def dialogs(self) -> int:
        """Live dialogs."""
        return len(self.core.dialogs)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._streams)

    @property
    def connections_by_transport(self) -> Counter[tuple[str, ...]]:
        """How many of them are ``tcp``, ``tls``, ``ws`` and ``wss``."""
        return self._streams.by_transport()

    @property
    def listening(self) -> bool:
        """Whether calls can come in."""
        return not self._closing and self._datagrams.transport is not None and all(each.is_serving() for each in self._servers)

    @property
    def awaiting_answers(self) -> bool:
        """Whether a BYE, a CANCEL or a cancelled INVITE waits for its response; an INVITE may ring as long as it likes."""
        return self.core.uac.withdrawing or any(
            isinstance(each, NonInviteClient) and each.waiting for each in self.core.transactions.values()
        )

    async def start(self) -> None:
        """Listen on UDP and TCP, and on TLS where that is wanted.

        Raises:
            SipBindError: the port is taken or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(BIND_ATTEMPTS):
            try:
                tcp = self._bound(socket.SOCK_STREAM, self.port)
            except OSError as error:
                raise self._bind_error("TCP", self.port, error) from error
            port = tcp.getsockname()[1]
            try:
                udp = self._bound(socket.SOCK_DGRAM, port)
            except OSError as error:
                tcp.close()
                if self.port != 0 or attempt == BIND_ATTEMPTS - 1:
                    raise self._bind_error("UDP", self.port, error) from error
                continue  # a free TCP port whose UDP twin is taken: try the next one
            self._servers.append(await loop.create_server(self._streams.accept, sock=tcp, backlog=512))
            await loop.create_datagram_endpoint(lambda: self._datagrams, sock=udp)
            self.port = port
            break
        if self.tls_port is not None:
            await self._start_tls(self.tls_port)

    async def _start_tls(self, port: int) -> None:
        assert self._tls is not None
        try:
            listening = self._bound(socket.SOCK_STREAM, port)
        except OSError as error:
            raise self._bind_error("TLS", port, error) from error
        self.tls_port = listening.getsockname()[1]
        server = await asyncio.get_running_loop().create_server(
            self._streams.accept_tls, sock=listening, backlog=512, ssl=self._tls.server, ssl_handshake_timeout=HANDSHAKE_S
        )
        self._servers.append(server)
        self._renewing = asyncio.get_running_loop().create_task(self._renew_now_and_then(), name="renew certificates")

    async def _renew_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            self.renew_certificates()

    def renew_certificates(self) -> bool:
        """Use what lies in the certificate's files now. Returns whether that is something new; what cannot be used is logged."""
        try:
            renewed = self._tls is not None and self._tls.renewed()
        except SettingsError as error:
            log.error("the new certificate is not used: %s", error)
            return False
        if renewed:
            log.info("the certificate's files have changed: new connections use what lies there now")
        return renewed

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """Serve a browser that comes by the HTTP server (RFC 7118)."""
        return await websocket.serve(request, self._streams)

    def _bound(self, kind: socket.SocketKind, port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, kind)
        try:
            bound.setblocking(False)
            if ":" in self._host:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(self._host != "::"))
            if kind == socket.SOCK_STREAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
            bound.bind((self._host, port))
        except OSError:
            bound.close()
            raise
        return bound

    def _bind_error(self, transport: str, port: int, error: OSError) -> SipBindError:
        setting = "OFFHOOK_SIP_TLS" if transport == "TLS" else "OFFHOOK_SIP"
        return SipBindError(
            f"SIP cannot listen on {self._host}:{port}/{transport} ({error.strerror}); "
            f"is another SIP server there? Set {setting} to another host:port"
        )

    async def aclose(self) -> None:
        """Stop: no socket, task or timer is left. A last BYE gets a moment to be answered, new INVITEs get 503. Idempotent."""
        self._closing = True
        until = self._clock.now() + self._settings.linger_s
        while not self._closed and self.awaiting_answers and self._clock.now() < until:  # noqa: ASYNC110 - at most a second, once
            await asyncio.sleep(0.02)
        self._closed = True
        for handle in (self._armed, self._soon):
            if handle is not None:
                handle.cancel()
        if self._renewing is not None:
            self._renewing.cancel()
        for server in self._servers:
            server.close()
        await self._resolver.aclose()
        await self._streams.aclose()
        if self._datagrams.transport is not None:
            self._datagrams.transport.close()
        self.core.close()
        await asyncio.sleep(0)  # the transports tell their protocols in the next turn of the loop

    def invite(
        self,
        target: Uri | str,
        *,
        caller: NameAddr,
        callee: NameAddr | None = None,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        transport: str | None = None,
        credentials: Credentials | None = None,
        route: Sequence[NameAddr] = (),
        flow: Address | None = None,
    ) -> OutgoingInvite:
        """Send an INVITE. What goes wrong after this comes as ``Lost`` or ``Refused``.

        Args:
            target: the request URI; its host is the next hop, unless ``route`` or ``flow`` say otherwise.
            callee: what To says; else it is the target.
            body: our offer; empty asks the peer for one, to be answered with ``ack``.
            transport: ``udp``, ``tcp`` or ``tls``; else the URI says, or the length: above 1300 bytes TCP is tried first.
            route: proxies on the way (an outbound proxy, the Path of a registration: RFC 3327).
            flow: the address and port that the target registered from: it is sent there, by the connection that stands.

        Raises:
            HeaderError: ``target`` is not a URI.
        """
        uri = Uri.parse(target) if isinstance(target, str) else target
        return self.core.invite(
            uri,
            caller=caller,
            callee=callee,
            body=body,
            headers=headers,
            transport=transport,
            credentials=credentials,
            route=route,
            flow=flow,
        )

    def correspondence(
        self,
        target: Uri,
        *,
        sender: NameAddr,
        credentials: Credentials | None = None,
        route: Sequence[NameAddr] = (),
        transport: str | None = None,
    ) -> Asking:
        """A way to send a server requests that belong to no dialog: REGISTER, OPTIONS.

        Args:
            target: the request URI.
            sender: From, and To.
        """
        made = Correspondence(
            self.core, target, sender=sender, recipient=sender, credentials=credentials, route=route, transport=transport
        )
        return Asking(made)

    def connected(self, address: Address) -> bool:
        """Whether a connection leads there."""
        return address in self._streams

    def ping(self, octets: bytes, address: Address) -> None:
        """Send octets that are no message: they keep a NAT's binding open."""
        self._transmit(octets, address)

    def named_by(self, replaces: str) -> InviteDialog | None:
        """Our own dialog that a Replaces field names, if it is one."""
        named = dialog_named(replaces)
        return None if named is None else self.core.dialogs.get(named)

    def advertised_host(self, peer_host: str) -> str:
        """The address of ours that ``peer_host`` should use: the public one, or the local one that leads there."""
        return self._own.towards(peer_host)

    def _local(self, address: Address) -> tuple[str, int]:
        port = {"tls": self.tls_port, "ws": self.web_port, "wss": self.web_port}.get(address.transport, self.port)
        return self._own.towards(address.host), port or self.port

    def _arrived(self, invite: IncomingInvite) -> None:
        if self._closing:
            invite.refuse(503, headers=[("Retry-After", "10")])
            return
        try:
            self._on_invite(invite)
        except Exception:
            log.exception("the INVITE %s could not be taken", invite.call_id)
            invite.refuse(500)

    # -- bytes -----------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Address) -> None:
        if self._closed:
            return
        try:
            self.core.receive(data, source)
        except Exception:
            log.exception("a message from %s met a defect of ours", source)
        self._arm()

    def _transmit(self, data: bytes, address: Address, otherwise: Address | None = None) -> None:
        if self._closed:
            return
        if address.reliable:
            self._streams.send(data, address, otherwise)
        else:
            self._datagrams.send(data, address)
        # Timers are set right after this by whoever sends: look at them when it is done.
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._arm_soon)

    def _failed(self, address: Address, why: str) -> None:
        if not self._closed:
            self.core.transport_failed(address, why)
            self._arm()

    # -- the timer -------------------------------------------------------------------------------------------------

    def _arm_soon(self) -> None:
        self._soon = None
        self._arm()

    def _arm(self) -> None:
        deadline = self.core.deadline
        if deadline is None or self._closed:
            return
        if self._armed is not None:
            if self._armed_for is not None and self._armed_for <= deadline:
                return  # it fires early and looks again: cheaper than a new timer for each message
            self._armed.cancel()
        self._armed_for = deadline
        self._armed = asyncio.get_running_loop().call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._armed = None
        self._armed_for = None
        try:
            self.core.wake()
        except Exception:
            log.exception("a SIP timer met a defect of ours")
        self._arm()
