"""What peers are told to reach us at, and whether they can."""

from __future__ import annotations

import ipaddress
import socket

from offhook.cli.doctor.finding import Finding, ok, warning
from offhook.cli.doctor.ports import try_to_bind
from offhook.cli.doctor.threads import in_thread
from offhook.settings import Settings
from offhook.sip import OwnAddress

NAME = "public address"
_KINDS = (
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("private (RFC 1918)", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    ("shared by a provider's customers (RFC 6598)", ("100.64.0.0/10",)),
    ("private (RFC 4193)", ("fc00::/7",)),
    ("link-local", ("169.254.0.0/16", "fe80::/10")),
)
_ELSEWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
"""For documentation (RFC 5737, RFC 3849): what leads there is the default route. Nothing is sent."""


def kind(address: str) -> str:
    """``public``, or why it is not; a name counts as public."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "public"
    for words, networks in _KINDS:
        if any(found in ipaddress.ip_network(network) for network in networks):
            return words
    return "public" if found.is_global else "not of the open internet"


async def public(settings: Settings) -> Finding:
    """What peers elsewhere are told, whether that leads here, and what must be forwarded where it does not by itself."""
    host, given = settings.sip.host, settings.public_address
    elsewhere = _ELSEWHERE[6 if ":" in host and host != "::" else 4]
    told = OwnAddress(host, given.default, given.networks).towards(elsewhere)
    local = OwnAddress(host, None).towards(elsewhere)
    if given.default:
        return await _given(told, local, settings)
    others = "".join(f"; {network} is told {address}" for network, address in given.networks)
    what = kind(told)
    text = f"peers are told {told}{others}"
    if what == "public":
        return ok(NAME, f"{text}, an address of this machine and of the open internet")
    if what == "loopback":
        remedy = "set OFFHOOK_SIP=0.0.0.0:5060 so that phones can come in, and OFFHOOK_PUBLIC_ADDRESS behind NAT"
        if host != told:
            return warning(NAME, f"{text}: this machine has no route to elsewhere", "connect it to a network")
        return warning(NAME, f"{text}: nobody but this machine reaches it", remedy)
    remedy = (
        "for phones in the same network nothing; for others set OFFHOOK_PUBLIC_ADDRESS to the address that they see, "
        f"and forward {_forwarded(settings)} to {local}"
    )
    return warning(NAME, f"{text}, which is {what}: peers beyond it hear nothing, and cannot end a call", remedy)


async def _given(told: str, local: str, settings: Settings) -> Finding:
    """``public_address`` is set."""
    what, text = kind(told), f"peers are told {told} (public_address)"
    if kind(told) == "loopback":
        remedy = "set OFFHOOK_PUBLIC_ADDRESS to the address that peers see, or unset it"
        return warning(NAME, f"{text}: nobody but this machine reaches it", remedy)
    ours = await in_thread(lambda: try_to_bind(told, 0, socket.SOCK_DGRAM)) is None
    if ours:
        where = f"{text}, an address of this machine"
    else:
        where = f"{text}, which is not an address of this machine: {_forwarded(settings)} must be forwarded from there to {local}"
    if what == "public":
        return ok(NAME, where)
    remedy = "for phones in the same network nothing; for others set OFFHOOK_PUBLIC_ADDRESS to the address that they see"
    return warning(NAME, f"{where}; it is {what}", remedy)


def _forwarded(settings: Settings) -> str:
    low, high = settings.rtp_ports
    tls = f", TCP {settings.sip_tls}" if settings.tls_certificate is not None else ""
    return f"UDP and TCP {settings.sip.port}{tls} and UDP {low}-{high}"
