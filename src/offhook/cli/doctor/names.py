"""Host names: does the resolver answer, and does it know those that the settings have?"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from offhook.cli.doctor.configuration import contents_of
from offhook.cli.doctor.finding import Finding, joined, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.settings import Settings

ANSWER_S = 2.0
LOOKUP_S = 3.5
SLOW_S = 1.0
"""A call waits 2 s for the connection to its answer URL; half of that for the name alone is much."""
MOST_NAMES = 50
_HEADER = struct.Struct("!HHHHHH")


async def resolver(
    settings: Settings,  # noqa: ARG001 - as all checks
    file: Path = Path("/etc/resolv.conf"),
    port: int = 53,
) -> Finding:
    """Whether the name servers of this machine answer at all (a query for the root, RFC 1035)."""
    servers = await in_thread(lambda: _servers(file))
    took = await asyncio.gather(*(_answers(server, port) for server in servers))
    answered = [f"{server} answers in {s * 1000:.0f} ms" for server, s in zip(servers, took, strict=True) if s is not None]
    silent = [server for server, s in zip(servers, took, strict=True) if s is None]
    remedy = f"correct {file}, or let UDP and TCP {port} out to it; a node that only has addresses needs no name server"
    if not answered:
        return warning("DNS", f"no name server answers ({', '.join(silent)})", remedy)
    if silent:
        text = f"{', '.join(answered)}, but {', '.join(silent)} does not: look-ups that begin there wait for seconds"
        return warning("DNS", text, remedy)
    return ok("DNS", ", ".join(answered))


def _servers(file: Path) -> list[str]:
    """The name servers of ``resolv.conf``; without any, the resolver asks this machine (resolv.conf(5))."""
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        lines = []
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"][:3] or ["127.0.0.1"]


async def _answers(server: str, port: int) -> float | None:
    """Seconds until this server has answered anything; ``None``: it does not."""
    loop = asyncio.get_running_loop()
    number = secrets.randbelow(2**16)
    query = _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 2, 1)  # the root's NS, class IN
    begun = loop.time()
    with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        try:
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_connect(asking, (server, port))
                await loop.sock_sendall(asking, query)
                while (reply := await loop.sock_recv(asking, 4096))[:2] != query[:2] or len(reply) < _HEADER.size:
                    pass
        except (OSError, TimeoutError):
            return None
    return loop.time() - begun


async def look_up(host: str) -> list[str]:
    """The addresses of a name, those of an address itself. Raises ``OSError``, of which ``TimeoutError`` is one."""
    async with asyncio.timeout(LOOKUP_S):
        rows = await in_thread(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


async def known(settings: Settings) -> Finding:
    """Whether the host names of the settings and of the applications mean something, and how long it takes to find out."""
    stored = await contents_of(settings)
    urls = [settings.answer_url, settings.fallback_url, settings.hangup_url, *(url for _, url in stored.urls)]
    hosts = [_host(url) for url in urls if url] + [settings.public_address.default]
    wanted = sorted({host for host in hosts if host and not _is_address(host)})
    if not wanted:
        return ok("names", "the settings have no host names to look up")
    found: Sequence[Finding] = await asyncio.gather(*(_look_at(host) for host in wanted[:MOST_NAMES]))
    return joined(found)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None  # the check of the URLs says so


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _look_at(host: str) -> Finding:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        addresses = await look_up(host)
    except TimeoutError:
        return problem("names", f"{host}: no answer within {LOOKUP_S:g} s", "see DNS above")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return problem("names", f"{host} is not known ({why})", "correct the name, its zone, or the name server of this machine")
    took = loop.time() - begun
    text = f"{host} is {', '.join(addresses)} ({took * 1000:.0f} ms)"
    if took > SLOW_S:
        return warning("names", f"{text}, which is slow", "run a name server that caches on this machine")
    return ok("names", text)
