"""Speak and Play (reference xml.md sections 4 and 5)."""

import pytest

from offhook.testing import World, in_world

CLIP = "https://media.example/a.mp3"


@in_world()
async def test_the_text_is_spoken_with_its_voice_and_language(world: World) -> None:
    call = await world.dial_in('<Speak voice="MAN" language="en-GB">Good   day\n to you</Speak>')
    await call.over()
    assert world.studio.rendered == [("Good day to you", "MAN", "en-GB")]
    assert call.heard == ["speech: Good day to you"]


@in_world()
async def test_without_attributes_a_woman_speaks_american_english(world: World) -> None:
    call = await world.dial_in("<Speak>Hi</Speak>")
    await call.over()
    assert world.studio.rendered == [("Hi", "WOMAN", "en-US")]


@pytest.mark.parametrize("element", ["<Speak loop='{}'>One two</Speak>", "<Play loop='{}'>" + CLIP + "</Play>"])
@pytest.mark.parametrize(("loop", "times"), [("1", 1), ("3", 3), ("-1", 1), ("x", 1), ("", 1)])
@in_world()
async def test_loop_says_how_often(world: World, element: str, loop: str, times: int) -> None:
    world.studio.add_file(CLIP, 2)
    call = await world.dial_in(element.format(loop))
    record = await call.over()
    assert len(call.heard) == times
    assert record.duration_s == 2 * times
    assert len(world.studio.rendered) + len(world.studio.fetched) == 1


@pytest.mark.parametrize("element", ["<Speak loop='0'>One two</Speak>", "<Play loop='0'>" + CLIP + "</Play>"])
@in_world()
async def test_loop_0_goes_on_until_the_caller_hangs_up(world: World, element: str) -> None:
    world.studio.add_file(CLIP, 2)
    call = await world.dial_in(element + "<Speak>Never</Speak>")
    call.hang_up(after_s=101)
    record = await call.over()
    assert record.duration_s == 101
    assert set(call.heard) <= {"speech: One two", "file: " + CLIP}
    assert len(call.heard) == 51


@in_world()
async def test_a_scheduled_hangup_ends_an_endless_prompt(world: World) -> None:
    call = await world.dial_in('<Hangup schedule="30"/><Speak loop="0">One two</Speak>')
    assert (await call.over()).hangup_cause_code == 6000


@in_world()
async def test_an_empty_speak_says_nothing_and_falls_through(world: World) -> None:
    call = await world.dial_in("<Speak>  </Speak><Speak>Next</Speak>")
    await call.over()
    assert call.heard == ["speech: Next"]


@in_world()
async def test_more_than_3000_characters_are_spoken_all_the_same(world: World) -> None:
    call = await world.dial_in("<Speak>" + "word " * 1000 + "</Speak>")
    assert (await call.over()).duration_s == 1000


@in_world()
async def test_when_nobody_can_speak_it_is_noted_and_the_document_goes_on(world: World) -> None:
    world.studio.mute = True
    world.studio.add_file(CLIP, 1)
    call = await world.dial_in(f"<Speak>Hi</Speak><Play>{CLIP}</Play>")
    record = await call.over()
    assert call.heard == ["file: " + CLIP]
    assert any("nothing is spoken" in str(note["text"]) for note in call.events("note"))
    assert record.hangup_cause_code == 4010


@pytest.mark.parametrize(
    "url", ["https://gone.example/a.mp3", "ftp://media.example/a.mp3", "Hello there", "https://", "http://[::1"]
)
@in_world()
async def test_a_file_that_cannot_be_had_is_noted_and_the_document_goes_on(world: World, url: str) -> None:
    call = await world.dial_in(f"<Play>{url}</Play><Speak>Next</Speak>")
    record = await call.over()
    assert call.heard == ["speech: Next"]
    assert any("not played" in str(note["text"]) for note in call.events("note"))
    assert record.hangup_cause_code == 4010


@in_world()
async def test_the_url_of_a_file_may_be_relative_and_surrounded_by_blanks(world: World) -> None:
    world.studio.add_file("https://app.example/sounds/a.mp3", 1)
    call = await world.dial_in("<Play>\n  sounds/a.mp3\n</Play>")
    await call.over()
    assert call.heard == ["file: https://app.example/sounds/a.mp3"]


@in_world()
async def test_keys_pressed_during_a_prompt_of_its_own_are_discarded(world: World) -> None:
    call = await world.dial_in('<Speak>One two three</Speak><GetDigits action="menu"/>')
    call.press("12#", after_s=1)
    await call.over()
    assert call.heard == ["speech: One two three"]
    assert world.customer.asked("action") == []


@in_world()
async def test_the_timeline_tells_what_was_played_and_why_it_stopped(world: World) -> None:
    call = await world.dial_in("<Speak>One two</Speak><Speak loop='0'>On and on</Speak>")
    call.hang_up(after_s=9)
    await call.over()
    assert [(stop["what"], stop["why"]) for stop in call.events("audio-stopped")] == [
        ("speech: One two", "finished"),
        ("speech: On and on", "stopped"),
    ]
    assert [(end["element"], end["why"]) for end in call.events("element-ended")] == [("Speak", "done"), ("Speak", "interrupted")]
