"""The load of ``offhook bench bridge``: bridged calls over a node, both ends of each in this process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from offhook.cli.bench.bridge_lines import HOST, STEP_MS, Talk
from offhook.cli.bench.calls_load import a_node, ready
from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import IncomingInvite, NameAddr, Stack

PULSE_S = 0.002
SETTLE_S = 1.0
"""Of each call, before its frames count: playout settles."""
AFTER_S = 0.5
"""Between the last frame and the hanging up: all of it arrives."""
FIRST_NUMBER = 14_155_550_000


@dataclass
class BridgeResult:
    """What was measured."""

    talks: list[Talk]
    seconds: float

    @property
    def failed(self) -> list[str]:
        """Why calls failed, one line each."""
        return [f"{talk.number}: {talk.failed}" for talk in self.talks if talk.failed]

    def delay_ms(self, share: float) -> float:
        """In so long that share of all frames had come through, ms: what the node adds from mouth to ear."""
        counts = [sum(column) for column in zip(*(line.delays for talk in self.talks for line in talk.lines), strict=True)]
        wanted, seen = share * sum(counts), 0
        for step, count in enumerate(counts):
            seen += count
            if count and seen >= wanted:
                return (step + 0.5) * STEP_MS
        return float("nan")

    @property
    def frames(self) -> tuple[int, int, int]:
        """Sent, heard at the other end, heard there twice."""
        lines = [line for talk in self.talks for line in talk.lines]
        return sum(line.sent for line in lines), sum(line.heard for line in lines), sum(line.twice for line in lines)

    def as_json(self) -> dict[str, Any]:
        """The figures by name."""
        sent, heard, twice = self.frames
        return {
            "calls": len(self.talks),
            "seconds": self.seconds,
            "failed": len(self.failed),
            "added_delay_ms": {
                name: round(self.delay_ms(share), 2) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            },
            "frames_sent": sent,
            "frames_heard": heard,
            "frames_twice": twice,
        }


async def measure(calls: int, seconds: float) -> BridgeResult:
    """Start a node and a customer's server, and let so many calls talk for so long.

    Raises:
        BenchFailed: the node did not start.
    """
    async with AsyncExitStack() as opened:
        stack, talks = await opened.enter_async_context(a_switchboard(calls))
        customer = await opened.enter_async_context(_customer(stack.port))
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="offhook-bench-"))
        node = await opened.enter_async_context(a_node(folder, customer))
        return await bridge(stack, talks, await ready(node), seconds=seconds)


@asynccontextmanager
async def _customer(port: int) -> AsyncIterator[str]:
    """A web server whose document calls the other phone; its URL."""

    async def answer(request: web.Request) -> web.Response:
        number = str((await request.post()).get("To", ""))
        return web.Response(text=document(number, port), content_type="application/xml")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def document(number: str, port: int) -> str:
    """What the customer's server has to say to a call of ours."""
    return f"<Response><Dial><User>sip:{number}@{HOST}:{port}</User></Dial></Response>"


@asynccontextmanager
async def a_switchboard(calls: int) -> AsyncIterator[tuple[Stack, list[Talk]]]:
    """The phones of so many calls, behind one SIP port; their packets are spread over the 20 ms."""
    talks = [Talk(str(FIRST_NUMBER + i), 0.02 * i / calls) for i in range(calls)]
    called = {talk.number: talk for talk in talks}

    def arrived(invite: IncomingInvite) -> None:
        talk = called.get(invite.request.uri.user or "")
        if talk is None:
            invite.refuse(404)
        else:
            talk.take(invite)

    stack = Stack(host=HOST, port=0, ids=Ids(), clock=Clock(), on_invite=arrived, user_agent="Offhook bench")
    await stack.start()
    try:
        yield stack, talks
    finally:
        for talk in talks:
            for line in talk.lines:
                line.close()
        await stack.aclose()


async def bridge(stack: Stack, talks: Sequence[Talk], node: str, *, seconds: float, rate: float = 10.0) -> BridgeResult:
    """Let all of them talk for so long at once, and hang up.

    Args:
        node: ``host:port`` of its SIP.
        rate: how many calls a second are begun.
    """
    caller = NameAddr.parse(f"<sip:{FIRST_NUMBER}@{HOST}>")
    sending = asyncio.create_task(_send(talks), name="frames")
    try:
        placing = []
        for talk in talks:
            placing.append(asyncio.create_task(talk.place(stack, f"sip:{talk.number}@{node}", caller)))
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*placing)
        await asyncio.sleep(SETTLE_S)
        for talk in talks:
            for line in talk.lines:
                line.count_anew()
        await asyncio.sleep(seconds)
        for talk in talks:
            for line in talk.lines:
                line.stop()
        await asyncio.sleep(AFTER_S)
        for talk in talks:
            talk.hang_up()
        for _ in range(250):
            if not stack.dialogs and not stack.awaiting_answers:
                break
            await asyncio.sleep(0.02)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return BridgeResult(list(talks), seconds)


async def _send(talks: Sequence[Talk]) -> None:
    loop = asyncio.get_running_loop()
    lines = [line for talk in talks for line in talk.lines]
    while True:
        now = loop.time()
        for line in lines:
            line.send_due(now)
        await asyncio.sleep(PULSE_S)
