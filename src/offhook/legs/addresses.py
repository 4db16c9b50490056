"""Calls to a SIP address, and on to where that sends us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from offhook.events import Noted, Observe
from offhook.legs.contacts import first_answered
from offhook.legs.outgoing import NotAnswered, OutgoingLeg
from offhook.legs.placing import dialling
from offhook.media import Media
from offhook.sip import Credentials, Stack, Uri

MAX_REDIRECTS = 5


@asynccontextmanager
async def dialling_address(
    stack: Stack,
    media: Media,
    target: Uri,
    *,
    ringing: Callable[[], None],
    early: Callable[[OutgoingLeg], None],
    credentials: Credentials | None = None,
    observe: Observe | None = None,
    **more: Any,
) -> AsyncIterator[OutgoingLeg]:
    """Call an address and own the leg that is answered there, or where it redirects us to (RFC 3261 section 8.1.3.4).

    The preferred contact is tried first, each once, at most five in all. Whoever we are sent to does not get our credentials
    unless it is on the same host.

    Args:
        ringing, early: as of ``first_answered``, for each that is tried.
        more: see ``dialling``.

    Raises:
        NotAnswered: nobody did; the last refusal.
        NoMedia: there is no port, no descriptor or no time for another leg.
    """
    waiting, tried = [target], [target]
    while True:
        at = waiting.pop(0)
        known = credentials if at.host == target.host else None
        async with AsyncExitStack() as opened:
            leg = await opened.enter_async_context(dialling(stack, media, at, credentials=known, observe=observe, **more))
            try:
                await first_answered([leg], ringing, early)
            except NotAnswered as refused:
                failure = refused  # taken up out here, lest the scopes of the leg wrap it
            else:
                yield leg
                return
        new = [each for each in failure.contacts if each not in tried][: MAX_REDIRECTS + 1 - len(tried)]
        waiting, tried = [*new, *waiting], [*tried, *new]
        if not waiting:
            raise failure
        if observe is not None:
            observe(Noted(f"{failure.status}: the call is tried at {waiting[0]}"))
