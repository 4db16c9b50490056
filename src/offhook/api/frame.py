"""The way of a request: who asks, where, with what; and what becomes of errors."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from offhook.api import later, openapi
from offhook.api.context import Context, Desk
from offhook.api.errors import ApiError, busy, not_allowed, not_found
from offhook.api.limits import RateLimit
from offhook.api.reading import Ask, given, read
from offhook.api.recorded import RecordedFiles
from offhook.api.resources import ROUTES
from offhook.api.routes import Map, Place, Route
from offhook.metrics import Distribution
from offhook.printable import printable
from offhook.records import Notification
from offhook.store import StoreBusy

log = logging.getLogger(__name__)

BARE_PREFIX = "/v1/"
PREFIX = "/v1/Account/"
OPENAPI = "/v1/openapi.json"
LARGEST_BODY = 256 * 1024
METHODS = ("GET", "POST", "DELETE")
"""Others are refused everywhere; in figures they are one."""
_ENCODE = msgspec.json.Encoder().encode


class Api:
    """The REST API (reference ``api.md``)."""

    def __init__(self, desk: Desk, routes: Iterable[Route] = ROUTES) -> None:
        self._desk = desk
        self.map = Map(routes)
        self._bare = Map(route for route in self.map.routes if route.without_account)
        self._limit = RateLimit(desk.settings.requests, desk.clock)
        self._described: bytes | None = None
        self._telling: set[asyncio.Future[None]] = set()
        self.answered: Counter[tuple[str, ...]] = Counter()
        """Requests by route, method and status."""
        self.latency = Distribution()
        """How long they took, in s, by route and method."""

    def mount(self, app: web.Application) -> None:
        """Serve it as a part of an application."""
        RecordedFiles(self._desk).mount(app)  # their paths lie among those of the API
        app.router.add_route("*", PREFIX + r"{rest:[\s\S]*}", self.handle)
        for word in {route.segments[0] for route in self._bare.routes}:
            app.router.add_route("*", BARE_PREFIX + word + r"/{rest:[\s\S]*}", self.handle)
        app.router.add_get(OPENAPI, self._openapi)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request. Every body is an object with an ``api_id`` of its own."""
        api_id = self._desk.ids.call_uuid()
        auth_id, found = self._found(request.rel_url.raw_path)
        began = self._desk.clock.now()
        answer = await self._attempt(request, auth_id, found, api_id, {"X-Request-Id": api_id})
        self._note(request, found, answer.status, api_id, self._desk.clock.now() - began)
        return answer

    async def _attempt(
        self,
        request: web.Request,
        auth_id: str | None,
        found: tuple[Place, dict[str, str]] | None,
        api_id: str,
        headers: dict[str, str],
    ) -> web.Response:
        try:
            return await self._answer(request, auth_id, found, api_id, headers)
        except ApiError as error:
            return _refused(error, api_id, found, request.method, headers)
        except web.HTTPRequestEntityTooLarge:
            return _refused(_too_large(), api_id, found, request.method, headers)
        except StoreBusy as error:
            log.warning("request %s, %s %s, was refused: %s", api_id, request.method, request.path, error)
            return _refused(busy(), api_id, found, request.method, headers)
        except Exception:
            log.exception("request %s, %s %s, met a defect of ours", api_id, request.method, printable(request.path))
            return _refused(ApiError(500, "internal error"), api_id, found, request.method, headers)

    def _note(
        self, request: web.Request, found: tuple[Place, dict[str, str]] | None, status: int, api_id: str, took_s: float
    ) -> None:
        """Count it, and log it by its id: what changes something always, for those who ask later who did."""
        route = "/".join(found[0].segments) + "/" if found is not None and found[0].segments else "" if found else "none"
        method = request.method if request.method in METHODS else "other"
        self.answered[route, method, str(status)] += 1
        self.latency.note(took_s, route, method)
        level = logging.INFO if method in {"POST", "DELETE"} and status < 400 else logging.DEBUG
        if log.isEnabledFor(level):
            path = printable(request.path)
            log.log(level, "request %s: %s %s: %d in %.1f ms", api_id, method, path, status, 1000 * took_s)

    def _found(self, raw_path: str) -> tuple[str | None, tuple[Place, dict[str, str]] | None]:
        """The account of a path, if it has one, and what is at the rest of it."""
        # Neither one slash at the end nor two are a reason to redirect: that would make a POST a GET.
        if not raw_path.startswith(PREFIX):
            return None, self._bare.find(_segments(raw_path[len(BARE_PREFIX) :]))
        auth_id, *segments = _segments(raw_path[len(PREFIX) :])
        return auth_id, self.map.find(segments)

    async def _answer(
        self,
        request: web.Request,
        auth_id: str | None,
        found: tuple[Place, dict[str, str]] | None,
        api_id: str,
        headers: dict[str, str],
    ) -> web.Response:
        caller, account = await self._desk.accounts.admit(request.headers.get("Authorization", ""), auth_id)
        headers.update(self._limit.take(caller.auth_id))
        if found is None:
            raise not_found()
        place, path = found
        route = place.methods.get(request.method)
        if route is None:
            raise not_allowed(", ".join(sorted(place.methods)))
        parameters = await _parameters(request)
        context = Context(
            desk=self._desk,
            caller=caller,
            account=account,
            path=path,
            given=parameters,
            host=request.url.host or "localhost",
            api_id=api_id,
        )
        asked = read(route.asks, {**parameters, **path}, blank_is_absent=request.method == "GET")
        told_later = later.wanted(route.asks, parameters)
        if told_later is not None:
            result = await self._result(context, route, asked, api_id)
            await self._tell(later.notification(told_later, context, api_id, result))
            return _json(later.STATUS, later.SPAWNED, api_id, headers)
        answer = await route.handler(context, asked)
        if route.status == 204:
            return web.Response(status=204, headers=headers)
        return _json(route.status, answer, api_id, headers)

    async def _result(self, context: Context, route: Route, asked: Ask, api_id: str) -> bytes:
        """What a request comes to, as the body that would have answered it; 204 says nothing but the ``api_id``.

        Raises:
            ApiError: 5xx, nothing was done and it may be asked again.
            StoreBusy: likewise.
        """
        try:
            return _body(await route.handler(context, asked), api_id)
        except StoreBusy:
            raise
        except ApiError as error:
            if error.status >= 500:
                raise
            return _body({"error": error.text}, api_id)
        except Exception:
            log.exception("request %s, %s %s, met a defect of ours", api_id, route.method, route.path)
            return _body({"error": "internal error"}, api_id)

    async def _tell(self, notification: Notification) -> None:
        """Kept on return, as a rule: who asked does not wait for long, as what was asked for is done."""
        telling = asyncio.ensure_future(self._desk.notify(notification))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        done, _ = await asyncio.wait({telling}, timeout=later.KEPT_S)
        for each in done:
            each.result()

    async def _openapi(self, _request: web.Request) -> web.Response:
        if self._described is None:
            self._described = msgspec.json.encode(openapi.document(self.map.routes))
        return web.Response(body=self._described, content_type="application/json")


