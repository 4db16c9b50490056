"""Calls to an endpoint: all its devices ring, and the first that is answered has the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from offhook import causes
from offhook.events import Observe
from offhook.ids import Ids
from offhook.legs.offer_answer import Terms
from offhook.legs.outgoing import NotAnswered, OutgoingLeg
from offhook.legs.placing import ANY_TERMS, dialling
from offhook.media import Media
from offhook.sip import NameAddr, Reach, Stack

_DECISIVE = frozenset({600, 603, 607, 608})
"""Refusals for all devices of a user (RFC 3261 section 21.6): nobody else need ring."""


@asynccontextmanager
async def dialling_endpoint(
    stack: Stack,
    media: Media,
    devices: Sequence[Reach],
    *,
    ids: Ids,
    caller: NameAddr,
    headers: Sequence[tuple[str, str]] = (),
    observe: Observe | None = None,
    terms: Terms = ANY_TERMS,
    ringing: Callable[[], None] = lambda: None,
    early: Callable[[OutgoingLeg], None] = lambda _leg: None,
) -> AsyncIterator[OutgoingLeg]:
    """Ring all devices of an endpoint and own the leg that is answered; it is hung up and freed at the end of the block.

    The others are cancelled as soon as one has answered. How long they ring is for the caller to limit.

    Args:
        devices: where it is registered.
        ringing: called once, when the first of them rings.
        early: called once, with the first of them that sends early media.

    Raises:
        NotAnswered: nobody did: the most telling of the refusals (a person's before a network's); or there is no device.
        NoMedia: there is no port, no descriptor or no time for another leg.
    """
    if not devices:
        raise NotAnswered(causes.OFFLINE, None, "the endpoint is not registered")
    async with AsyncExitStack() as opened:
        legs = [
            await opened.enter_async_context(
                dialling(
                    *(stack, media, each.target),
                    ids=ids,
                    caller=caller,
                    headers=headers,
                    observe=observe,
                    terms=terms,
                    route=each.route,
                    flow=each.flow,
                )
            )
            for each in devices
        ]
        try:
            winner = await first_answered(legs, ringing, early)
        except NotAnswered as refused:
            failure = refused
        else:
            for leg in legs:
                if leg is not winner:
                    leg.release(causes.API_CANCEL)
            yield winner
            return
    raise failure  # out here, lest the scopes of the legs wrap it


async def first_answered(
    legs: Sequence[OutgoingLeg], ringing: Callable[[], None], early: Callable[[OutgoingLeg], None]
) -> OutgoingLeg:
    """The leg that is answered first; ``ringing`` and ``early`` as of ``dialling_endpoint``.

    Raises:
        NotAnswered: none is.
    """
    answers: dict[asyncio.Future[Any], OutgoingLeg] = {asyncio.ensure_future(leg.wait_answered()): leg for leg in legs}
    bells: list[asyncio.Future[Any]] = [asyncio.ensure_future(leg.rang.wait()) for leg in legs]
    sounds: dict[asyncio.Future[Any], OutgoingLeg] = {asyncio.ensure_future(leg.early_media.wait()): leg for leg in legs}
    waiting = {*answers, *bells, *sounds}
    refusals: list[NotAnswered] = []
    rang = heard = False
    try:
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not rang and any(bell in done for bell in bells):
                rang = True
                ringing()
            sounding = [leg for sound, leg in sounds.items() if sound in done]
            if sounding and not heard:
                heard = True
                early(sounding[0])
            for each in [each for each in answers if each in done]:
                error = each.exception()
                if error is None:
                    return answers[each]
                if not isinstance(error, NotAnswered):
                    raise error
                refusals.append(error)
            if len(refusals) == len(legs) or any(each.status in _DECISIVE for each in refusals):
                raise min(refusals, key=_telling)
    finally:
        for each in (*answers, *bells, *sounds):
            each.cancel()
        await asyncio.gather(*answers, *bells, *sounds, return_exceptions=True)


def _telling(refusal: NotAnswered) -> tuple[int, int]:
    """Of several refusals the lowest tells most: what a person decided, then busy, then other statuses, then no answer at all."""
    status = refusal.status
    if status is None:
        return 3, 0
    return (0 if status in _DECISIVE else 1 if status == 486 else 2), status
