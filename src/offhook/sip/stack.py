"""The asyncio shell around the core: it moves bytes and re-arms one timer."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip.core import Core, CoreParts
from offhook.sip.digest import Credentials
from offhook.sip.errors import SipBindError
from offhook.sip.headers import Address
from offhook.sip.invite import IncomingInvite, OutgoingInvite
from offhook.sip.names import OwnAddress, Resolver
from offhook.sip.transaction import NonInviteClient
from offhook.sip.transports import Datagrams, Streams
from offhook.sip.uri import NameAddr, Uri

log = logging.getLogger(__name__)
UDP_BUFFER_BYTES = 4 << 20
"""Asked of the kernel, so that a burst of INVITEs is not lost while something else runs."""
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


class Stack:
    """SIP over UDP and TCP on one port."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        ids: Ids,
        clock: Clock,
        on_invite: Callable[[IncomingInvite], None],
        public_host: str | None = None,
        user_agent: str = "Offhook",
        settings: SipSettings = SipSettings(),
    ) -> None:
        """Args:
        host: the address to listen on; ``0.0.0.0`` and ``::`` for all.
        port: 0 takes any free one, the same for UDP and TCP.
        on_invite: called with each new INVITE; it must not block. When it fails the INVITE gets 500.
        public_host: what peers are told instead of the address that they are reached from.
        """
        self.port = port
        self._host = host
        self._clock = clock
        self._settings = settings
        self._on_invite = on_invite
        self._own = OwnAddress(host, public_host)
        self._resolver = Resolver(clock, socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._datagrams = Datagrams(self._receive, self._failed)
        self._streams = Streams(self._receive, self._failed, settings.max_connections)
        self._server: asyncio.Server | None = None
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
                user_agent=user_agent,
                locate=self._resolver.locate,
                connected=self._streams.__contains__,
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
        """Open TCP connections."""
        return len(self._streams)

    @property
    def awaiting_answers(self) -> bool:
        """Whether a BYE, a CANCEL or a cancelled INVITE waits for its response; an INVITE may ring as long as it likes."""
        return self.core.uac.withdrawing or any(
            isinstance(each, NonInviteClient) and each.waiting for each in self.core.transactions.values()
        )

    async def start(self) -> None:
        """Listen on UDP and TCP.

        Raises:
            SipBindError: the port is taken or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(BIND_ATTEMPTS):
            try:
                server = await loop.create_server(self._streams.accept, self._host, self.port, backlog=512)
            except OSError as error:
                raise self._bind_error("TCP", error) from error
            port = server.sockets[0].getsockname()[1]
            try:
                udp = self._udp_socket(port)
            except OSError as error:
                server.close()
                if self.port != 0 or attempt == BIND_ATTEMPTS - 1:
                    raise self._bind_error("UDP", error) from error
                continue  # a free TCP port whose UDP twin is taken: try the next one
            await loop.create_datagram_endpoint(lambda: self._datagrams, sock=udp)
            self._server, self.port = server, port
            return

    def _udp_socket(self, port: int) -> socket.socket:
        udp = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
            udp.bind((self._host, port))
        except OSError:
            udp.close()
            raise
        return udp

    def _bind_error(self, transport: str, error: OSError) -> SipBindError:
        return SipBindError(
            f"SIP cannot listen on {self._host}:{self.port}/{transport} ({error.strerror}); "
            "is another SIP server there? Set OFFHOOK_SIP to another host:port"
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
        if self._server is not None:
            self._server.close()
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
    ) -> OutgoingInvite:
        """Send an INVITE. What goes wrong after this comes as ``Lost`` or ``Refused``.

        Args:
            target: the request URI; its host is the next hop.
            callee: what To says; else it is the target.
            body: our offer; empty asks the peer for one, to be answered with ``ack``.
            transport: ``udp`` or ``tcp``; else the URI says, or the length: above 1300 bytes TCP is tried first.

        Raises:
            HeaderError: ``target`` is not a URI.
        """
        uri = Uri.parse(target) if isinstance(target, str) else target
        return self.core.invite(
            uri, caller=caller, callee=callee, body=body, headers=headers, transport=transport, credentials=credentials
        )

    def advertised_host(self, peer_host: str) -> str:
        """The address of ours that ``peer_host`` should use: the public one, or the local one that leads there."""
        return self._own.towards(peer_host)

    def _local(self, address: Address) -> tuple[str, int]:
        return self._own.towards(address.host), self.port

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
