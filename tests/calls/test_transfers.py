"""Transfers by the API (reference api.md 5.5, xml.md 1.1): what runs is dropped, and the call goes on elsewhere."""

from __future__ import annotations

import pytest

from offhook.testing import Answers, World, in_world

ALICE = "14155550111"
ELSEWHERE = "https://app.example/elsewhere"


@pytest.mark.parametrize(
    "element",
    ["<Speak>One two three four five six seven eight</Speak>", '<Wait length="50"/>', '<GetDigits action="x" timeout="50"/>', ""],
)
@in_world()
async def test_what_runs_is_dropped(world: World, element: str) -> None:
    call = await world.dial_in(
        {"answer": f'{element}<Wait length="60"/><Speak>Never</Speak>', "elsewhere": "<Speak>Here</Speak>"}
    )
    await world.sleep(3)
    call.running.transfer(ELSEWHERE, "GET")
    record = await call.over()
    assert call.heard[-1] == "speech: Here"
    assert "speech: Never" not in call.heard
    [asked] = world.customer.asked("transfer")
    assert (asked.method, asked["Event"]) == ("GET", "Redirect")
    assert record.hangup_cause_code == 4010


@in_world()
async def test_a_talk_is_dropped_and_its_action_url_is_not_asked(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    pages = {
        "answer": f'<Dial action="done" callbackUrl="cb"><Number>{ALICE}</Number></Dial>',
        "elsewhere": "<Speak>Here</Speak>",
    }
    call = await world.dial_in(pages)
    await world.sleep(5)
    call.running.transfer(ELSEWHERE, "POST")
    await call.over()
    assert world.exchange.leg(ALICE).signals == ["BYE"]
    assert call.heard == ["speech: Here"]
    assert world.customer.asked("action") == []
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.hangup_cause_code, leg.hangup_source) == (4000, "API Request")


@in_world()
async def test_a_dial_that_rings_is_dropped_and_the_call_is_still_unanswered(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=50)
    pages = {"answer": f"<Dial><Number>{ALICE}</Number></Dial>", "elsewhere": '<Hangup reason="busy"/>'}
    call = await world.dial_in(pages)
    await world.sleep(5)
    call.running.transfer(ELSEWHERE, "POST")
    await call.over()
    assert world.exchange.leg(ALICE).signals == ["CANCEL"]
    assert call.signals == ["180", "486"]


@pytest.mark.parametrize(
    ("url", "method", "code"),
    [("https://app.example/missing", "POST", 7013), ("ftp://x.example/", "POST", 7023), (ELSEWHERE, "PUT", 7033)],
)
@in_world()
async def test_where_it_cannot_go(world: World, url: str, method: str, code: int) -> None:
    call = await world.dial_in('<Wait length="60"/>')
    call.running.transfer(url, method)
    assert (await call.over()).hangup_cause_code == code


@in_world()
async def test_the_last_of_several_at_once_counts(world: World) -> None:
    pages = {"answer": '<Wait length="60"/>', "one": "<Speak>One</Speak>", "two": "<Speak>Two</Speak>"}
    call = await world.dial_in(pages)
    await world.sleep(1)
    call.running.transfer("https://app.example/one", "POST")
    call.running.transfer("https://app.example/two", "POST")
    await call.over()
    assert call.heard == ["speech: Two"]


@in_world()
async def test_more_than_seventy_are_a_loop(world: World) -> None:
    call = await world.dial_in({"answer": '<Wait length="600"/>', "elsewhere": '<Wait length="600"/>'})
    for _ in range(71):
        await world.sleep(1)
        call.running.transfer(ELSEWHERE, "POST")
    record = await call.over()
    assert (record.hangup_cause_code, len(world.customer.asked("transfer"))) == (2060, 70)
