"""The web server of ``offhook bench calls``: answers from memory and counts."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from offhook.cli.bench.calls_load import DOCUMENT


async def _main() -> None:
    hangups = 0

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=DOCUMENT, content_type="application/xml")

    async def hangup(request: web.Request) -> web.Response:
        nonlocal hangups
        await request.read()
        hangups += 1
        return web.Response()

    app = web.Application()
    app.router.add_post("/answer", answer)
    app.router.add_post("/hangup", hangup)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print("port", runner.addresses[0][1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print("hangups", hangups, flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
