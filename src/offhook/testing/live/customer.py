"""A customer's web server, in a thread of its own: says what it was told to, remembers what it was asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

LOOPBACK = "127.0.0.1"


@dataclass
class Reply:
    """What the customer's server says to one request."""

    body: bytes | str = b""
    status: int = 200
    content_type: str | None = "application/xml"
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request that the customer's server got."""

    path: str
    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    at: float
    url: str = ""
    """All of it, as the request asks for it: what is signed."""
    form: Mapping[str, str] = field(default_factory=dict)
    """Of a POST, decoded."""
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]


def document(*elements: str) -> Reply:
    """A reply with these elements in a Response."""
    return Reply(f"<Response>{''.join(elements)}</Response>")


async def _all_ended(loop: asyncio.AbstractEventLoop) -> None:
    """Replies that hang are not waited for."""
    left = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class Customer:
    """An HTTP server in a thread of its own: says what it was told to, remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._earlier: set[str] = set()
        """CallUUIDs from before the last ``forget``: what still comes of them is answered and not kept."""
        self._replies: dict[str, list[Reply | Callable[[Seen], Reply]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self.port = 0
        self._thread.start()
        assert self._ready.wait(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.run_until_complete(_all_ended(self._loop))
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.port = self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        form = {name: str(value) for name, value in (await request.post()).items()}
        url = f"http://{request.headers['Host']}{request.raw_path}"
        parameters = dict(request.query) | form
        seen = Seen(request.path, request.method, parameters, dict(request.headers), time.monotonic(), url, form, body)
        if seen.parameters.get("CallUUID") not in self._earlier:
            self.seen.append(seen)
        script = self._replies.get(request.path)
        reply = Reply(b"", 404, "text/plain") if script is None else script.pop(0) if len(script) > 1 else script[0]
        if not isinstance(reply, Reply):
            reply = reply(seen)
        await asyncio.sleep(reply.delay_s)
        said = reply.body.encode() if isinstance(reply.body, str) else reply.body
        headers = dict(reply.headers) | ({"Content-Type": reply.content_type} if reply.content_type else {})
        return web.Response(body=said, status=reply.status, headers=headers)

    def says(self, path: str, *replies: Reply | Callable[[Seen], Reply]) -> None:
        """Answer requests of a path with these, one after another; the last one stays."""
        self._replies[path] = list(replies)

    def url(self, path: str) -> str:
        """The absolute URL of a path."""
        return f"http://{LOOPBACK}:{self.port}{path}"

    def requests(self, path: str) -> list[Seen]:
        """What was asked of a path so far."""
        return [each for each in self.seen if each.path == path]

    def wait_for(self, path: str, *, count: int = 1, timeout_s: float = 10.0) -> list[Seen]:
        """Wait until a path was asked that often."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.requests(path)) < count:
            assert time.monotonic() < deadline, (
                f"{path} was asked {len(found)} times, not {count}; seen: {[s.path for s in self.seen]}"
            )
            time.sleep(0.01)
        return found

    def forget(self) -> None:
        """Start anew: nothing seen, nothing to say but a 200 to the hangup request. Calls that were seen before are over."""
        self._earlier.update(each.parameters["CallUUID"] for each in self.seen if "CallUUID" in each.parameters)
        self.seen.clear()
        self._replies.clear()
        self.says("/hangup", Reply(b"", content_type="text/plain"))

    def close(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
