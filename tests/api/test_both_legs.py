"""Two parties that talk, sent elsewhere or hung up one by one through the vendor's SDK, over real SIP and RTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import plivo
import pytest
from plivo import exceptions

from offhook.legs import IncomingLeg
from offhook.testing.live import Customer, Desk, a_desk, document

Scene = Callable[["Talk"], Awaitable[None]]
KEYS = {name: document(f"<DTMF>{key}</DTMF><Wait length='60' silence='true'/>") for name, key in (("/one", "1"), ("/two", "2"))}


@dataclass
class Talk:
    """Ann and Bob talk."""

    ann: IncomingLeg
    bob: IncomingLeg
    a_uuid: str
    b_uuid: str


def played(client: plivo.RestClient, customer: Customer, scene: Scene) -> None:
    """Let Ann be called, be connected with Bob, and run a scene."""
    customer.forget()

    async def whole() -> None:
        async with asyncio.timeout(120), a_desk() as desk, _talking(client, customer, desk) as talk:
            await scene(talk)

    asyncio.run(whole())


@asynccontextmanager
async def _talking(client: plivo.RestClient, customer: Customer, desk: Desk) -> Any:
    dial = f"<Dial callbackUrl='{customer.url('/dialled')}'><User>{desk.uri('bob')}</User></Dial>"
    customer.says("/placed", document(f"{dial}<DTMF>9</DTMF><Wait length='60' silence='true'/>"))
    for path, says in KEYS.items():
        customer.says(path, says)
    placed, over = customer.url("/placed"), customer.url("/over")
    fired = await asyncio.to_thread(client.calls.create, "14155550100", desk.uri("ann"), placed, hangup_url=over)
    async with desk.taken("ann") as ann:
        await ann.answer()
        async with desk.taken("bob") as bob:
            await bob.answer()
            told = await asyncio.to_thread(customer.wait_for, "/dialled", count=2)
            assert [each["DialAction"] for each in told] == ["answer", "connected"]
            yield Talk(ann, bob, fired.request_uuid, told[0]["DialBLegUUID"])


async def key(leg: IncomingLeg, wanted: str) -> None:
    """Wait for a key; others may come before it."""
    with leg.listen() as keys:
        while (await keys.get()).key != wanted:
            pass


def test_the_b_leg_is_sent_elsewhere_and_the_a_leg_goes_on(client: plivo.RestClient, customer: Customer) -> None:
    async def scene(talk: Talk) -> None:
        waits = asyncio.gather(key(talk.ann, "9"), key(talk.bob, "2"))
        await asyncio.to_thread(client.calls.transfer, talk.a_uuid, legs="bleg", bleg_url=customer.url("/two"))
        await waits
        live = await asyncio.to_thread(client.live_calls.list_ids)
        assert {talk.a_uuid, talk.b_uuid} <= set(live.calls)
        await asyncio.to_thread(client.calls.hangup, talk.a_uuid)
        await talk.ann.ended()
        assert (await asyncio.to_thread(client.live_calls.get, talk.b_uuid)).call_status == "in-progress"
        await asyncio.to_thread(client.calls.hangup, talk.b_uuid)
        await talk.bob.ended()
        [hangup] = (await asyncio.to_thread(customer.wait_for, "/dialled", count=3))[2:]
        assert (hangup["DialAction"], hangup["DialBLegHangupSource"]) == ("hangup", "API Request")

    played(client, customer, scene)
    [asked] = customer.wait_for("/two")
    [record] = [each for each in client.calls.list(limit=5) if each.call_uuid == asked["CallUUID"]]
    assert (record.parent_call_uuid, record.hangup_source) == (asked["ALegUUID"], "API Request")


def test_both_are_sent_elsewhere(client: plivo.RestClient, customer: Customer) -> None:
    async def scene(talk: Talk) -> None:
        waits = asyncio.gather(key(talk.ann, "1"), key(talk.bob, "2"))
        one, two = customer.url("/one"), customer.url("/two")
        moved = await asyncio.to_thread(
            client.calls.transfer, talk.a_uuid, legs="both", aleg_url=one, aleg_method="GET", bleg_url=two
        )
        assert moved.message == "call transfered"
        await waits

    played(client, customer, scene)
    assert [each.method for each in (*customer.wait_for("/one"), *customer.wait_for("/two"))] == ["GET", "POST"]


def test_the_b_leg_by_its_own_uuid(client: plivo.RestClient, customer: Customer) -> None:
    async def scene(talk: Talk) -> None:
        shown = await asyncio.to_thread(client.live_calls.get, talk.b_uuid)
        assert (shown.call_status, shown.direction) == ("in-progress", "outbound")
        waits = asyncio.gather(key(talk.ann, "9"), key(talk.bob, "1"))
        await asyncio.to_thread(client.calls.transfer, talk.b_uuid, legs="aleg", aleg_url=customer.url("/one"))
        await waits

    played(client, customer, scene)


def test_the_b_leg_is_hung_up_alone(client: plivo.RestClient, customer: Customer) -> None:
    async def scene(talk: Talk) -> None:
        waits = asyncio.ensure_future(key(talk.ann, "9"))
        await asyncio.to_thread(client.calls.hangup, talk.b_uuid)
        await asyncio.gather(talk.bob.ended(), waits)
        with pytest.raises(exceptions.ResourceNotFoundError):
            await asyncio.to_thread(client.calls.hangup, talk.b_uuid)

    played(client, customer, scene)


def test_what_is_missing(client: plivo.RestClient, customer: Customer) -> None:
    async def scene(talk: Talk) -> None:
        for wishes in ({"legs": "bleg"}, {"legs": "both", "aleg_url": "http://a.example/"}, {"legs": "aleg"}):
            with pytest.raises(exceptions.ValidationError, match="parameter is missing"):
                await asyncio.to_thread(client.calls.transfer, talk.a_uuid, **wishes)
        with pytest.raises(exceptions.ValidationError, match="is a B leg itself"):
            await asyncio.to_thread(client.calls.transfer, talk.b_uuid, legs="bleg", bleg_url="http://a.example/")
        await asyncio.to_thread(client.calls.hangup, talk.b_uuid)
        await talk.bob.ended()
        with pytest.raises(exceptions.ValidationError, match="not connected with a B leg"):
            await asyncio.to_thread(client.calls.transfer, talk.a_uuid, legs="bleg", bleg_url="http://a.example/")

    played(client, customer, scene)
