"""The HTTP server of a node."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from offhook.errors import SettingsError
from offhook.settings import HostPort

log = logging.getLogger(__name__)

_NOT_STORED = {"Cache-Control": "no-store"}

LONGEST_LINE = 64 * 1024
"""Octets of a request's first line: filters and URLs of all lengths that they may have, encoded, fit into a query."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it is our defect. aiohttp logs a traceback for each request that is no HTTP: strangers would fill the disk."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


log.addFilter(_is_ours)


class HttpServer:
    """Serves ``/healthz`` (the process runs), ``/readyz`` (it takes calls; 503 and the reasons when not), and what others add.

    Args:
        ready: what is wrong with what calls need, by its name; empty texts where nothing is.
        routes: GET handlers of others, by path.
        mounts: add what others serve.
        tls: with it, HTTPS is spoken instead of HTTP.
    """

    def __init__(
        self,
        address: HostPort,
        *,
        ready: Callable[[], Awaitable[Mapping[str, str]]],
        routes: Mapping[str, Handler] | None = None,
        mounts: Sequence[Callable[[web.Application], None]] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._ready = ready
        self._routes = routes or {}
        self._mounts = mounts
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self.port = address.port
        """The port that is served, once started; of interest where the setting says 0."""

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the address is taken or not ours.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        for path, handler in self._routes.items():
            app.router.add_get(path, handler)
        for mount in self._mounts:
            mount(app)
        self._runner = web.AppRunner(app, access_log=None, max_line_size=LONGEST_LINE, logger=log)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address.host, self._address.port, ssl_context=self._tls)
        try:
            await site.start()
        except OSError as error:
            await self.aclose()
            raise SettingsError(
                f"HTTP cannot listen on {self._address} ({error.strerror}); is another program there? "
                "Set OFFHOOK_HTTP to another host:port"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Stop listening; requests that run are finished."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers=_NOT_STORED)

    async def _readyz(self, _request: web.Request) -> web.Response:
        checks = await self._ready()
        ready = not any(checks.values())
        shown = {name: trouble or "ok" for name, trouble in checks.items()}
        status = "ready" if ready else "not ready"
        return web.json_response({"status": status, "checks": shown}, status=200 if ready else 503, headers=_NOT_STORED)
