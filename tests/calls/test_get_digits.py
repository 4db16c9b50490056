"""GetDigits (reference xml.md section 7)."""

from typing import Any

import pytest

from offhook.testing import Dialled, Page, World, in_world

PROMPT = "<Speak>Please press a key</Speak>"  # 4 words of 5: 5 s
CLIP = "https://media.example/wrong.mp3"


async def menu(world: World, attributes: str = "", prompt: str = PROMPT, rest: str = "<Speak>Nothing</Speak>") -> Dialled:
    pages: dict[str, Any] = {
        "answer": f'<GetDigits action="menu" {attributes}>{prompt}</GetDigits>{rest}',
        "menu": "<Speak>Took over</Speak>",
    }
    return await world.dial_in(pages)


def digits(world: World) -> list[str]:
    return [request["Digits"] for request in world.customer.asked("action")]


@in_world()
async def test_keys_after_the_prompt_reach_the_action_url(world: World) -> None:
    call = await menu(world)
    call.press("1234#", after_s=6)
    await call.over()
    assert digits(world) == ["1234"]
    assert call.heard == ["speech: Please press a key", "speech: Took over"]


@in_world()
async def test_the_action_request_is_a_post_with_the_standard_parameters(world: World) -> None:
    call = await menu(world)
    call.press("1#", after_s=6)
    await call.over()
    (action,) = world.customer.asked("action")
    assert (action.method, action["Event"], action["CallStatus"], action["CallUUID"]) == (
        "POST",
        "Redirect",
        "in-progress",
        call.uuid,
    )


@in_world()
async def test_the_action_request_may_be_a_get(world: World) -> None:
    call = await menu(world, 'method="get"')
    call.press("1#", after_s=6)
    await call.over()
    assert world.customer.asked("action")[0].method == "GET"


@in_world()
async def test_a_key_during_the_prompt_stops_it_at_once_and_counts(world: World) -> None:
    call = await menu(world)
    call.press("12#", after_s=2)
    await call.over()
    assert digits(world) == ["12"]
    assert call.caller.heard[0].for_ms == 2000
    assert call.events("audio-stopped")[0]["why"] == "key"


@in_world()
async def test_a_key_before_the_prompt_is_ready_counts_and_the_prompt_is_not_played(world: World) -> None:
    world.studio.speaking_takes_s = 4
    call = await menu(world)
    call.press("7#", after_s=1)
    await call.over()
    assert digits(world) == ["7"]
    assert call.heard == ["speech: Took over"]


@in_world()
async def test_keys_pressed_before_the_element_began_do_not_count(world: World) -> None:
    call = await menu(world, prompt="")
    world.customer.pages["https://app.example/answer"] = Page('<GetDigits action="menu"/><Speak>Nothing</Speak>', takes_s=2)
    call.press("12")
    await call.over()
    assert digits(world) == []


@in_world()
async def test_keys_pressed_while_the_action_url_answers_do_not_count_for_the_next_element(world: World) -> None:
    call = await menu(world)
    world.customer.pages["https://app.example/menu"] = Page('<GetDigits action="more"/><Speak>Nothing</Speak>', takes_s=3)
    call.press("1#", after_s=1)
    call.press("55", after_s=2)
    await call.over()
    assert digits(world) == ["1"]
    assert call.heard[-1] == "speech: Nothing"


@in_world()
async def test_all_children_are_the_prompt_and_play_without_a_gap(world: World) -> None:
    world.studio.add_file("https://media.example/a.mp3", 3)
    world.studio.fetching_takes_s = world.studio.speaking_takes_s = 1
    call = await menu(
        world, prompt='<Speak>Welcome</Speak><Wait length="2"/><Play>https://media.example/a.mp3</Play><Speak>Press</Speak>'
    )
    await call.over()
    assert [(heard.sound, heard.at_s) for heard in call.caller.heard][:4] == [
        ("speech: Welcome", 1.0),
        ("silence", 2.0),
        ("file: https://media.example/a.mp3", 4.0),
        ("speech: Press", 7.0),
    ]


@in_world()
async def test_a_part_of_the_prompt_that_cannot_be_had_is_left_out(world: World) -> None:
    call = await menu(world, prompt=f"<Play>{CLIP}</Play><Speak>Press</Speak>")
    await call.over()
    assert call.heard == ["speech: Press", "speech: Nothing"]


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attributes", "limit_s"), [("", 5), ('timeout="9"', 9), ('timeout="0"', 5), ('timeout="soon"', 5)])
@in_world()
async def test_the_first_key_must_come_within_timeout_of_the_prompts_end(world: World, attributes: str, limit_s: int) -> None:
    call = await menu(world, attributes)
    await call.over()
    assert digits(world) == []
    assert call.caller.heard[-1].sound == "speech: Nothing"
    assert call.caller.heard[-1].at_s == pytest.approx(4 + limit_s, abs=0.1)


