"""Calls that the vendor's SDK places, cancels, transfers and hangs up: telephones ring, and a web server is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import plivo
import pytest
from plivo import exceptions

from offhook.errors import LegGone
from offhook.testing.live import Customer, Desk, a_desk, document

from .conftest import Raw

STAY = document("<Wait length='60' silence='true'/>")
Scene = Callable[[Desk], Awaitable[None]]


def played(scene: Scene) -> None:
    """Run a scene with telephones."""

    async def limited() -> None:
        async with asyncio.timeout(60), a_desk() as desk:
            await scene(desk)

    asyncio.run(limited())


def make(client: plivo.RestClient, customer: Customer, to: str, **more: Any) -> Any:
    """Place a call by the SDK."""
    return client.calls.create("14155550100", to, customer.url("/placed"), hangup_url=customer.url("/over"), **more)


def test_a_call_rings_is_answered_and_transferred(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()
    customer.says("/placed", STAY)
    customer.says("/elsewhere", document("<DTMF>7</DTMF>"), document("<Wait length='60' silence='true'/>"))

    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(
            make, client, customer, desk.uri("ann"), caller_name="Shop", ring_url=customer.url("/ring"), sip_headers="Team=red"
        )
        assert fired.message in {"call fired", "call queued"}
        async with desk.taken("ann") as leg:
            assert leg.facts.caller_name == "Shop"
            assert leg.facts.custom_headers == {"X-PH-Team": "red"}
            leg.ring()
            [rang] = await asyncio.to_thread(customer.wait_for, "/ring")
            assert (rang["CallUUID"], rang["Event"], rang["RequestUUID"]) == (fired.request_uuid, "Ring", fired.request_uuid)
            live = await asyncio.to_thread(client.live_calls.get, fired.request_uuid)
            assert (live.call_status, live.direction, live.caller_name) == ("ringing", "outbound", "Shop")
            await leg.answer()
            [answered] = await asyncio.to_thread(customer.wait_for, "/placed")
            assert (answered["CallStatus"], answered["Direction"], answered["From"]) == ("in-progress", "outbound", "14155550100")
            with leg.listen() as keys:
                moved = await asyncio.to_thread(
                    client.calls.transfer, fired.request_uuid, legs="aleg", aleg_url=customer.url("/elsewhere")
                )
                assert moved.message == "call transfered"
                assert (await keys.get()).key == "7"
            await leg.ended()
        [over] = await asyncio.to_thread(customer.wait_for, "/over")
        assert (over["CallStatus"], over["HangupCauseCode"], over["CallUUID"]) == ("completed", "4010", fired.request_uuid)
        record = await asyncio.to_thread(client.calls.get, fired.request_uuid)
        assert (record.call_direction, record.from_number, record.hangup_cause_code) == ("outbound", "14155550100", 4010)

    played(scene)


def test_a_call_that_rings_is_cancelled(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()

    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(make, client, customer, desk.uri("bob"))
        async with desk.taken("bob") as leg:
            leg.ring()
            await asyncio.to_thread(client.calls.cancel, fired.request_uuid)
            assert (await leg.ended()).telephony == "ORIGINATOR_CANCEL"
            with pytest.raises(LegGone):
                await leg.answer()
        [over] = await asyncio.to_thread(customer.wait_for, "/over")
        assert (over["CallStatus"], over["HangupCauseCode"], over["HangupSource"]) == ("cancel", "1000", "API Request")

    played(scene)


def test_many_at_once_start_one_after_another_and_the_rest_waits(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()
    customer.says("/placed", STAY)

    async def scene(desk: Desk) -> None:
        users = [f"user{number}" for number in range(4)]
        several = "<".join(desk.uri(each) for each in [*users, users[0]])
        fired = await asyncio.to_thread(make, client, customer, several)
        assert (fired.message, len(fired.request_uuid)) == ("calls queued", 4)
        queued = await asyncio.to_thread(client.queued_calls.list_ids)
        assert queued.calls[-1] == fired.request_uuid[-1]
        waiting = await asyncio.to_thread(client.queued_calls.get, fired.request_uuid[-1])
        assert (waiting.call_status, waiting.direction) == ("queued", "outbound")
        await asyncio.to_thread(client.calls.hangup, fired.request_uuid[-1])
        [gone] = await asyncio.to_thread(customer.wait_for, "/over")
        assert (gone["CallUUID"], gone["CallStatus"]) == (fired.request_uuid[-1], "cancel")
        for user in users[:3]:
            async with desk.taken(user) as leg:
                await leg.answer()
        ended = await asyncio.to_thread(customer.wait_for, "/over", count=4)
        assert sorted(each["CallStatus"] for each in ended) == ["cancel", "completed", "completed", "completed"]

    played(scene)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "from parameter is missing"),
        ({"from": "1", "to": "2"}, "answer_url parameter is missing"),
        ({"from": "1", "to": "nobody", "answer_url": "http://a.example/"}, "to parameter is invalid"),
        ({"from": "x", "to": "2", "answer_url": "http://a.example/"}, "from parameter is invalid"),
        ({"from": "1", "to": "<", "answer_url": "http://a.example/"}, "to parameter is missing"),
        ({"from": "1", "to": "2", "answer_url": "ftp://a.example/"}, "answer_url parameter is invalid"),
        ({"from": "1", "to": "2", "answer_url": "http://a.example/", "send_digits": "?"}, "send_digits parameter is invalid"),
        (
            {"from": "1", "to": "2", "answer_url": "http://a.example/", "time_limit": 0},
            "time_limit should be between 1 and 1000000000",
        ),
        (
            {"from": "1", "to": "2", "answer_url": "http://a.example/", "sip_auth_username": "a"},
            "sip_auth_password parameter is missing",
        ),
    ],
)
def test_what_cannot_be_placed(raw: Raw, body: dict[str, object], text: str) -> None:
    answer = raw.ask("POST", "Call/", body)
    assert (answer.status, answer.body["error"]) == (400, text)


def test_a_parent_that_is_not_there(raw: Raw, client: plivo.RestClient, customer: Customer) -> None:
    body = {"from": "1", "to": "2", "answer_url": "http://a.example/", "parent_call_uuid": "0" * 36}
    answer = raw.ask("POST", "Call/", {**body, "error_if_parent_not_found": True})
    assert (answer.status, answer.body["error"]) == (404, "parent call not found")


def test_what_cannot_be_transferred(client: plivo.RestClient, raw: Raw) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.calls.transfer("5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11", legs="aleg", aleg_url="http://a.example/")