def _segments(raw_path: str) -> list[str]:
    return [unquote(part, errors="replace") for part in raw_path.rstrip("/").split("/")]


async def _parameters(request: web.Request) -> dict[str, Any]:
    if request.method == "GET":  # Its body means nothing (RFC 9110 section 9.3.1).
        return given(request.rel_url.raw_query_string, b"", "")
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    body = await request.read()
    if len(body) > LARGEST_BODY:
        raise _too_large()
    content_type = request.content_type if "Content-Type" in request.headers else ""
    return given(request.rel_url.raw_query_string, body, content_type.lower())


def _too_large() -> ApiError:
    return ApiError(413, f"the body is larger than {LARGEST_BODY // 1024} KiB")


def _body(answer: msgspec.Struct | Mapping[str, Any], api_id: str) -> bytes:
    """The ``api_id`` goes in front of what the answer's own type says."""
    body = _ENCODE(answer)
    rest = b"}" if body == b"{}" else b"," + body[1:]
    return b'{"api_id":"' + api_id.encode() + b'"' + rest


def _json(status: int, answer: msgspec.Struct | Mapping[str, Any], api_id: str, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=_body(answer, api_id), content_type="application/json", headers=headers)


def _refused(
    error: ApiError, api_id: str, found: tuple[Place, dict[str, str]] | None, method: str, headers: Mapping[str, str]
) -> web.Response:
    body: dict[str, Any] = {"error": error.text}
    place = found[0] if found is not None else None
    if place is not None and method in place.methods and place.methods[method].is_list:
        body["objects"] = []
    return _json(error.status, body, api_id, {**headers, **error.headers})
