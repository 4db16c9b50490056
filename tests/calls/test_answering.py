"""Which elements answer the call, and when it rings (reference xml.md section 1.7)."""

import pytest

from offhook import causes
from offhook.testing import Page, World, in_world

CLIP = "https://media.example/a.mp3"


@pytest.mark.parametrize(
    "element",
    [
        "<Speak>Hi</Speak>",
        "<Speak/>",
        f"<Play>{CLIP}</Play>",
        "<Play>https://gone.example/</Play>",
        "<DTMF>1</DTMF>",
        "<GetDigits/>",
    ],
)
@in_world()
async def test_these_elements_answer_first(world: World, element: str) -> None:
    world.studio.add_file(CLIP, 1)
    call = await world.dial_in(element)
    record = await call.over()
    assert call.signals == ["200", "BYE"]
    assert record.answer_time == record.initiation_time


@pytest.mark.parametrize(
    ("element", "signals"),
    [
        ("<Wait/>", ["180", "603"]),
        ("<Hangup/>", ["603"]),
        ('<PreAnswer><Wait silence="true"/></PreAnswer>', ["183", "603"]),
        ("<Redirect>next</Redirect>", ["603"]),
        ("<Message>Hello</Message>", ["603"]),
        ('<Hangup schedule="10"/>', ["603"]),
    ],
)
@in_world()
async def test_these_elements_do_not_answer(world: World, element: str, signals: list[str]) -> None:
    call = await world.dial_in({"answer": element, "next": ""})
    record = await call.over()
    assert call.signals == signals
    assert record.answer_time is None


@in_world()
async def test_a_call_is_answered_once(world: World) -> None:
    call = await world.dial_in("<Speak>One</Speak><Speak>Two</Speak><GetDigits/><DTMF>1</DTMF>")
    await call.over()
    assert call.signals == ["200", "BYE"]
    assert len(call.events("call-answered")) == 1


@in_world()
async def test_the_call_is_answered_before_slow_speech_is_ready(world: World) -> None:
    world.studio.speaking_takes_s = 3
    call = await world.dial_in("<Speak>Hi</Speak>")
    record = await call.over()
    assert record.answer_time == record.initiation_time
    assert call.caller.heard[0].at_s == 3


@in_world()
async def test_a_quick_answer_saves_the_180(world: World) -> None:
    call = await world.dial_in(Page("<Speak>Hi</Speak>", takes_s=0.15))
    await call.over()
    assert call.signals == ["200", "BYE"]


@in_world()
async def test_a_caller_hears_ringing_while_the_answer_url_takes_its_time(world: World) -> None:
    call = await world.dial_in(Page("<Speak>Hi</Speak>", takes_s=3))
    await world.sleep(0.25)
    assert call.signals == ["180"]
    await call.over()
    assert call.signals == ["180", "200", "BYE"]


@in_world()
async def test_a_slow_redirect_rings_too(world: World) -> None:
    call = await world.dial_in({"answer": "<Redirect>next</Redirect>", "next": Page("<Speak>Hi</Speak>", takes_s=1)})
    await call.over()
    assert call.signals == ["180", "200", "BYE"]


@in_world()
async def test_an_answered_call_never_rings_again(world: World) -> None:
    call = await world.dial_in({"answer": "<Speak>Hi</Speak><Redirect>next</Redirect>", "next": Page("<Wait/>", takes_s=5)})
    await call.over()
    assert call.signals == ["200", "BYE"]


@in_world()
async def test_a_leg_that_cannot_answer_for_want_of_a_port_ends_as_it_says(world: World) -> None:
    call = await world.dial_in("<Speak>Hi</Speak>", refuses_audio=causes.OVERLOADED)
    record = await call.over()
    assert record.hangup_cause_code == 5030
    assert call.signals == ["503"]
    assert record.answer_time is None
    assert call.heard == []