@in_world()
async def test_a_key_just_before_the_timeout_counts(world: World) -> None:
    call = await menu(world)
    call.press("1", after_s=8.9)
    await call.over()
    assert digits(world) == ["1"]


@pytest.mark.parametrize(("attributes", "limit_s"), [("", 2), ('digitTimeout="7"', 7), ('digitTimeout="0"', 2)])
@in_world()
async def test_a_pause_of_digit_timeout_ends_the_entry(world: World, attributes: str, limit_s: int) -> None:
    call = await menu(world, attributes)
    call.press("12", after_s=1, every_s=1)
    await call.over()
    assert digits(world) == ["12"]
    assert world.customer.asked("action")[0].at_s == pytest.approx(2 + limit_s, abs=0.1)


@in_world()
async def test_the_pause_counts_from_the_last_key(world: World) -> None:
    call = await menu(world)
    call.press("12345", after_s=1, every_s=1.9)
    await call.over()
    assert digits(world) == ["12345"]


@in_world()
async def test_a_prompt_with_loop_0_waits_for_a_key_for_ever(world: World) -> None:
    call = await menu(world, prompt="<Speak loop='0'>Press</Speak>")
    call.press("1#", after_s=3600.5)
    await call.over()
    assert digits(world) == ["1"]


# -- how an entry ends ---------------------------------------------------------------------------------------------


@in_world()
async def test_num_digits_ends_the_entry_at_once_and_more_are_ignored(world: World) -> None:
    call = await menu(world, 'numDigits="2"')
    call.press("12345", after_s=1, every_s=0.1)
    await call.over()
    assert digits(world) == ["12"]
    assert world.customer.asked("action")[0].at_s == pytest.approx(1.1, abs=0.05)


@pytest.mark.parametrize("bad", ["0", "100", "many"])
@in_world()
async def test_a_bad_num_digits_is_99(world: World, bad: str) -> None:
    call = await menu(world, f'numDigits="{bad}"')
    call.press("1" * 120, after_s=1, every_s=0.1)
    await call.over()
    assert digits(world) == ["1" * 99]


@pytest.mark.parametrize(
    ("attributes", "pressed", "expected"),
    [
        ("", "12#", "12"),
        ('finishOnKey="*"', "12*", "12"),
        ('finishOnKey="*"', "1#2*", "1#2"),
        ('finishOnKey="5"', "125", "12"),
        ('finishOnKey="none"', "12#", "12#"),
        ('finishOnKey=""', "12#", "12#"),
        ('finishOnKey="##"', "12#", "12"),
        ('finishOnKey="x"', "12#", "12"),
        ('finishOnKey="1" validDigits="123"', "321", "32"),
        ('finishOnKey="#" validDigits="12"', "12#", "12"),
    ],
)
@in_world()
async def test_the_finish_key_submits_and_is_never_part_of_the_digits(
    world: World, attributes: str, pressed: str, expected: str
) -> None:
    call = await menu(world, attributes)
    call.press(pressed, after_s=1)
    await call.over()
    assert digits(world) == [expected]


# -- attempts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attributes", "attempts"), [("", 1), ('retries="1"', 1), ('retries="3"', 3), ('retries="0"', 1)])
@in_world()
async def test_retries_counts_all_attempts_and_each_plays_the_prompt_in_full(
    world: World, attributes: str, attempts: int
) -> None:
    call = await menu(world, attributes)
    await call.over()
    assert call.heard == ["speech: Please press a key"] * attempts + ["speech: Nothing"]
    assert digits(world) == []


@in_world()
async def test_the_prompt_is_rendered_once_for_all_attempts(world: World) -> None:
    call = await menu(world, 'retries="5"')
    await call.over()
    assert len(world.studio.rendered) == 1 + 1


@in_world()
async def test_an_entry_in_the_second_attempt_counts(world: World) -> None:
    call = await menu(world, 'retries="2"')
    call.press("9#", after_s=10)
    await call.over()
    assert digits(world) == ["9"]


