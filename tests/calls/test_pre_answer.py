"""PreAnswer (reference xml.md section 15)."""

import pytest

from offhook.testing import World, in_world

CLIP = "https://media.example/a.mp3"


@in_world()
async def test_its_children_are_early_media_and_the_next_element_answers(world: World) -> None:
    world.studio.add_file(CLIP, 3)
    call = await world.dial_in(f"<PreAnswer><Speak>One two</Speak><Play>{CLIP}</Play></PreAnswer><Speak>Hello</Speak>")
    record = await call.over()
    assert call.signals == ["183", "200", "BYE"]
    assert call.heard == ["speech: One two", "file: " + CLIP, "speech: Hello"]
    assert record.answer_time is not None
    assert (record.answer_time - record.initiation_time).total_seconds() == 5
    assert record.duration_s == 1


@in_world()
async def test_when_nothing_follows_the_call_is_refused_unanswered(world: World) -> None:
    call = await world.dial_in("<PreAnswer><Speak>One two</Speak></PreAnswer>")
    record = await call.over()
    assert call.signals == ["183", "603"]
    assert record.hangup_cause_code == 4010
    assert (record.answer_time, record.duration_s, record.billed_duration_s) == (None, 0, 0)


@in_world()
async def test_call_status_stays_ringing(world: World) -> None:
    call = await world.dial_in(
        {"answer": "<PreAnswer><Speak>One</Speak></PreAnswer><Redirect>next</Redirect>", "next": "<Hangup/>"}
    )
    await call.over()
    assert world.customer.asked("redirect")[0]["CallStatus"] == "ringing"


@in_world()
async def test_a_wait_inside_plays_hold_music_or_is_silent(world: World) -> None:
    call = await world.dial_in('<PreAnswer><Wait length="5"/><Wait length="5" silence="true"/><Speak>One</Speak></PreAnswer>')
    await call.over()
    assert call.heard == ["hold music", "speech: One"]
    assert call.caller.heard[-1].at_s == pytest.approx(10, abs=0.1)


@in_world()
async def test_on_an_answered_call_it_is_ordinary_audio(world: World) -> None:
    call = await world.dial_in('<Speak>Hi</Speak><PreAnswer><Speak>One</Speak><Wait length="2"/></PreAnswer><Speak>On</Speak>')
    await call.over()
    assert call.signals == ["200", "BYE"]
    assert call.heard == ["speech: Hi", "speech: One", "hold music", "speech: On"]


@in_world()
async def test_an_endless_child_keeps_the_rest_from_being_reached(world: World) -> None:
    call = await world.dial_in('<PreAnswer><Speak loop="0">Ring</Speak></PreAnswer><Speak>Never</Speak>')
    call.hang_up(after_s=40)
    record = await call.over()
    assert set(call.heard) == {"speech: Ring"}
    assert record.hangup_cause == "ORIGINATOR_CANCEL"


@in_world()
async def test_a_caller_who_gives_up_meanwhile(world: World) -> None:
    call = await world.dial_in("<PreAnswer><Speak>One two three four</Speak></PreAnswer><Speak>Never</Speak>")
    call.hang_up(after_s=2)
    record = await call.over()
    assert (record.call_status, record.hangup_cause, record.hangup_cause_code) == ("completed", "ORIGINATOR_CANCEL", 4000)
    assert record.answer_time is None
    assert call.signals == ["183"]


@in_world()
async def test_keys_can_be_collected_before_the_answer(world: World) -> None:
    call = await world.dial_in(
        {
            "answer": '<PreAnswer><GetDigits action="menu"><Speak>Press</Speak></GetDigits></PreAnswer><Speak>No</Speak>',
            "menu": "<Hangup reason='busy'/>",
        }
    )
    call.press("5#", after_s=0.5)
    await call.over()
    (action,) = world.customer.asked("action")
    assert (action["Digits"], action["CallStatus"]) == ("5", "ringing")
    assert call.signals == ["183", "486"]


@in_world()
async def test_without_keys_the_next_child_runs(world: World) -> None:
    call = await world.dial_in('<PreAnswer><GetDigits action="menu"/><Speak>On</Speak></PreAnswer>')
    await call.over()
    assert call.heard == ["speech: On"]
    assert call.signals == ["183", "603"]


@in_world()
async def test_a_redirect_inside_takes_over_and_its_document_is_no_early_media(world: World) -> None:
    call = await world.dial_in(
        {"answer": "<PreAnswer><Speak>One</Speak><Redirect>next</Redirect></PreAnswer>", "next": "<Speak>Two</Speak>"}
    )
    await call.over()
    assert call.signals == ["183", "200", "BYE"]
    assert call.heard == ["speech: One", "speech: Two"]


@in_world()
async def test_keys_can_be_pressed_before_the_answer(world: World) -> None:
    call = await world.dial_in('<PreAnswer><DTMF async="false">12</DTMF></PreAnswer>')
    await call.over()
    assert call.caller.keys_received == "12"
    assert call.signals == ["183", "603"]


@in_world()
async def test_a_message_inside_is_passed_over(world: World) -> None:
    call = await world.dial_in("<PreAnswer><Message>Hi</Message><Speak>One</Speak></PreAnswer>")
    await call.over()
    assert call.heard == ["speech: One"]


@pytest.mark.parametrize("child", ["<Hangup/>", "<Record/>", "<PreAnswer/>", "<Dial><Number>1</Number></Dial>", "<Nonsense/>"])
@in_world()
async def test_anything_else_inside_makes_the_document_invalid(world: World, child: str) -> None:
    call = await world.dial_in(f"<PreAnswer>{child}</PreAnswer>")
    assert (await call.over()).hangup_cause_code == 8011


@in_world()
async def test_an_empty_one_does_nothing(world: World) -> None:
    call = await world.dial_in("<PreAnswer/><Speak>On</Speak>")
    await call.over()
    assert call.signals == ["200", "BYE"]


@in_world()
async def test_a_second_one_goes_on_with_the_same_early_media(world: World) -> None:
    call = await world.dial_in("<PreAnswer><Speak>One</Speak></PreAnswer><Wait/><PreAnswer><Speak>Two</Speak></PreAnswer>")
    await call.over()
    assert call.signals == ["183", "603"]
    assert call.heard == ["speech: One", "speech: Two"]


@pytest.mark.parametrize(
    "child", ["<Speak>One</Speak>", f"<Play>{CLIP}</Play>", "<GetDigits/>", "<DTMF>1</DTMF>", '<Wait length="3"/>']
)
@in_world()
async def test_where_the_invite_has_no_offer_there_is_nothing_to_hear_and_the_document_goes_on(world: World, child: str) -> None:
    world.studio.add_file(CLIP, 1)
    call = await world.dial_in(f"<PreAnswer>{child}</PreAnswer><Speak>Hello</Speak>", early_media=False)
    await call.over()
    assert call.signals == ["180", "200", "BYE"]
    assert call.heard == ["speech: Hello"]


@in_world()
async def test_the_rtp_of_early_media_is_measured(world: World) -> None:
    call = await world.dial_in("<PreAnswer><Speak>One</Speak></PreAnswer>")
    await call.over()
    assert len(call.events("media-measured")) == 1
