"""Caller IDs that were proved by a code (reference ``api.md`` section 11): a node proves none.

Which numbers calls may come from is for their trunks to say; nothing here has to be proved to us.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from offhook.api.context import Context, Done, Meta, Nothing
from offhook.api.errors import ApiError, not_found
from offhook.api.reading import Ask, Line, Paged
from offhook.api.routes import Route


class CallerId(msgspec.Struct):
    """A number that was proved."""

    phone_number: str
    alias: str | None
    country: str | None
    subaccount: str | None
    verification_uuid: str
    created_at: str
    modified_at: str | None


class CallerIdList(msgspec.Struct):
    """Numbers that were proved."""

    meta: Meta
    objects: list[CallerId]


class ListCallerIds(Paged):
    """Which numbers are wanted."""

    country: Line | None = None
    subaccount: Line | None = None
    alias: Line | None = None


class ProveCallerId(Ask):
    """A number to prove."""

    phone_number: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    channel: Literal["sms", "call"] = "sms"
    alias: Line | None = None
    subaccount: Line | None = None


class ChangeCallerId(Ask):
    """What of a proved number can be changed."""

    alias: Line | None = None
    subaccount: Line | None = None


class SayCode(Ask):
    """The code that was sent to the number."""

    otp: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


async def list_(context: Context, ask: ListCallerIds) -> CallerIdList:
    """Numbers that were proved: none, a node proves none."""
    await context.owner(ask.subaccount)
    return CallerIdList(context.meta(ask, 0, "VerifiedCallerId"), [])


async def prove(context: Context, ask: ProveCallerId) -> Done:
    """Refused: no number has to be proved, which ones calls may come from is for their trunks to say."""
    await context.owner(ask.subaccount)
    raise ApiError(400, "this node verifies no caller IDs: which ones calls may have is for their trunks to say")


async def say_code(_context: Context, _ask: SayCode) -> Done:
    """Not found: no code was sent."""
    raise not_found("verification")


async def get(_context: Context, _ask: Ask) -> CallerId:
    """Not found: no number was proved."""
    raise not_found("caller ID")


async def change(_context: Context, _ask: ChangeCallerId) -> CallerId:
    """Not found: no number was proved."""
    raise not_found("caller ID")


async def remove(_context: Context, _ask: Ask) -> Nothing:
    """Not found: no number was proved."""
    raise not_found("caller ID")


_ALL = "VerifiedCallerId/"
_ONE = _ALL + "{phone_number}/"
ROUTES = (
    Route(method="GET", path=_ALL, asks=ListCallerIds, answers=CallerIdList, handler=list_, is_list=True),
    Route(method="POST", path=_ALL, asks=ProveCallerId, answers=Done, handler=prove),
    Route(method="POST", path=_ALL + "Verification/{verification_uuid}/", asks=SayCode, answers=Done, handler=say_code),
    Route(method="GET", path=_ONE, asks=Ask, answers=CallerId, handler=get),
    Route(method="POST", path=_ONE, asks=ChangeCallerId, answers=CallerId, handler=change, status=202),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Nothing, handler=remove, status=204),
)
