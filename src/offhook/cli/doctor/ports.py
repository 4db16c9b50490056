"""The ports that a node listens on: free, or taken by whom."""

from __future__ import annotations

import errno
import os
import socket

import aiohttp

from offhook.cli.doctor.finding import Finding, joined, ok, problem
from offhook.cli.doctor.running import Holder, holder
from offhook.cli.doctor.threads import in_thread
from offhook.cli.nodes import node_runs
from offhook.settings import HostPort, Settings

HEALTH_S = 3.0
_WORDS = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


async def sip(settings: Settings) -> list[Finding]:
    """Whether SIP can listen: UDP and TCP on one port, and TLS on its own where there is a certificate."""
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    found = [await in_thread(lambda: _listening("SIP port", "OFFHOOK_SIP", settings.sip, kinds, settings))]
    if settings.tls_certificate is not None:
        place = HostPort(settings.sip.host, settings.sip_tls)
        name = "SIP TLS port"
        found.append(await in_thread(lambda: _listening(name, "OFFHOOK_SIP_TLS", place, (socket.SOCK_STREAM,), settings)))
    return found


async def http(settings: Settings) -> Finding:
    """Whether HTTP can listen; where our node does already, whether it answers."""
    name, place = "HTTP port", settings.http
    found = await in_thread(lambda: _listening(name, "OFFHOOK_HTTP", place, (socket.SOCK_STREAM,), settings))
    taken = place.port != 0 and await in_thread(lambda: try_to_bind(place.host, place.port, socket.SOCK_STREAM)) is not None
    if not taken:
        return found
    url = f"{'https' if settings.http_tls else 'http'}://{HostPort(_ANYWHERE.get(place.host, place.host), place.port)}/healthz"
    healthy = await _healthy(url)
    if not found.remedy:  # our node has it
        if healthy:
            return ok(name, f"{found.found}; {url} answers")
        remedy = "it may be stuck: look at its log, and restart it if calls fail too"
        return problem(name, f"{found.found}, but {url} does not answer", remedy)
    if healthy:
        return problem(name, f"{found.found}; {url} answers like a node of another data folder", found.remedy)
    return found


def try_to_bind(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    """Bind as the node would, and close it again. Returns what stands against it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as bound:
            if ":" in host:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
            if kind is socket.SOCK_STREAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            if kind is socket.SOCK_STREAM:
                bound.listen(1)  # two may bind a TCP port with SO_REUSEADDR, only one may listen
    except OSError as error:
        return error
    return None


def _listening(name: str, setting: str, place: HostPort, kinds: tuple[socket.SocketKind, ...], settings: Settings) -> Finding:
    """Look at one port, in all its kinds. It blocks."""
    if place.port == 0:
        return ok(name, f"any free port of {place.host}")
    found = []
    for kind in kinds:
        error = try_to_bind(place.host, place.port, kind)
        if error is not None:
            found.append(_refused(name, setting, place, kind, error, settings))
    return joined(found) if found else ok(name, f"{place} is free ({', '.join(_WORDS[kind] for kind in kinds)})")


def _refused(name: str, setting: str, place: HostPort, kind: socket.SocketKind, error: OSError, settings: Settings) -> Finding:
    here = f"{place}/{_WORDS[kind]}"
    if error.errno == errno.EADDRINUSE:
        return _taken(name, setting, here, holder(place.port, kind, settings.data), settings)
    if error.errno == errno.EADDRNOTAVAIL:
        remedy = f"set {setting} to an address of this machine, or to 0.0.0.0:{place.port} for all of them"
        return problem(name, f"{place.host} is not an address of this machine", remedy)
    if error.errno == errno.EACCES:
        remedy = f"set {setting} to a port from 1024 on, or allow it (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)"
        return problem(name, f"user {os.getuid()} may not listen on {here}", remedy)
    if isinstance(error, socket.gaierror):
        return problem(name, f"the name {place.host} is not known", f"set {setting} to an address of this machine")
    return problem(name, f"{here} cannot be used: {error.strerror or error}", f"set {setting} to another host:port")


def _taken(name: str, setting: str, here: str, who: Holder | None, settings: Settings) -> Finding:
    if node_runs(settings.data) and (who is None or who.is_node):
        return ok(name, f"{here} is taken by the node that runs on {settings.data}")
    by = str(who) if who is not None else "another program ('ss -lntup' as root says which)"
    return problem(name, f"{here} is taken by {by}", f"stop it, or set {setting} to another host:port")


async def _healthy(url: str) -> bool:
    """Whether this is the health page of a node."""
    timeout = aiohttp.ClientTimeout(total=HEALTH_S)
    try:
        # The certificate need not fit the address: who answers is this machine.
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as client, client.get(url, ssl=False) as reply:
            return reply.status == 200 and await reply.json() == {"status": "ok"}
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return False
