"""Addresses of the network: which of ours leads to a peer, and what a host name means."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from offhook.clock import Clock
from offhook.sip import locating
from offhook.sip.dns import Dns
from offhook.sip.headers import Address

log = logging.getLogger(__name__)
RESOLVED_FOR_S = 60.0
MAX_KNOWN = 1024
"""Names, and peers, that are remembered."""
MAX_LOOKUPS = 64
"""Look-ups at a time: peers can make us look up names, by their Contact."""
LOOKUP_S = 5.0
MAX_SEARCHES = 1024
"""Requests at a time that wait to know their servers; the questions of all of them are bounded by `Dns`."""
WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849): what leads there is the default route. Nothing is sent."""

Located = Callable[[Address | None, str], None]
LocatedAll = Callable[[list[Address], str], None]


@lru_cache(maxsize=MAX_KNOWN)
def is_address(host: str) -> bool:
    """Whether it is an IP address and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class OwnAddress:
    """What peers are told to reach us at.

    Args:
        bound: where we listen.
        public: what everybody is told, if not that.
        networks: what peers of some networks are told instead, the first that fits.
    """

    def __init__(self, bound: str, public: str | None, networks: Sequence[tuple[Network, str]] = ()) -> None:
        self._bound = bound
        self._public = public
        self._networks = networks
        self._known: dict[str, str] = {}

    def towards(self, peer_host: str) -> str:
        """The address of ours that ``peer_host`` should use: the public one, or the local one that leads there.

        A peer on this very machine gets a local one in any case: the way out to the public address and back seldom works.
        """
        if peer_host not in self._known:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[peer_host] = self._find(peer_host)
        return self._known[peer_host]

    def _find(self, peer_host: str) -> str:
        peer = ipaddress.ip_address(peer_host) if is_address(peer_host) else None
        for network, told in self._networks:
            if peer is not None and peer in network:
                return told
        local = peer_host == "localhost" or (peer is not None and peer.is_loopback)
        if self._public and not local:
            return self._public
        if self._bound not in WILDCARDS:
            return self._bound
        if local:
            return "::1" if ":" in peer_host else "127.0.0.1"
        return _leading_to(peer_host, self._bound)


def _leading_to(host: str, bound: str) -> str:
    """The local address that packets to ``host`` leave from; for a name, whose look-up would block, those to anywhere."""
    family = socket.AF_INET6 if ":" in host or (":" in bound and not is_address(host)) else socket.AF_INET
    for target in (host, _ELSEWHERE[family]):
        if is_address(target):
            try:
                with socket.socket(family, socket.SOCK_DGRAM) as probe:
                    probe.connect((target, 9))
                    return str(probe.getsockname()[0])
            except OSError:
                continue
    return "::1" if family == socket.AF_INET6 else "127.0.0.1"


class Resolver:
    """Makes addresses of names, beside the loop, a bounded number at a time."""

    def __init__(
        self,
        clock: Clock,
        family: socket.AddressFamily,
        *,
        both: bool = False,
        transports: frozenset[str] = frozenset({"udp", "tcp"}),
        dns: Dns | None = None,
        below: locating.Below = secrets.randbelow,
    ) -> None:
        """Args:
        family: of the addresses that names stand for.
        both: whether the other family is spoken too; names stand for either then, IPv4 where there is one.
        transports: by which ``candidates`` may be reached.
        dns: whom ``candidates`` asks; the system's name servers when none is handed in. It is closed with this.
        below: chooses among servers of one priority.
        """
        self._clock = clock
        self._family = family
        self._both = both
        families: tuple[Literal[4, 6], ...] = (6,) if family == socket.AF_INET6 else (4,)
        self._spoken = locating.Spoken(transports, (4, 6) if both else families)
        self._dns = Dns(clock) if dns is None else dns
        self._below = below
        self._searches: set[asyncio.Task[None]] = set()
        self._known: dict[str, tuple[str, float]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, list[tuple[Address, Located]]] = {}

    def locate(self, address: Address, then: Located) -> None:
        """Call ``then`` with the IP address, at once when it is known; with ``None`` and why when there is none."""
        host = address.host
        known = self._known.get(host)
        if is_address(host):
            spoken = self._both or (":" in host) == (self._family == socket.AF_INET6)
            then(
                address if spoken else None,
                "" if spoken else f"transport: {host} is of the address family that we do not listen on",
            )
        elif known is not None and known[1] > self._clock.now():
            then(replace(address, host=known[0]), "")
        elif host in self._tasks:
            self._waiting[host].append((address, then))
        elif len(self._tasks) >= MAX_LOOKUPS:
            then(None, f"transport: too many names are being looked up to look up {host}")
        else:
            self._waiting[host] = [(address, then)]
            self._tasks[host] = asyncio.get_running_loop().create_task(self._look_up(host), name=f"look up {host}")

    async def _look_up(self, host: str) -> None:
        found, why = "", ""
        try:
            async with asyncio.timeout(LOOKUP_S):
                infos = await asyncio.get_running_loop().getaddrinfo(
                    host, None, family=socket.AF_UNSPEC if self._both else self._family, type=socket.SOCK_DGRAM
                )
            found = str(min(infos, key=lambda info: info[0] != socket.AF_INET)[4][0])
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[host] = (found, self._clock.now() + RESOLVED_FOR_S)
        except (OSError, UnicodeError, TimeoutError) as error:
            why = f"transport: the name {host} is not known ({error or 'no answer'})"
        waiting = self._waiting.pop(host, [])
        self._tasks.pop(host, None)
        for address, then in waiting:
            then(replace(address, host=found) if found else None, why)

    def candidates(self, address: Address, then: LocatedAll, *, choose_transport: bool = False) -> None:
        """Call ``then`` with all addresses that a request can be sent to, in the order to try them (RFC 3263 section 4).

        With an empty list and why when there is none. At once when the host is numeric, else in a later turn of the loop.

        Args:
            address: a host, a name or not; port 0 when none is named: the servers are those of the SRV records then.
            choose_transport: whether DNS may say by which transport; that of ``address`` says only whether it must be secure.
        """
        wanted = locating.Wanted.of(address, choose_transport=choose_transport)
        settled = locating.settled(wanted, self._spoken)
        if settled is not None:
            then(*settled)
        elif len(self._searches) >= MAX_SEARCHES:
            then([], f"transport: too many names are being looked up to look up {address.host}")
        else:
            task = asyncio.get_running_loop().create_task(self._search(wanted, then), name=f"servers of {address.host}")
            self._searches.add(task)
            task.add_done_callback(self._searches.discard)

    async def _search(self, wanted: locating.Wanted, then: LocatedAll) -> None:
        try:
            async with asyncio.timeout(LOOKUP_S):
                found, why = await locating.locate(wanted, self._spoken, self._dns.ask, self._below)
        except TimeoutError:
            found, why = [], f"transport: the name {wanted.host} is not known (no answer)"
        except Exception:
            log.exception("the servers of %s could not be looked for", wanted.host)
            found, why = [], f"transport: the name {wanted.host} could not be looked up"
        then(found, why)

    async def aclose(self) -> None:
        """Stop looking; nobody is told."""
        tasks = [*self._tasks.values(), *self._searches]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._waiting.clear()
        await self._dns.aclose()