@in_world()
async def test_without_input_there_is_no_request_and_the_next_element_runs(world: World) -> None:
    call = await menu(world)
    await call.over()
    assert [request.purpose for request in world.customer.requests] == ["answer", "hangup"]
    assert call.heard[-1] == "speech: Nothing"


@in_world()
async def test_the_finish_key_alone_is_a_failed_attempt(world: World) -> None:
    call = await menu(world, 'retries="2"')
    call.press("#", after_s=1)
    await call.over()
    assert digits(world) == []
    assert call.heard == ["speech: Please press a key"] * 2 + ["speech: Nothing"]
    assert call.caller.heard[1].at_s == pytest.approx(1, abs=0.1)


# -- invalid keys --------------------------------------------------------------------------------------------------


@in_world()
async def test_an_invalid_key_throws_the_entry_away_and_uses_the_attempt_up(world: World) -> None:
    call = await menu(world, 'validDigits="123"')
    call.press("129", after_s=1)
    await call.over()
    assert digits(world) == []
    assert call.heard == ["speech: Please press a key", "speech: Nothing"]


@in_world()
async def test_after_an_invalid_key_the_sound_for_it_is_played_and_the_prompt_again(world: World) -> None:
    world.studio.add_file(CLIP, 2)
    call = await menu(world, f'validDigits="123" retries="2" invalidDigitsSound="{CLIP}"')
    call.press("9", after_s=1)
    call.press("2#", after_s=5)
    await call.over()
    assert call.heard == ["speech: Please press a key", "file: " + CLIP, "speech: Please press a key", "speech: Took over"]
    assert digits(world) == ["2"]


@pytest.mark.parametrize("sound", ["https://gone.example/", "nothing here", "ftp://x/y"])
@in_world()
async def test_an_invalid_digits_sound_that_cannot_be_had_is_left_out(world: World, sound: str) -> None:
    call = await menu(world, f'validDigits="123" retries="2" invalidDigitsSound="{sound}"')
    call.press("9", after_s=1)
    await call.over()
    assert call.heard == ["speech: Please press a key"] * 2 + ["speech: Nothing"]


@in_world()
async def test_a_key_outside_the_twelve_is_invalid(world: World) -> None:
    call = await menu(world)
    call.press("A", after_s=1)
    await call.over()
    assert digits(world) == []


@in_world()
async def test_what_is_pressed_while_the_sound_for_an_invalid_key_plays_does_not_count(world: World) -> None:
    world.studio.add_file(CLIP, 3)
    call = await menu(world, f'validDigits="123" retries="2" invalidDigitsSound="{CLIP}"')
    call.press("9123", after_s=1, every_s=0.2)
    await call.over()
    assert digits(world) == []


# -- beep ----------------------------------------------------------------------------------------------------------


@in_world()
async def test_the_beep_comes_after_all_prompts(world: World) -> None:
    call = await menu(world, 'playBeep="true"')
    call.press("1#", after_s=6)
    await call.over()
    assert [(heard.sound, heard.at_s) for heard in call.caller.heard][:2] == [("speech: Please press a key", 0), ("beep", 4.0)]


@in_world()
async def test_the_timeout_counts_from_the_end_of_the_beep(world: World) -> None:
    call = await menu(world, 'playBeep="true"')
    await call.over()
    assert call.caller.heard[-1].at_s == pytest.approx(4 + 0.3 + 5, abs=0.1)


@in_world()
async def test_an_interrupted_prompt_is_not_followed_by_a_beep(world: World) -> None:
    call = await menu(world, 'playBeep="true"')
    call.press("1#", after_s=1)
    await call.over()
    assert "beep" not in call.heard


@in_world()
async def test_a_key_during_the_beep_counts(world: World) -> None:
    call = await menu(world, 'playBeep="true"')
    call.press("5#", after_s=4.1)
    await call.over()
    assert digits(world) == ["5"]


@in_world()
async def test_without_a_prompt_the_beep_is_all_there_is(world: World) -> None:
    call = await menu(world, 'playBeep="true"', prompt="")
    await call.over()
    assert call.heard[0] == "beep"


# -- action and redirect -------------------------------------------------------------------------------------------


@in_world()
async def test_the_document_of_the_action_takes_over(world: World) -> None:
    call = await menu(world)
    call.press("1#", after_s=1)
    await call.over()
    assert "speech: Nothing" not in call.heard


