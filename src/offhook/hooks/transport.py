"""One HTTP request and its reply, with every way it can go wrong named."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from offhook.hooks.guard import Connecting, RefusedAddress, connecting, guarded_connector
from offhook.hooks.outgoing import Outgoing
from offhook.hooks.policy import Policy, Trouble

_DRAINED_OCTETS = 65536
"""How much of a reply that nobody wants is read to keep its connection. A longer one costs the connection."""
_STALE_CONNECTIONS = 4
"""How many kept connections may turn out dead before that counts as a failure."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply, or its beginning up to the limit."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    truncated: bool = False
    """There was more than the limit."""


@dataclass(eq=False)
class AttemptFailed(Exception):
    """No reply, or only a part of one."""

    reason: str
    """As in ``errors.HookFailed.reason``."""
    detail: str
    trouble: Trouble | None
    """``None``: another attempt is pointless."""
    status: int | None = None
    partial: bool = False
    """A part of the reply had arrived."""


class Transport:
    """The one HTTP client of a node: connections are kept and shared, cookies are not, proxies of the environment are ignored."""

    def __init__(self, *, allow_private: bool, verify_tls: bool) -> None:
        """Make it inside a running loop."""
        self._session = aiohttp.ClientSession(
            connector=guarded_connector(allow_private=allow_private, verify_tls=verify_tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            trust_env=False,
        )

    async def send(self, outgoing: Outgoing, policy: Policy, *, limit: int | None) -> Answer:
        """Send it once; redirects are not followed.

        Args:
            outgoing: the request.
            policy: only its connect and read times count here.
            limit: octets of the body that are kept, one more than that marks it as truncated; ``None``: the body is not wanted.

        Raises:
            AttemptFailed: there is no whole reply.
        """
        for _ in range(_STALE_CONNECTIONS):
            about = Connecting()
            reset = connecting.set(about)
            try:
                return await self._send(outgoing, policy, limit)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                # A kept connection that the server closed while our request was under way: it never saw the request.
                if about.fresh or isinstance(error, aiohttp.ClientConnectorError):
                    raise _explained(error, about) from None
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                raise _explained(error, about) from None
            finally:
                connecting.reset(reset)
        raise AttemptFailed("broken", "the server closes its connections", Trouble.READ)

    async def _send(self, outgoing: Outgoing, policy: Policy, limit: int | None) -> Answer:
        timeout = aiohttp.ClientTimeout(total=None, connect=policy.connect_s, sock_read=policy.read_s, ceil_threshold=3600)
        response = await self._session.request(
            outgoing.method,
            URL(outgoing.url, encoded=True),
            data=outgoing.body,
            headers=outgoing.headers,
            allow_redirects=False,
            timeout=timeout,
        )
        try:
            wanted = _DRAINED_OCTETS if limit is None else limit
            body, truncated = await _read(response.content, wanted)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            response.close()
            reason = "read-timeout" if isinstance(error, TimeoutError) else "broken"
            detail = "the reply stopped in the middle"
            raise AttemptFailed(reason, detail, Trouble.READ, response.status, partial=True) from None
        except asyncio.CancelledError:
            response.close()
            raise
        if truncated:
            response.close()
        else:
            response.release()
        return Answer(response.status, response.headers, b"" if limit is None else body, truncated)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _read(content: aiohttp.StreamReader, limit: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = 0
    while part := await content.readany():
        parts.append(part)
        size += len(part)
        if size > limit:
            return b"".join(parts)[: limit + 1], True
    return (parts[0] if len(parts) == 1 else b"".join(parts)), False


def _explained(error: Exception, about: Connecting) -> AttemptFailed:
    """Which of our words an exception of the client means."""
    if about.refused is not None and isinstance(error, aiohttp.ClientConnectorError | RefusedAddress):
        return AttemptFailed("refused-address", f"{about.refused} is not a public address", None)
    if isinstance(error, aiohttp.InvalidURL):
        return AttemptFailed("refused-address", _brief(error), None)  # "0x7f.1" and the like: no name, and no proper address
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return AttemptFailed("connect-timeout", "no connection in time", Trouble.CONNECT)
    if isinstance(error, aiohttp.SocketTimeoutError | TimeoutError):
        return AttemptFailed("read-timeout", "no reply in time", Trouble.READ)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return AttemptFailed(
            "connect", "the server's certificate is not valid: " + _brief(error.certificate_error), Trouble.OTHER
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return AttemptFailed("connect", "the host name is not known", Trouble.CONNECT)
    if isinstance(error, aiohttp.ClientConnectorError):
        return AttemptFailed("connect", _brief(error.os_error), Trouble.CONNECT)
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return AttemptFailed("broken", "the server closed the connection without a reply", Trouble.READ)
    return AttemptFailed("broken", f"not an HTTP reply: {_brief(error)}", Trouble.OTHER, partial=True)


def _brief(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
