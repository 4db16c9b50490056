"""DTMF (reference xml.md section 6)."""

import pytest

from offhook.testing import Page, World, in_world


@pytest.mark.parametrize(
    ("text", "received", "takes_s"),
    [
        ("123", "123", 0.9),
        (" 1 2\n3 ", "123", 0.9),
        ("0123456789*#", "0123456789*#", 3.6),
        ("ABCD", "ABCD", 1.2),
        ("abcd", "ABCD", 1.2),
        ("1w2", "12", 1.1),
        ("1W2", "12", 1.6),
        ("wWw", "", 2.0),
        ("12@1000", "12", 2.2),
        ("12@50", "12", 0.3),
        ("1-2x3", "123", 0.9),
    ],
)
@in_world()
async def test_the_keys_are_pressed_towards_the_caller(world: World, text: str, received: str, takes_s: float) -> None:
    call = await world.dial_in(f'<DTMF async="false">{text}</DTMF>')
    record = await call.over()
    assert call.caller.keys_received == received
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(takes_s, abs=0.01)


@in_world()
async def test_characters_that_are_no_keys_are_skipped_and_noted(world: World) -> None:
    call = await world.dial_in("<DTMF>1-2x3</DTMF>")
    await call.over()
    assert any("'-x'" in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_nothing_but_other_characters_presses_nothing(world: World) -> None:
    call = await world.dial_in("<DTMF>-?</DTMF><Speak>On</Speak>")
    await call.over()
    assert call.caller.keys_received == ""
    assert call.heard == ["speech: On"]


@in_world()
async def test_an_empty_element_makes_the_document_invalid(world: World) -> None:
    call = await world.dial_in("<DTMF> </DTMF>")
    assert (await call.over()).hangup_cause_code == 8011


@pytest.mark.parametrize(
    ("attributes", "at_s"), [("", 0.0), ('async="true"', 0.0), ('async="false"', 0.9), ('async="what"', 0.0)]
)
@in_world()
async def test_async_decides_whether_the_next_element_waits(world: World, attributes: str, at_s: float) -> None:
    call = await world.dial_in(f"<DTMF {attributes}>123</DTMF><Speak>On</Speak>")
    await call.over()
    assert call.caller.heard[0].at_s == pytest.approx(at_s, abs=0.01)
    assert call.caller.keys_received == "123"


@in_world()
async def test_the_end_of_the_document_waits_for_the_last_key(world: World) -> None:
    call = await world.dial_in("<DTMF>1W2W3</DTMF>")
    record = await call.over()
    assert call.caller.keys_received == "123"
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(2.9, abs=0.01)
    assert record.hangup_cause_code == 4010


@in_world()
async def test_pending_keys_survive_a_new_document(world: World) -> None:
    call = await world.dial_in({"answer": "<DTMF>1W2</DTMF><Redirect>next</Redirect>", "next": Page("", takes_s=0.5)})
    await call.over()
    assert call.caller.keys_received == "12"


@in_world()
async def test_a_second_row_follows_the_first(world: World) -> None:
    call = await world.dial_in('<DTMF>1W2</DTMF><DTMF async="false">34</DTMF><DTMF>56</DTMF>')
    await call.over()
    assert call.caller.keys_received == "123456"
    assert [event["digits"] for event in call.events("digits-sent")] == ["1W2", "34", "56"]


@in_world()
async def test_hangup_does_not_wait_for_pending_keys(world: World) -> None:
    call = await world.dial_in("<DTMF>1WWWW2</DTMF><Hangup/>")
    record = await call.over()
    assert record.hangup_cause_code == 4000
    assert record.end_time == record.initiation_time


@in_world()
async def test_a_caller_who_hangs_up_meanwhile_ends_the_call_normally(world: World) -> None:
    call = await world.dial_in("<DTMF>1WWWW2</DTMF>")
    call.hang_up(after_s=1)
    record = await call.over()
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Caller")
    assert call.caller.keys_received == "1"


@in_world()
async def test_a_caller_who_has_gone_in_that_very_moment_ends_the_call_normally(world: World) -> None:
    call = await world.dial_in("<DTMF>12</DTMF><DTMF>34</DTMF>")
    call.hang_up()
    assert (await call.over()).hangup_cause_code == 4000
