"""The URLs that a node asks: do they answer, by the rules of the hooks, and for how long is their certificate good?"""

from __future__ import annotations

import asyncio
import http.client
import io
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from offhook import __version__
from offhook.cli.doctor.configuration import contents_of
from offhook.cli.doctor.finding import Finding, ok, problem, warning
from offhook.cli.doctor.names import look_up
from offhook.clock import Clock
from offhook.hooks import is_public, redacted
from offhook.settings import Settings

CONNECT_S = 2.0
"""As long as a call waits for a connection, TLS included."""
REPLY_S = 3.0
MOST_URLS = 20
FEW_DAYS = 14
DAY_S = 86_400
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})[^\r\n]*\r?\n")
_CERTIFICATE_FAULTS = {
    9: "is not valid yet, or this machine's clock is wrong",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that this machine does not know",
    20: "is signed by an authority that this machine does not know, or an intermediate certificate is missing",
    21: "cannot be traced to an authority: an intermediate certificate is missing",
    23: "was revoked",
    62: "is for another name",
    64: "is for another address",
}
"""By OpenSSL's number (X509_V_ERR_*)."""
_HOSTS_REMEDY = "correct the URL, or start the application; a firewall on the way may be in between"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said to HEAD."""

    status: int
    headers: Mapping[str, str]
    took_s: float
    days_left: float | None
    """Of its certificate; ``None`` without TLS."""


@dataclass(eq=False)
class Unreachable(Exception):
    """There is no reply."""

    found: str
    remedy: str


async def urls(settings: Settings) -> list[Finding]:
    """Look at every URL of the settings and of the applications."""
    asked: dict[str, str] = {}
    for name in ("answer_url", "fallback_url", "hangup_url"):
        url = getattr(settings, name)
        if url is not None:
            asked.setdefault(url, name)
    for application, url in (await contents_of(settings)).urls:
        asked.setdefault(url, f"application {application!r}")
    if not asked:
        return [ok("URLs", "there is none to ask")]
    found = await asyncio.gather(*(reachable(settings, name, url) for url, name in list(asked.items())[:MOST_URLS]))
    if len(asked) > MOST_URLS:
        return [*found, ok("URLs", f"{len(asked) - MOST_URLS} more of the applications were not asked")]
    return list(found)


async def reachable(settings: Settings, name: str, url: str, context: ssl.SSLContext | None = None) -> Finding:
    """Whether a URL answers, as far as HEAD can tell: an application is asked nothing that it would act on.

    Args:
        name: whose URL it is.
        context: whom to believe; the authorities of the system unless given.
    """
    shown = redacted(url)
    try:
        reply = await head(url, allow_private=settings.allow_private_urls, context=context)
    except Unreachable as failure:
        return problem(name, f"{shown} {failure.found}", failure.remedy)
    text = f"{shown} answers HEAD with {reply.status} in {reply.took_s * 1000:.0f} ms"
    if reply.days_left is not None:
        text += f"; its certificate is good for {int(reply.days_left)} days"
        if reply.days_left < FEW_DAYS:
            return warning(name, text, "renew the certificate")
    if reply.status >= 500:
        return warning(name, text, "look at the application's log; 'offhook lint --post URL' asks as a call would")
    if reply.status in {401, 403, 407}:
        remedy = "put user:password@ into the URL, or let requests in that carry a good signature"
        return warning(name, f"{text}: it wants to know who asks", remedy)
    if 300 <= reply.status < 400:
        text += f" and leads to {redacted(reply.headers.get('location', 'nowhere'))}"
    elif reply.status in {404, 405, 501}:
        text += " (which says little: calls ask by GET or POST)"
    return ok(name, text)


async def head(url: str, *, allow_private: bool, context: ssl.SSLContext | None = None) -> Reply:
    """Ask for the head of what is at a URL; redirects are not followed.

    Args:
        allow_private: whether it may be on an address that is not of the open internet.

    Raises:
        Unreachable: in words.
    """
    clock = Clock()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme.lower() == "https" else 80)
    except ValueError as error:
        raise Unreachable(f"is no URL: {error}", "correct it") from None
    if not host:
        raise Unreachable("has no host", "correct it")
    address = _allowed(host, await _addresses(host), allow_private=allow_private)
    tls = (context or ssl.create_default_context()) if parts.scheme.lower() == "https" else None
    begun = clock.now()
    reader, writer = await _connected(host, address, port, tls)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        authority = parts.netloc.rpartition("@")[2]
        request = f"HEAD {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Offhook/{__version__}\r\nConnection: close\r\n\r\n"
        status, headers = await _exchange(reader, writer, request)
        took_s = clock.now() - begun
        secured: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        return Reply(status, headers, took_s, None if secured is None else _days_left(secured, clock))
    finally:
        writer.transport.abort()


async def _addresses(host: str) -> list[str]:
    try:
        return await look_up(host)
    except (OSError, UnicodeError):
        raise Unreachable(f"cannot be asked: the name {host} is not known", "see names and DNS above") from None


def _allowed(host: str, addresses: list[str], *, allow_private: bool) -> str:
    """The first address that the hooks' rule allows."""
    for address in addresses:
        if allow_private or is_public(address):
            return address
    named = addresses[0] if addresses[0] == host else f"{host} is {addresses[0]}, which"
    raise Unreachable(
        f"is refused: {named} is not an address of the open internet",
        "if it is your own, set OFFHOOK_ALLOW_PRIVATE_URLS=true (serve --dev does)",
    )


