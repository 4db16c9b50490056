"""The customer's web server, scripted: pages, delays and failures; and the hooks that ask it, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from offhook.errors import HookFailed, InvalidUrl
from offhook.events import HttpAttempted, NotificationQueued, Observe
from offhook.records import Notification

XML_LIMIT_BYTES = 102_400
FETCH_LIMIT_S = 15.0
"""Of an attempt at a document (reference ``callbacks.md`` section 2.2); after two attempts it counts as not reached."""
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the customer's server got."""

    purpose: str
    method: str
    url: str
    """Without its fragment, which never goes on the wire."""
    parameters: Mapping[str, str]
    at_s: float
    """Loop time."""
    fragment: str = ""
    auth_id: str = ""
    """Whose token signs it."""

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]


@dataclass(frozen=True, slots=True)
class Page:
    """What the server says to a request."""

    body: str | bytes = b""
    status: int = 200
    content_type: str | None = "application/xml"
    takes_s: float = 0.0
    fails: str = ""
    """A reason of ``HookFailed`` (``connect``, ``read-timeout``, …): no reply at all, after ``takes_s``."""
    moved_to: str | None = None
    """The reply comes from there, after a redirect."""


Says = str | bytes | Page | Callable[[Asked], "str | bytes | Page"]
"""A page, its XML (wrapped in ``Response`` where it has no root), or what makes it from the request."""


def document(elements: str) -> str:
    """Elements as a whole document; a text that is one already stays as it is."""
    return elements if elements.lstrip().startswith(("<Response", "<?xml")) else f"<Response>{elements}</Response>"


@dataclass
class Customer:
    """Serves pages by URL and remembers who asked; it is the ``Hooks`` of a world.

    Text is wrapped in ``Response`` where it needs that; bytes are served as they are. A row of pages is served one a request,
    the last one for ever. Fetches fail as the real ones do: non-2xx, empty, slower than 15 s, not reached.
    """

    pages: dict[str, Says | Sequence[Says]] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    """Everything asked, in the order of arrival: documents and notifications."""
    receiving_takes_s: float = 0.0
    """How long each notification takes."""
    cannot_be_notified: bool = False
    """Nothing can be queued: the outbox is broken."""
    _served: dict[str, int] = field(default_factory=dict)
    _lines: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def asked(self, purpose: str) -> list[Asked]:
        """The requests of one purpose: ``answer``, ``fallback``, ``action``, ``redirect``, ``hangup``, …"""
        return [request for request in self.requests if request.purpose == purpose]

    # -- calls.Hooks -----------------------------------------------------------------------------------------------

    async def fetch(
        self, *, auth_id: str, purpose: str, url: str, method: str, parameters: Mapping[str, str], observe: Observe
    ) -> Served:
        """Ask for a document. Raises ``HookFailed`` or ``InvalidUrl``."""
        asked = _asked(auth_id, purpose, method, url, parameters)
        if urlsplit(url).scheme not in {"http", "https"}:
            raise InvalidUrl(url)
        self.requests.append(asked)
        page = self._page(asked)
        began = asyncio.get_running_loop().time()
        try:
            return await self._reply(asked, page)
        finally:
            took_ms = round((asyncio.get_running_loop().time() - began) * 1000)
            status = None if page.fails else page.status
            observe(HttpAttempted(purpose, method, asked.url, 1, took_ms, status, page.fails))

    async def notify(self, notification: Notification, observe: Observe) -> None:
        """Take a notification and deliver it in order."""
        if self.cannot_be_notified:
            raise OSError("the outbox is broken")
        self.deliver(notification, observe)

    def deliver(self, notification: Notification, observe: Observe) -> None:
        """Deliver it after the earlier ones of its call."""
        observe(NotificationQueued(notification.purpose, notification.url))
        before = self._lines.get(notification.call_uuid)
        task = asyncio.get_running_loop().create_task(self._receive(notification, before), name=f"notify {notification.purpose}")
        self._lines[notification.call_uuid] = task
        task.add_done_callback(lambda done: self._forget(notification.call_uuid, done))

    async def settled(self, call_uuid: str, timeout_s: float) -> None:
        """Wait for the notifications of a call."""
        line = self._lines.get(call_uuid)
        if line is not None:
            await asyncio.wait([line], timeout=timeout_s)
            self._lines.pop(call_uuid, None)

    # -- own -------------------------------------------------------------------------------------------------------

    def _page(self, asked: Asked) -> Page:
        says = self.pages.get(asked.url)
        if isinstance(says, Sequence) and not isinstance(says, (str, bytes)):
            turn = self._served.get(asked.url, 0)
            self._served[asked.url] = turn + 1
            says = says[min(turn, len(says) - 1)]
        if callable(says):
            says = says(asked)
        if says is None:
            return Page(status=404)
        return says if isinstance(says, Page) else Page(says)

    async def _reply(self, asked: Asked, page: Page) -> Served:
        if page.takes_s > FETCH_LIMIT_S and "rt=" not in asked.fragment:
            await asyncio.sleep(FETCH_LIMIT_S * ATTEMPTS)
            raise HookFailed(asked.url, "read-timeout", None, ATTEMPTS)
        await asyncio.sleep(page.takes_s)
        if page.fails:
            raise HookFailed(asked.url, page.fails, None, ATTEMPTS)
        if not 200 <= page.status < 300:
            raise HookFailed(asked.url, "status", page.status)
        body = document(page.body).encode() if isinstance(page.body, str) else page.body
        if not body:
            raise HookFailed(asked.url, "empty", page.status)
        return Served(page.moved_to or asked.url, page.content_type, body[: XML_LIMIT_BYTES + 1])

    async def _receive(self, notification: Notification, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self.receiving_takes_s:
            await asyncio.sleep(self.receiving_takes_s)
        what = notification
        self.requests.append(_asked(what.auth_id, what.purpose, what.method, what.url, what.parameters))

    def _forget(self, call_uuid: str, done: asyncio.Task[None]) -> None:
        if self._lines.get(call_uuid) is done:
            del self._lines[call_uuid]


@dataclass(frozen=True, slots=True)
class Served:
    """A document as it came."""

    url: str
    content_type: str | None
    body: bytes


def _asked(auth_id: str, purpose: str, method: str, url: str, parameters: Mapping[str, str]) -> Asked:
    bare, _, fragment = url.partition("#")
    return Asked(purpose, method, bare, dict(parameters), asyncio.get_running_loop().time(), fragment, auth_id)
