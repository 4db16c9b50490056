"""Calls to numbers by trunks: the carriers are SIP stacks on loopback that refuse, redirect, fall silent or answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.legs import NotAnswered, dialling_number
from offhook.records import Trunk
from offhook.sip import IncomingInvite, Stack, Trunks
from offhook.testing.live.phone import a_phone

ANSWER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 14998 RTP/AVP 0\r\n"
LOOPBACK = "127.0.0.1"
Does = Callable[[IncomingInvite], None]


@asynccontextmanager
async def carriers(**do: Does) -> AsyncIterator[tuple[Trunks, dict[str, list[IncomingInvite]], dict[str, Stack]]]:
    """Trunks in the order in which they stand, and what came to each."""
    came: dict[str, list[IncomingInvite]] = {name: [] for name in do}
    stacks: dict[str, Stack] = {}
    async with AsyncExitStack() as opened:
        trunks = Trunks(lambda _trunk, _user: None, Clock(), random.Random(1))  # type: ignore[arg-type, return-value]
        for name, act in do.items():

            def take(invite: IncomingInvite, name: str = name, act: Does = act) -> None:
                came[name].append(invite)
                act(invite)

            stacks[name] = Stack(host=LOOPBACK, port=0, ids=Ids(), clock=Clock(), on_invite=take)
            await stacks[name].start()
            opened.push_async_callback(stacks[name].aclose)
        trunks.use(
            [
                Trunk(name=name, auth_id="MA", host=f"{LOOPBACK}:{stacks[name].port}", priority=number, options_s=0, max_calls=1)
                for number, name in enumerate(do)
            ]
        )
        yield trunks, came, stacks


def run(scene: Callable[[], object]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await scene()  # type: ignore[misc]

    asyncio.run(limited())


def refuses(status: int) -> Does:
    return lambda invite: invite.refuse(status)


def answers(invite: IncomingInvite) -> None:
    invite.ring()
    invite.accept(ANSWER)


@pytest.mark.parametrize("status", [503, 500])
def test_the_next_trunk_is_tried_when_one_fails_and_our_number_goes_along(status: int) -> None:
    async def scene() -> None:
        async with carriers(one=refuses(status), two=answers) as (trunks, came, _), a_phone() as phone:
            async with dialling_number(
                phone.stack, phone.media, trunks, "442071838750", ids=Ids(), caller="14155550100", domain="voice.example"
            ) as leg:
                await leg.wait_answered()
                assert trunks.state("two").calls == 1
            [invite] = came["two"]
            assert len(came["one"]) == 1
            assert invite.request.uri.user == "+442071838750"
            assert str(invite.request.from_.uri) == "sip:+14155550100@voice.example"
            assert invite.request.header("p-asserted-identity") == "<sip:+14155550100@voice.example>"
            assert trunks.state("two").calls == 0
            first = next(each.name for each in trunks.candidates("442071838750"))
            assert first == ("two" if status == 503 else "one")

    run(scene)


@pytest.mark.parametrize("status", [486, 404, 603])
def test_what_is_said_of_the_number_is_final(status: int) -> None:
    async def scene() -> None:
        async with carriers(one=refuses(status), two=answers) as (trunks, came, _), a_phone() as phone:
            with pytest.raises(NotAnswered) as refused:
                async with dialling_number(phone.stack, phone.media, trunks, "1415", ids=Ids(), caller="1"):
                    pass
            assert refused.value.status == status
            assert came["two"] == []

    run(scene)


def test_a_trunk_with_as_many_calls_as_it_may_is_passed_over_and_without_any_the_reason_is_told() -> None:
    async def scene() -> None:
        async with carriers(one=answers) as (trunks, _, _stacks), a_phone() as phone:
            async with dialling_number(phone.stack, phone.media, trunks, "1415", ids=Ids(), caller="1") as leg:
                await leg.wait_answered()
                with pytest.raises(NotAnswered, match="as many as it may"):
                    async with dialling_number(phone.stack, phone.media, trunks, "1415", ids=Ids(), caller="1"):
                        pass
            trunks.use([])
            with pytest.raises(NotAnswered, match="no trunk takes 1415") as nobody:
                async with dialling_number(phone.stack, phone.media, trunks, "1415", ids=Ids(), caller="1"):
                    pass
            assert nobody.value.ending.telephony == "EXCHANGE_ROUTING_ERROR"

    run(scene)


def test_a_redirection_is_followed_and_a_circle_ends() -> None:
    async def scene() -> None:
        places: list[str] = []

        def redirects(invite: IncomingInvite) -> None:
            invite.refuse(302, headers=[("Contact", places[0])])

        async with carriers(one=redirects, elsewhere=answers) as (trunks, came, stacks), a_phone() as phone:
            trunks.use([next(each for each in trunks if each.name == "one")])
            places[:] = [f"<sip:nobody@{LOOPBACK}:1>;q=0.1, <sip:442071838750@{LOOPBACK}:{stacks['elsewhere'].port}>;q=0.5"]
            async with dialling_number(phone.stack, phone.media, trunks, "442071838750", ids=Ids(), caller="1") as leg:
                await leg.wait_answered()
            assert len(came["elsewhere"]) == 1
            places[:] = [f"<sip:other@{LOOPBACK}:{stacks['one'].port}>"]
            with pytest.raises(NotAnswered):
                async with dialling_number(phone.stack, phone.media, trunks, "442071838750", ids=Ids(), caller="1"):
                    pass
            assert len(came["one"]) < 10

    run(scene)
