"""The API as an OpenAPI 3.1 document, made from the routes and the types that they ask and answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from offhook import __version__
from offhook.api.later import STATUS, Later, Spawned, takes_callback
from offhook.api.routes import BARE_BASE, BASE, Route

_REFERENCE = "#/components/schemas/{name}"
_OPEN = re.compile(r"\{(\w+)\}")
_MEANINGS = {
    "400": "A parameter is missing or wrong.",
    "401": "The credentials are wrong, or not for this account.",
    "403": "Not permitted.",
    "404": "There is no such thing, or it is somebody else's.",
    "405": "Nothing of the kind can be done at this path.",
    "409": "It cannot be done as things stand.",
    "413": "The body is too large.",
    "429": "Too many requests.",
    "503": "Not now; nothing was done.",
}


class Error(msgspec.Struct):
    """Why a request was refused."""

    api_id: str
    error: str
    objects: list[None] | None = None
    """Empty; of lists."""


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document."""
    routes = tuple(routes)
    kinds: dict[type, None] = dict.fromkeys([Error, Later, Spawned])
    for route in routes:
        kinds |= dict.fromkeys([route.asks, *(route.kinds if route.status != 204 else ())])
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = _operation(route, BASE, components)
        if route.without_account:
            paths.setdefault(BARE_BASE + route.path, {})[route.method.lower()] = _operation(route, BARE_BASE, components)
    asked = {Later.__name__, *(route.asks.__name__ for route in routes)}
    used = {name: schema for name, schema in components.items() if name not in asked}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Offhook", "version": __version__, "description": "The voice API of an Offhook node."},
        "security": [{"basic": []}],
        "paths": paths,
        "components": {"schemas": used, "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}},
    }


def _operation(route: Route, base: str, components: dict[str, Any]) -> dict[str, Any]:
    asked = components[route.asks.__name__]
    open_places = _OPEN.findall(base + route.path)
    fields = {name: schema for name, schema in asked.get("properties", {}).items() if name not in open_places}
    if takes_callback(route.asks):
        fields |= components[Later.__name__]["properties"]
    required = [name for name in asked.get("required", []) if name in fields]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in open_places
    ]
    operation: dict[str, Any] = {
        "operationId": _name(route, base),
        "summary": route.about,
        "tags": [route.segments[0] if route.segments else "Account"],
        "parameters": parameters,
        "responses": _responses(route),
    }
    if route.method == "POST":
        schema = {"type": "object", "properties": fields, "required": required}
        operation["requestBody"] = {"required": bool(required), "content": {"application/json": {"schema": schema}}}
    else:
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema} for name, schema in fields.items()
        ]
    return operation


def _name(route: Route, base: str) -> str:
    words = [part.strip("{}") for part in route.segments or ("Account",)]
    return "_".join([route.method.lower(), *words, *(["own"] if base == BARE_BASE else [])])


def _responses(route: Route) -> dict[str, Any]:
    refusal = {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Error")}}}
    responses: dict[str, Any] = {status: {"description": meaning, "content": refusal} for status, meaning in _MEANINGS.items()}
    kinds: tuple[type, ...] = route.kinds
    if takes_callback(route.asks):
        kinds = (*kinds, Spawned) if route.status == STATUS else kinds
        responses[str(STATUS)] = _answered("The result is sent to `callback_url`.", (Spawned,))
    responses[str(route.status)] = {"description": "Done."} if route.status == 204 else _answered("Done.", kinds)
    return {status: {**response, "headers": _headers(status)} for status, response in responses.items()}


def _headers(status: str) -> dict[str, Any]:
    """The fields that every response has, and those that come with some."""
    told: dict[str, Any] = {
        "X-Request-Id": {"description": "The `api_id`.", "required": True, "schema": {"type": "string", "format": "uuid"}},
        "RateLimit-Policy": {"description": "How much may be asked.", "schema": {"type": "string"}},
        "RateLimit": {"description": "How much of it is left, and for how long.", "schema": {"type": "string"}},
    }
    if status == "429":
        seconds = {"type": "integer", "minimum": 1}
        told["Retry-After"] = {"description": "Seconds.", "required": True, "schema": seconds}
    return told


def _answered(description: str, kinds: tuple[type, ...]) -> dict[str, Any]:
    named = {"type": "object", "properties": {"api_id": {"type": "string", "format": "uuid"}}, "required": ["api_id"]}
    answers = [{"$ref": _REFERENCE.format(name=each.__name__)} for each in kinds]
    schema = {"allOf": [named, answers[0] if len(answers) == 1 else {"anyOf": answers}]}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
