"""Requests whose results are told later: ``callback_url`` and ``callback_method`` (reference ``api.md`` section 1.5).

Such a request is carried out at once, like any other, but its answer does not say what came of it: that goes by the outbox of
the web hooks, signed, tried again and kept over a restart like every notification.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import msgspec

from offhook.api.context import Context
from offhook.api.reading import Ask, Method, Url, read
from offhook.records import Notification

PURPOSE = "api-result"
STATUS = 202
KEPT_S = 2.0
"""How long the answer waits for the result to be kept: clients give up after 5 s."""
LONGEST_QUERY = 6_000
"""Octets, encoded: servers as a rule refuse request lines of more than 8 KiB."""


class Later(Ask):
    """Where the result of a request is sent to, instead of being answered."""

    callback_url: Url | None = None
    callback_method: Method = "POST"


class Spawned(msgspec.Struct):
    """The request is well formed; what became of it is sent to ``callback_url``."""

    message: str


SPAWNED = Spawned("async api spawned")


@functools.cache
def takes_callback(asks: type[Ask]) -> bool:
    """Whether requests of a kind may be told later. Those that begin a recording have a ``callback_url`` of their own."""
    return all(each.encode_name != "callback_url" for each in msgspec.structs.fields(asks))


def wanted(asks: type[Ask], parameters: Mapping[str, Any]) -> Later | None:
    """Where to send the result; ``None``: it is the answer.

    Raises:
        ApiError: 400, it is no URL, or no method.
    """
    if not parameters.get("callback_url") or not takes_callback(asks):
        return None
    return read(Later, parameters)


def notification(later: Later, context: Context, api_id: str, result: bytes) -> Notification:
    """The result as a request to the customer's server.

    Args:
        result: a JSON object. It is the body of a POST; of a GET its members are the query, what is no text as JSON.
    """
    is_get = later.callback_method == "GET"
    return Notification(
        id=context.desk.ids.call_uuid(),
        auth_id=context.account.auth_id,
        call_uuid=api_id,
        purpose=PURPOSE,
        url=later.callback_url or "",
        method=later.callback_method,
        parameters=_flat(result) if is_get else {},
        created_at=context.desk.clock.wall(),
        body=None if is_get else result.decode("utf-8"),
    )


def _flat(result: bytes) -> dict[str, str]:
    """The result as texts; of one too long for a query, only what is simple, and ``left_out`` with the names of the rest."""
    members: dict[str, Any] = msgspec.json.decode(result)
    if len(quote_plus(result)) <= LONGEST_QUERY:
        return {name: _text(value) for name, value in members.items()}
    simple = {name: _text(value) for name, value in members.items() if not isinstance(value, dict | list)}
    return {**simple, "left_out": ",".join(name for name in members if name not in simple)}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode("utf-8")
