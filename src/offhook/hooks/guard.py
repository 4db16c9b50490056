"""Which addresses a customer's URL may lead to. Checked where the socket is made: after DNS, for every connection."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aiohttp import TCPConnector

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketAddress = tuple[int, int, int, str, tuple[Any, ...]]
"""A row of ``getaddrinfo``."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215: translated by whoever runs the network
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291 section 2.5.5.1, deprecated


def is_public(text: str) -> bool:
    """Whether an address belongs to the open internet: not private, loopback, link-local, multicast, reserved or made of such.

    Args:
        text: an IPv4 or IPv6 address, a zone (``%eth0``) allowed. Anything else is not public.
    """
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _COMPATIBLE or address in _NAT64_LOCAL or address.is_site_local:
            return False
        for inner in _carried(address):
            if not _is_public(inner):
                return False
        if address in _NAT64:
            return True
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses that an IPv6 address stands for: a packet to it may end up there."""
    found = [inner for inner in (address.ipv4_mapped, address.sixtofour) if inner is not None]
    if address.teredo is not None:
        found.extend(address.teredo)
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


@dataclass(slots=True)
class Connecting:
    """What an attempt learns about its connection."""

    fresh: bool = False
    """A new connection was opened, rather than a kept one used again."""
    refused: str | None = None
    """The address that is not allowed."""


connecting: ContextVar[Connecting | None] = ContextVar("connecting", default=None)


class RefusedAddress(OSError):
    """The name leads to an address that customers' URLs must not reach."""


def guarded_connector(*, allow_private: bool, verify_tls: bool) -> TCPConnector:
    """The connector of all outbound requests.

    The check stands in the socket factory: there the address is the one that is really connected to, so neither a literal address
    nor a name that changes between two look-ups passes. A kept connection has been checked when it was opened.
    """
    return TCPConnector(
        limit=0,  # Calls bound fetches, the courier bounds notifications; a queue here would only disguise itself as a timeout.
        ttl_dns_cache=5,
        ssl=verify_tls,
        socket_factory=_socket_factory(allow_private=allow_private),
    )


def _socket_factory(*, allow_private: bool) -> Callable[[SocketAddress], socket.socket]:
    def open_socket(found: SocketAddress) -> socket.socket:
        family, kind, protocol, _, address = found
        attempt = connecting.get()
        if attempt is not None:
            attempt.fresh = True
        if not allow_private and not is_public(str(address[0])):
            if attempt is not None:
                attempt.refused = str(address[0])
            raise RefusedAddress(f"{address[0]} is not a public address")
        return socket.socket(family, kind, protocol)

    return open_socket
