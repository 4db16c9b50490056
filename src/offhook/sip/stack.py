"""The asyncio shell around the core: it moves bytes and re-arms one timer."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip.core import Core, CoreParts
from offhook.sip.dialog import hop
from offhook.sip.digest import Credentials
from offhook.sip.errors import SipBindError
from offhook.sip.headers import Address
from offhook.sip.invite import IncomingInvite, OutgoingInvite
from offhook.sip.transports import Datagrams, Streams
from offhook.sip.uri import NameAddr, Uri

log = logging.getLogger(__name__)
RESOLVED_FOR_S = 60.0
UDP_BUFFER_BYTES = 4 << 20
"""Asked of the kernel, so that a burst of INVITEs is not lost while something else runs."""
MAX_UDP_REQUEST = 1300
"""Longer requests go by TCP where the target does not say (RFC 3261 section 18.1.1)."""


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
    ) -> None:
        """Args:
        host: the address to listen on; ``0.0.0.0`` and ``::`` for all.
        port: 0 takes any free one, the same for UDP and TCP.
        public_host: what peers are told instead of the address that they are reached from.
        """
        self._host = host
        self.port = port
        self._clock = clock
        self._public_host = public_host
        self._advertised: dict[str, str] = {}
        self._resolved: dict[str, tuple[str, float]] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._unresolved: dict[str, list[tuple[bytes, Address]]] = {}
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for: float | None = None
        self._soon: asyncio.Handle | None = None
        self.core = Core(
            CoreParts(
                transmit=self._transmit,
                time=clock.now,
                token=ids.token,
                local=self._local,
                on_invite=on_invite,
                user_agent=user_agent,
            )
        )
        self._datagrams = Datagrams(self._receive)
        self._streams = Streams(self._receive, self._failed)
        self._server: asyncio.Server | None = None
        self._closed = False

    @property
    def transactions(self) -> int:
        """Live transactions."""
        return len(self.core.transactions)

    @property
    def dialogs(self) -> int:
        """Live dialogs."""
        return len(self.core.dialogs)

    async def start(self) -> None:
        """Listen on UDP and TCP.

        Raises:
            SipBindError: the port is taken or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            try:
                server = await loop.create_server(self._streams.accept, self._host, self.port, backlog=512)
                port = server.sockets[0].getsockname()[1]
            except OSError as error:
                raise self._bind_error("TCP", error) from error
            try:
                udp = self._udp_socket(port)
            except OSError as error:
                server.close()
                if self.port != 0 or attempt == 19:
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
        """Stop: no socket, task or timer is left. Dialogs end without a word."""
        self._closed = True
        for handle in (self._armed, self._soon):
            if handle is not None:
                handle.cancel()
        if self._server is not None:
            self._server.close()
        tasks = list(self._resolving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._streams.aclose()
        if self._datagrams.transport is not None:
            self._datagrams.transport.close()
        for usage in list(self.core.dialogs.values()):
            usage.stop()
        await asyncio.sleep(0)

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
        """Send an INVITE.

        Args:
            target: the request URI; its host is the next hop.
            transport: ``udp`` or ``tcp``; else the URI says, or the length: above 1300 bytes it is TCP.

        Raises:
            HeaderError: ``target`` is not a SIP URI.
        """
        uri = Uri.parse(target) if isinstance(target, str) else target
        if transport is None and uri.transport is None:
            length = len(body) + 700 + sum(len(name) + len(value) + 4 for name, value in headers)
            transport = "tcp" if length > MAX_UDP_REQUEST else "udp"
        address = hop(uri, transport)
        if transport is not None and uri.transport is None:
            address = Address(address.host, address.port, transport)
        return self.core.invite(uri, address, caller=caller, callee=callee, body=body, headers=headers, credentials=credentials)

    # -- addresses -------------------------------------------------------------------------------------------------

    def advertised_host(self, peer_host: str) -> str:
        """The address of ours that ``peer_host`` should use: the public one, or the local one that leads there."""
        if self._public_host:
            return self._public_host
        if self._host not in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
            return self._host
        if peer_host not in self._advertised:
            if len(self._advertised) > 4096:
                self._advertised.clear()
            self._advertised[peer_host] = _leading_to(peer_host)
        return self._advertised[peer_host]

    def _local(self, address: Address) -> tuple[str, int]:
        return self.advertised_host(address.host), self.port

    # -- bytes -----------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Address) -> None:
        if self._closed:
            return
        try:
            self.core.receive(data, source)
        except Exception:
            log.exception("a message from %s met a defect of ours", source)
        self._arm()

    def _transmit(self, data: bytes, address: Address) -> None:
        if self._closed:
            return
        if _is_address(address.host):
            self._put(data, address)
        else:
            self._resolve(data, address)
        # Timers are set right after this by whoever sends: look at them when it is done.
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._arm_now)

    def _put(self, data: bytes, address: Address) -> None:
        if address.reliable:
            self._streams.send(data, address)
        else:
            self._datagrams.send(data, address)

    def _failed(self, address: Address, why: str) -> None:
        self.core.transport_failed(address, why)

    def _arm_now(self) -> None:
        self._soon = None
        self._arm()

    def _arm(self) -> None:
        deadline = self.core.deadline
        if deadline == self._armed_for and self._armed is not None:
            return
        if self._armed is not None:
            if deadline is not None and self._armed_for is not None and self._armed_for <= deadline:
                return  # it fires early and looks again: cheaper than a new timer for each message
            self._armed.cancel()
            self._armed = None
        self._armed_for = deadline
        if deadline is not None and not self._closed:
            self._armed = asyncio.get_running_loop().call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._armed = None
        self._armed_for = None
        try:
            self.core.wake()
        except Exception:
            log.exception("a SIP timer met a defect of ours")
        self._arm()

    # -- names -----------------------------------------------------------------------------------------------------

    def _resolve(self, data: bytes, address: Address) -> None:
        known = self._resolved.get(address.host)
        if known is not None and known[1] > self._clock.now():
            self._put(data, Address(known[0], address.port, address.transport))
            return
        self._unresolved.setdefault(address.host, []).append((data, address))
        if address.host not in self._resolving:
            task = asyncio.get_running_loop().create_task(self._look_up(address.host), name=f"resolve {address.host}")
            self._resolving[address.host] = task

    async def _look_up(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM)
            resolved = str(found[0][4][0])
            self._resolved[host] = (resolved, self._clock.now() + RESOLVED_FOR_S)
            for data, address in self._unresolved.pop(host, []):
                self._put(data, Address(resolved, address.port, address.transport))
        except (OSError, UnicodeError) as error:
            for address in {address for _, address in self._unresolved.pop(host, [])}:
                self._failed(address, f"the name {host} is not known ({error})")
        finally:
            self._resolving.pop(host, None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _leading_to(host: str) -> str:
    """The local address that packets to ``host`` leave from; nothing is sent."""
    try:
        family, _, _, _, where = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(where)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
