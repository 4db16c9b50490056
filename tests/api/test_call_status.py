"""Every CallStatus of a call that the SDK places: while it waits, rings and talks, and at its end (reference xml.md 2.6)."""

from __future__ import annotations

import asyncio
from typing import Any

import plivo
import pytest

from offhook.calls import CallStatus
from offhook.testing.live import Customer, a_desk, document

LIMIT_S = 120
ENDS = {  # status of the refusal → CallStatus, code
    486: ("busy", 3010),
    600: ("busy", 3100),
    603: ("busy", 3110),
    404: ("failed", 3050),
    408: ("timeout", 3070),
    480: ("no-answer", 3000),
    500: ("failed", 3080),
}


def place(client: plivo.RestClient, customer: Customer, to: str, **more: Any) -> str:
    """Place a call; its CallUUID."""
    fired = client.calls.create("14155550100", to, customer.url("/placed"), hangup_url=customer.url("/over"), **more)
    uuid: str = fired.request_uuid
    return uuid


def ended(client: plivo.RestClient, customer: Customer, uuid: str) -> tuple[str, int]:
    """CallStatus of the one hangup request, and the code that it and the record have."""
    for count in range(1, 20):
        found = [each for each in customer.wait_for("/over", count=count) if each["CallUUID"] == uuid]
        if found:
            break
    [over] = found
    record = client.calls.get(uuid)
    assert str(record.hangup_cause_code) == over["HangupCauseCode"]
    assert record.call_state == ("ANSWER" if over["CallStatus"] == "completed" else "HANGUP")
    return over["CallStatus"], record.hangup_cause_code


@pytest.mark.parametrize("refusal", ENDS)
def test_refused(client: plivo.RestClient, customer: Customer, refusal: int) -> None:
    customer.forget()

    async def scene() -> None:
        async with asyncio.timeout(LIMIT_S), a_desk() as desk:
            uuid = await asyncio.to_thread(place, client, customer, desk.uri("ann"))
            (await desk.arrival("ann")).refuse(refusal)
            assert await asyncio.to_thread(ended, client, customer, uuid) == ENDS[refusal]

    asyncio.run(scene())


def test_rung_out(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()

    async def scene() -> None:
        async with asyncio.timeout(LIMIT_S), a_desk() as desk:
            for wish in ({"ring_timeout": 1}, {"hangup_on_ring": 1}):
                uuid = await asyncio.to_thread(place, client, customer, desk.uri("ann"), **wish)
                async with desk.taken("ann") as leg:
                    leg.ring()
                    assert await asyncio.to_thread(ended, client, customer, uuid) == ("no-answer", 6010)
                customer.forget()

    asyncio.run(scene())


def test_queued_ringing_in_progress_and_completed(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()
    customer.says("/placed", document("<Wait length='60' silence='true'/>"))

    async def scene() -> None:
        async with asyncio.timeout(LIMIT_S), a_desk() as desk:
            uuids = await asyncio.to_thread(place, client, customer, "<".join(desk.uri(f"ann{each}") for each in range(4)))
            last = await asyncio.to_thread(client.queued_calls.get, uuids[3])
            assert (last.call_status, last.call_uuid, last.request_uuid) == ("queued", uuids[3], uuids[3])
            async with desk.taken("ann3") as leg:
                leg.ring()
                assert (await asyncio.to_thread(client.live_calls.get, uuids[3])).call_status == "ringing"
                await leg.answer()
                await asyncio.to_thread(customer.wait_for, "/placed")
                assert (await asyncio.to_thread(client.live_calls.get, uuids[3])).call_status == "in-progress"
                await asyncio.to_thread(client.calls.hangup, uuids[3])
                assert await asyncio.to_thread(ended, client, customer, uuids[3]) == ("completed", 4000)
            for each in uuids[:3]:
                await asyncio.to_thread(client.calls.cancel, each)
                assert await asyncio.to_thread(ended, client, customer, each) == ("cancel", 1000)

    asyncio.run(scene())


def test_none_is_forgotten() -> None:
    met = {status for status, _ in ENDS.values()} | {"ringing", "in-progress", "completed", "cancel"}
    assert met == {each.value for each in CallStatus}