@in_world()
async def test_with_redirect_false_the_action_is_told_and_the_document_goes_on(world: World) -> None:
    call = await menu(world, 'redirect="false"')
    world.customer.receiving_takes_s = 4
    call.press("12#", after_s=1)
    await call.over()
    assert digits(world) == ["12"]
    assert call.heard == ["speech: Please press a key", "speech: Nothing"]
    assert call.caller.heard[-1].at_s == pytest.approx(1.6, abs=0.1)
    assert world.customer.asked("action")[0]["Event"] == "Redirect"


@pytest.mark.parametrize("reply", [Page(status=500), Page(b""), Page(b"junk")])
@in_world()
async def test_with_redirect_false_it_does_not_matter_what_the_action_says(world: World, reply: Page) -> None:
    call = await menu(world, 'redirect="false"')
    world.customer.pages["https://app.example/menu"] = reply
    call.press("12#", after_s=1)
    assert (await call.over()).hangup_cause_code == 4010


@pytest.mark.parametrize("action", ["ftp://x.example/", "tel:1", "http://[::1"])
@in_world()
async def test_with_redirect_false_a_bad_action_is_noted_and_not_sent(world: World, action: str) -> None:
    call = await world.dial_in(f'<GetDigits action="{action}" redirect="false"/><Speak>On</Speak>')
    call.press("1#", after_s=1)
    assert (await call.over()).hangup_cause_code == 4010
    assert call.heard == ["speech: On"]
    assert any("not sent" in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_with_redirect_false_a_bad_method_becomes_post(world: World) -> None:
    call = await menu(world, 'redirect="false" method="PUT"')
    call.press("1#", after_s=1)
    await call.over()
    assert world.customer.asked("action")[0].method == "POST"


@in_world()
async def test_with_redirect_false_an_outbox_that_fails_does_not_end_the_call(world: World) -> None:
    world.customer.cannot_be_notified = True
    call = await menu(world, 'redirect="false"')
    call.press("1#", after_s=1)
    assert (await call.over()).hangup_cause_code == 4010
    assert call.heard[-1] == "speech: Nothing"


@in_world()
async def test_without_an_action_the_digits_are_dropped_and_the_next_element_runs(world: World) -> None:
    call = await world.dial_in("<GetDigits>" + PROMPT + "</GetDigits><Speak>On</Speak>")
    call.press("12#", after_s=1)
    await call.over()
    assert call.heard == ["speech: Please press a key", "speech: On"]
    assert [request.purpose for request in world.customer.requests] == ["answer", "hangup"]


@in_world()
async def test_an_empty_action_counts_as_none(world: World) -> None:
    call = await world.dial_in('<GetDigits action=" "/><Speak>On</Speak>')
    call.press("12#", after_s=1)
    await call.over()
    assert call.heard == ["speech: On"]


# -- privacy and endings -------------------------------------------------------------------------------------------


@in_world()
async def test_log_false_keeps_the_digits_out_of_timeline_and_log(world: World) -> None:
    call = await menu(world, 'log="false" validDigits="8642"')
    call.press("8642#", after_s=1)
    await call.over()
    assert digits(world) == ["8642"]
    assert {event["digit"] for event in call.events("digit-received")} == {"?"}
    for row in call.timeline:
        assert "8642" not in str(row.facts), row


@in_world()
async def test_log_false_keeps_an_invalid_key_out_too(world: World) -> None:
    call = await menu(world, 'log="false" validDigits="1"')
    call.press("7", after_s=1)
    await call.over()
    assert not any("7" in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_otherwise_each_key_is_on_the_timeline(world: World) -> None:
    call = await menu(world)
    call.press("12#", after_s=1)
    await call.over()
    assert [event["digit"] for event in call.events("digit-received")] == ["1", "2", "#"]


@pytest.mark.parametrize("at_s", [0.5, 1.1, 4.5, 8.9])
@in_world()
async def test_a_caller_who_hangs_up_while_keys_are_collected_causes_no_action_request(world: World, at_s: float) -> None:
    call = await menu(world)
    call.press("1", after_s=1)
    call.press("2", after_s=2.5)
    call.hang_up(after_s=min(at_s, 3))
    await call.over()
    assert digits(world) == []
    assert len(world.customer.asked("hangup")) == 1


@in_world()
async def test_a_caller_who_hangs_up_in_the_moment_the_prompt_stops_causes_no_action_request(world: World) -> None:
    call = await menu(world, 'numDigits="1"')
    call.press("1", after_s=1)
    call.hang_up(after_s=1.001)
    record = await call.over()
    assert (record.end_time - record.initiation_time).total_seconds() < 1.5
    assert [request.purpose for request in world.customer.requests if request.purpose != "action"] == ["answer", "hangup"]