async def _connected(
    host: str, address: str, port: int, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(address, port, ssl=tls, server_hostname=host if tls is not None else None)
    except TimeoutError:
        raise Unreachable(f"gives no connection within {CONNECT_S:g} s ({address} port {port})", _HOSTS_REMEDY) from None
    except ssl.SSLCertVerificationError as error:
        raise _mistrusted(host, error) from None
    except ssl.SSLError as error:
        remedy = "begin the URL with http:// if it does not, or look at the TLS settings there"
        raise Unreachable(f"does not speak TLS as we do ({error.reason or error})", remedy) from None
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise Unreachable(f"gives no connection: {why} ({address} port {port})", _HOSTS_REMEDY) from None


def _mistrusted(host: str, error: ssl.SSLCertVerificationError) -> Unreachable:
    fault = _CERTIFICATE_FAULTS.get(error.verify_code, f"is not valid: {error.verify_message}")
    if error.verify_code in {62, 64}:
        return Unreachable(f"has a certificate that {fault} than {host}", f"get a certificate for {host}, or correct the URL")
    if error.verify_code == 10:
        return Unreachable(f"has a certificate that {fault}", "renew it")
    remedy = "install one of a known authority with its intermediates, or add the authority to those of this machine"
    return Unreachable(f"has a certificate that {fault}", remedy)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: str) -> tuple[int, Mapping[str, str]]:
    try:
        async with asyncio.timeout(REPLY_S):
            writer.write(request.encode("utf-8"))
            await writer.drain()
            text = await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        remedy = "look at the application: calls wait 15 s at most"
        raise Unreachable(f"takes a connection, but does not reply within {REPLY_S:g} s", remedy) from None
    except (OSError, EOFError, asyncio.LimitOverrunError):
        raise Unreachable("takes a connection, but does not reply in HTTP", "correct scheme and port of the URL") from None
    found = _STATUS.match(text)
    if found is None:
        raise Unreachable("takes a connection, but does not reply in HTTP", "correct scheme and port of the URL")
    headers = http.client.parse_headers(io.BytesIO(text[found.end() :]))
    return int(found[1]), {name.lower(): value for name, value in headers.items()}


def _days_left(secured: ssl.SSLObject, clock: Clock) -> float:
    certificate = secured.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - clock.wall().timestamp()) / DAY_S
