"""A customer's web server on loopback, and hooks that talk to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from offhook.clock import Clock
from offhook.events import Event, HttpAttempted
from offhook.hooks import Hooks, HookSettings, MemoryShelf, Tokens
from offhook.ids import Ids
from offhook.records import Notification

ACCOUNT = "MA" + "A" * 18
TOKEN = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Seen:
    """A request as the customer's framework shows it."""

    method: str
    url: str
    path: str
    headers: Any
    form: dict[str, str]
    query: list[tuple[str, str]]
    body: bytes


@dataclass
class Customer:
    """Answers each path with what was put there."""

    port: int = 0
    requests: list[Seen] = field(default_factory=list)
    answers: dict[str, Callable[[Seen], Awaitable[web.StreamResponse]]] = field(default_factory=dict)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def on(self, path: str, text: str = "<Response/>", status: int = 200, delay_s: float = 0.0, **headers: str) -> None:
        async def answer(seen: Seen) -> web.Response:
            await asyncio.sleep(delay_s)
            return web.Response(text=text, status=status, headers={"Content-Type": "application/xml", **headers})

        self.answers[path] = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        # As frameworks behind a proxy do: scheme and Host header, then the target exactly as it came.
        url = f"http://{request.headers['Host']}{request.raw_path}"
        query = parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True)
        seen = Seen(request.method, url, request.path, request.headers, form, query, body)
        self.requests.append(seen)
        answer = self.answers.get(request.path)
        return await answer(seen) if answer is not None else web.Response(text="<Response/>", content_type="application/xml")


@dataclass
class World:
    """One test's surroundings."""

    customer: Customer
    hooks: Hooks
    shelf: MemoryShelf
    events: list[Event]

    @property
    def attempts(self) -> list[HttpAttempted]:
        return [event for event in self.events if isinstance(event, HttpAttempted)]

    async def fetch(self, url: str, method: str = "POST", **parameters: str) -> Any:
        return await self.hooks.fetch(
            auth_id=ACCOUNT, purpose="answer", url=url, method=method, parameters=parameters, observe=self.events.append
        )


@asynccontextmanager
async def _world(shelf: Any = None, tokens: Tokens | None = None, **settings: Any) -> AsyncIterator[World]:
    customer = Customer()
    runner = web.AppRunner(_application(customer), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    customer.port = runner.addresses[0][1]
    shelf = shelf if shelf is not None else MemoryShelf()
    hooks = Hooks(
        clock=Clock(),
        ids=Ids(),
        tokens=lambda auth_id: tokens or Tokens((TOKEN,), (TOKEN,)),
        shelf=shelf,
        settings=HookSettings(**{"allow_private": True, **settings}),
    )
    await hooks.start()
    try:
        yield World(customer, hooks, shelf, [])
    finally:
        await hooks.aclose()
        await runner.cleanup()
        left = [task for task in asyncio.all_tasks() if task.get_name().startswith(("fetch", "notif"))]
        assert not left, f"tasks left behind: {left}"


def _application(customer: Customer) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", customer.handle)
    return application


@pytest.fixture
def world() -> Callable[..., Any]:
    """Opens a customer and hooks: ``async with world() as w``. Checks at the end that nothing was left running."""
    return _world


@pytest.fixture
def raw_server() -> Callable[..., Any]:
    """Serves raw bytes: ``async with raw_server(handler) as port``, the handler gets reader and writer."""

    @asynccontextmanager
    async def opened(handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
        writers = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in writers:
                writer.close()
            await asyncio.sleep(0.01)

    return opened


@pytest.fixture
def dead_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def notification() -> Callable[..., Notification]:
    """Makes notifications, each with an id of its own."""
    ids = Ids()

    def make(url: str, call_uuid: str = "call", **fields: Any) -> Notification:
        usual: dict[str, Any] = {
            "id": ids.call_uuid(),
            "auth_id": ACCOUNT,
            "purpose": "hangup",
            "method": "POST",
            "parameters": {"CallUUID": call_uuid, "Event": "Hangup"},
            "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        }
        return Notification(url=url, call_uuid=call_uuid, **{**usual, **fields})

    return make


@pytest.fixture
def names() -> SimpleNamespace:
    """Who the account is."""
    return SimpleNamespace(account=ACCOUNT, token=TOKEN)
