"""A SIP phone in this process: the project's own stack and media, towards a node in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from offhook.causes import Ending
from offhook.clock import Clock
from offhook.errors import LegGone
from offhook.ids import Ids
from offhook.legs import NotAnswered, OutgoingLeg, dialling
from offhook.media import Media
from offhook.sip import NameAddr, Stack, Uri

LOOPBACK = "127.0.0.1"
PORTS = (10_000, 12_998)
"""Under those that the system gives to others (from 32768 on)."""


class Phone:
    """A SIP phone in this process: Offhook's own stack and media, towards the node in the other process."""

    def __init__(self, stack: Stack, media: Media, ids: Ids) -> None:
        self.stack, self.media, self._ids = stack, media, ids

    @asynccontextmanager
    async def dial(self, target: str, caller: str = "sip:14155550100@phone.example", **more: Any) -> AsyncIterator[OutgoingLeg]:
        """Call somebody; hung up at the end of the block."""
        async with dialling(self.stack, self.media, target, ids=self._ids, caller=NameAddr(Uri.parse(caller)), **more) as leg:
            yield leg

    async def call(self, target: str, *, keys: str = "", limit_s: float = 20.0, **more: Any) -> Ending | NotAnswered:
        """Call, press keys, wait until the far end hangs up; returns how it ended, or why it was not answered."""
        async with self.dial(target, **more) as leg, asyncio.timeout(limit_s):
            try:
                await leg.wait_answered()
            except NotAnswered as refused:
                return refused
            with suppress(LegGone):
                await leg.send_digits(keys)
            return await leg.ended()


def call(target: str, *, keys: str = "", limit_s: float = 20.0, **more: Any) -> Ending | NotAnswered:
    """Make one call with a phone of its own, and wait for its end: how it ended, or why it was not answered."""

    async def story() -> Ending | NotAnswered:
        async with a_phone() as phone:
            return await phone.call(target, keys=keys, limit_s=limit_s, **more)

    return asyncio.run(story())


@asynccontextmanager
async def a_phone(**more: Any) -> AsyncIterator[Phone]:
    """A phone on free ports; ``more`` is for its ``Stack``: TLS, whom it asks for names."""
    clock, ids = Clock(), Ids()
    media = Media(ports=PORTS, host=LOOPBACK, clock=clock)
    await media.start()
    try:
        stack = Stack(
            host=LOOPBACK, port=0, ids=ids, clock=clock, on_invite=lambda invite: invite.refuse(486), user_agent="tests", **more
        )
        await stack.start()
        try:
            yield Phone(stack, media, ids)
        finally:
            await stack.aclose()
    finally:
        await media.aclose()
