"""Calls to endpoints: several devices ring, one is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.legs import NotAnswered, dialling_endpoint
from offhook.sip import Cancelled, IncomingInvite, NameAddr, Reach, Stack, Uri
from offhook.testing.live.phone import a_phone

ANSWER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 14996 RTP/AVP 0\r\n"
CALLER = NameAddr.parse("<sip:14155550100@127.0.0.1>")
Does = Callable[[IncomingInvite], None]


@asynccontextmanager
async def devices(*do: Does) -> AsyncIterator[tuple[list[Reach], list[list[IncomingInvite]]]]:
    came: list[list[IncomingInvite]] = [[] for _ in do]
    async with AsyncExitStack() as opened:
        reached = []
        for number, act in enumerate(do):

            def take(invite: IncomingInvite, number: int = number, act: Does = act) -> None:
                came[number].append(invite)
                act(invite)

            stack = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=take)
            await stack.start()
            opened.push_async_callback(stack.aclose)
            reached.append(Reach(Uri.parse(f"sip:alice@127.0.0.1:{stack.port}"), (), None, "test"))
        yield reached, came


def rings(invite: IncomingInvite) -> None:
    invite.ring()


def answers(invite: IncomingInvite) -> None:
    invite.ring()
    asyncio.get_running_loop().call_later(0.2, invite.accept, ANSWER)


def run(scene: Callable[[], object]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await scene()  # type: ignore[misc]

    asyncio.run(limited())


def test_all_ring_the_first_that_answers_has_the_call_and_the_others_fall_silent() -> None:
    async def scene() -> None:
        rang: list[bool] = []
        async with devices(rings, answers, rings) as (reached, came), a_phone() as phone:
            async with dialling_endpoint(
                phone.stack, phone.media, reached, ids=Ids(), caller=CALLER, ringing=lambda: rang.append(True)
            ) as leg:
                assert leg.answered
                for number in (0, 2):
                    assert isinstance(await came[number][0].next(), Cancelled)
            assert rang == [True]

    run(scene)


@pytest.mark.parametrize(("statuses", "told"), [((480, 486), 486), ((404, 603), 603), ((503, 480), 480)])
def test_when_nobody_answers_the_most_telling_refusal_counts(statuses: tuple[int, ...], told: int) -> None:
    async def scene() -> None:
        async with (
            devices(*(lambda invite, status=status: invite.refuse(status) for status in statuses)) as (reached, _),
            a_phone() as phone,
        ):
            with pytest.raises(NotAnswered) as refused:
                async with dialling_endpoint(phone.stack, phone.media, reached, ids=Ids(), caller=CALLER):
                    pass
            assert refused.value.status == told

    run(scene)


def test_an_endpoint_that_is_not_registered() -> None:
    async def scene() -> None:
        async with a_phone() as phone:
            with pytest.raises(NotAnswered) as refused:
                async with dialling_endpoint(phone.stack, phone.media, [], ids=Ids(), caller=CALLER):
                    pass
            assert refused.value.ending.telephony == "USER_NOT_REGISTERED"

    run(scene)
