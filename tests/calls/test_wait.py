"""Wait (reference xml.md section 14)."""

import pytest

from offhook.testing import World, in_world

ANSWER = "<Speak>Hi</Speak>"  # 1 s, and the call is answered


@in_world()
async def test_before_the_answer_the_call_rings_on_and_the_next_element_answers(world: World) -> None:
    call = await world.dial_in('<Wait length="10"/><Speak>Hi</Speak>')
    record = await call.over()
    assert call.signals == ["180", "200", "BYE"]
    assert record.answer_time is not None
    assert (record.answer_time - record.initiation_time).total_seconds() == 10
    assert call.heard == ["speech: Hi"]


@pytest.mark.parametrize("attributes", ['silence="true" minSilence="500"', 'beep="true"'])
@in_world()
async def test_before_the_answer_nothing_is_listened_for(world: World, attributes: str) -> None:
    call = await world.dial_in(f'<Wait length="10" {attributes}/><Speak>Hi</Speak>')
    call.caller.beep(after_s=2)
    await call.over()
    assert call.caller.heard[0].at_s == 10


@in_world()
async def test_after_the_answer_there_is_hold_music(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="150"/><Speak>Back</Speak>')
    await call.over()
    assert call.heard == ["speech: Hi", "hold music", "hold music", "hold music", "speech: Back"]
    assert call.caller.heard[-1].at_s == pytest.approx(151, abs=0.1)


@in_world()
async def test_a_silent_wait_is_silent(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="10" silence="true"/><Speak>Back</Speak>')
    await call.over()
    assert call.heard == ["speech: Hi", "speech: Back"]
    assert call.caller.heard[-1].at_s == pytest.approx(11, abs=0.1)


@pytest.mark.parametrize("length", ["", 'length="1"', 'length="0"', 'length="-3"', 'length="long"', 'length="1.5"'])
@in_world()
async def test_the_length_is_a_second_unless_said_otherwise(world: World, length: str) -> None:
    call = await world.dial_in(ANSWER + f"<Wait {length}/><Speak>Back</Speak>")
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(2, abs=0.1)


@in_world()
async def test_without_hold_music_it_is_silent_and_noted(world: World) -> None:
    world.studio.without_hold_music = True
    call = await world.dial_in(ANSWER + '<Wait length="3"/><Speak>Back</Speak>')
    await call.over()
    assert call.heard == ["speech: Hi", "speech: Back"]
    assert any("no hold music" in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_keys_do_not_end_it(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="5"/><Speak>Back</Speak>')
    call.press("1#", after_s=2)
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(6, abs=0.1)


# -- silence -------------------------------------------------------------------------------------------------------


@in_world()
async def test_a_silent_far_end_ends_it_after_min_silence_counted_from_its_start(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="30" silence="true" minSilence="3000"/><Speak>Back</Speak>')
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(4, abs=0.1)
    assert any("silence" in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_talk_puts_the_end_off(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="30" silence="true" minSilence="3000"/><Speak>Back</Speak>')
    call.caller.talk(6, after_s=2)
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(8 + 3, abs=0.1)


@in_world()
async def test_talk_without_pause_lasts_until_length(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="30" silence="true" minSilence="3000"/><Speak>Back</Speak>')
    for start in range(0, 60, 2):
        call.caller.talk(1, after_s=start)
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(31, abs=0.1)


@pytest.mark.parametrize(
    "attributes", ['minSilence="2000"', 'silence="false" minSilence="2000"', 'silence="true"', 'silence="true" minSilence="0"']
)
@in_world()
async def test_it_ends_early_only_in_silence_and_with_a_min_silence(world: World, attributes: str) -> None:
    call = await world.dial_in(ANSWER + f'<Wait length="9" {attributes}/><Speak>Back</Speak>')
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(10, abs=0.1)


@in_world()
async def test_a_min_silence_longer_than_the_wait_never_ends_it(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="2" silence="true" minSilence="9000"/><Speak>Back</Speak>')
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(3, abs=0.1)


# -- beep ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beep", "duration_ms", "ends_at_s"),
    [
        ("true", 400, 5 + 0.9),
        ("duration=300", 400, 5 + 0.9),
        ("duration=500", 400, 31),
        ("intra_silence=2000", 400, 5 + 2.4),
        ("duration=x,threshold=100", 400, 5 + 0.9),
        ("false", 400, 31),
        ("", 400, 31),
        ("loud", 400, 31),
    ],
)
@in_world()
async def test_a_beep_ends_it_when_it_is_listened_for(world: World, beep: str, duration_ms: int, ends_at_s: float) -> None:
    call = await world.dial_in(ANSWER + f'<Wait length="30" beep="{beep}"/><Speak>Back</Speak>')
    call.caller.beep(duration_ms, after_s=5)
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(ends_at_s, abs=0.1)


@pytest.mark.parametrize("attributes", ['silence="true"', 'silence="true" minSilence="90000"', 'minSilence="2000"'])
@in_world()
async def test_a_beep_does_not_matter_where_silence_is_asked_for(world: World, attributes: str) -> None:
    call = await world.dial_in(ANSWER + f'<Wait length="9" beep="true" {attributes}/><Speak>Back</Speak>')
    call.caller.beep(after_s=3)
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(10, abs=0.1)


@in_world()
async def test_the_music_plays_on_while_a_beep_is_listened_for(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="30" beep="true"/>')
    call.caller.beep(after_s=5)
    await call.over()
    assert call.heard == ["speech: Hi", "hold music"]
    assert any("a beep" in str(note["text"]) for note in call.events("note"))


# -- endings -------------------------------------------------------------------------------------------------------


@in_world()
async def test_no_request_is_made(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="9" silence="true" minSilence="100"/>')
    await call.over()
    assert [request.purpose for request in world.customer.requests] == ["answer", "hangup"]


@in_world()
async def test_a_caller_who_gives_up_while_it_rings(world: World) -> None:
    call = await world.dial_in('<Wait length="60"/>')
    call.hang_up(after_s=20)
    record = await call.over()
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (4000, "ORIGINATOR_CANCEL", "Caller")
    assert record.call_status == "completed"


@in_world()
async def test_a_caller_who_hangs_up_just_when_the_music_is_being_stopped_hears_no_more(world: World) -> None:
    call = await world.dial_in(ANSWER + '<Wait length="2"/><Redirect>next</Redirect>')
    call.hang_up(after_s=3.01)
    record = await call.over()
    assert record.hangup_source == "Caller"
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(3.01, abs=0.03)
    assert world.customer.asked("redirect") == []
