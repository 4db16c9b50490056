"""Addresses of the network: which of ours leads to a peer, and what a host name means."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from offhook.clock import Clock
from offhook.sip.headers import Address

RESOLVED_FOR_S = 60.0
MAX_KNOWN = 1024
"""Names, and peers, that are remembered."""
MAX_LOOKUPS = 64
"""Look-ups at a time: peers can make us look up names, by their Contact."""
LOOKUP_S = 5.0
WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849): what leads there is the default route. Nothing is sent."""

Located = Callable[[Address | None, str], None]


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

    def __init__(self, clock: Clock, family: socket.AddressFamily, *, both: bool = False) -> None:
        """Args:
        family: of the addresses that names stand for.
        both: whether the other family is spoken too; names stand for either then, IPv4 where there is one.
        """
        self._clock = clock
        self._family = family
        self._both = both
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

    async def aclose(self) -> None:
        """Stop looking; nobody is told."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._waiting.clear()
