"""How calls end in the middle of things (reference xml.md section 1.11, hangup-causes.md sections 6.3 to 6.5)."""

import pytest

from offhook import causes
from offhook.causes import Ending
from offhook.testing import NUMBER, Page, Party, World, in_world

CLIP = "https://media.example/a.mp3"

IN_THE_MIDDLE = {
    "Speak": "<Speak>One two three four five six</Speak>",
    "Speak, endless": "<Speak loop='0'>One</Speak>",
    "Play": f"<Play>{CLIP}</Play>",
    "DTMF": '<DTMF async="false">1WWWWWWW2</DTMF>',
    "DTMF, async, at the end": "<DTMF>1WWWWWWW2</DTMF><!-- and nothing more -->",
    "GetDigits, prompting": '<GetDigits action="menu"><Speak>One two three four five six</Speak></GetDigits>',
    "GetDigits, waiting": '<GetDigits action="menu" timeout="9"/>',
    "GetDigits, beeping": '<Wait length="2"/><GetDigits action="menu" playBeep="true"/>',
    "Wait, ringing": '<Wait length="9"/>',
    "Wait, music": '<Speak>A</Speak><Wait length="9"/>',
    "Wait, silence": '<Speak>A</Speak><Wait length="9" silence="true"/>',
    "Wait for silence": '<Speak>A</Speak><Wait length="9" silence="true" minSilence="8000"/>',
    "Wait for a beep": '<Speak>A</Speak><Wait length="9" beep="true"/>',
    "PreAnswer": "<PreAnswer><Speak>One two three four five six</Speak></PreAnswer>",
    "PreAnswer, keys": '<PreAnswer><GetDigits action="menu" timeout="9"/></PreAnswer>',
    "Redirect, fetching": "<Redirect>slow</Redirect>",
    "Redirect, answered": "<Speak>A</Speak><Redirect>slow</Redirect>",
    "Hangup, scheduled": '<Hangup schedule="9"/><Speak loop="0">One</Speak>',
}
FINALS = {
    "hangs up": None,
    "media timeout": causes.MEDIA_TIMEOUT,
    "socket lost": causes.SOCKET_LOST,
}


@pytest.mark.parametrize("element", IN_THE_MIDDLE.values(), ids=IN_THE_MIDDLE)
@pytest.mark.parametrize("final", FINALS.values(), ids=FINALS)
@in_world()
async def test_a_caller_who_goes_in_the_middle_of_an_element_ends_the_call_at_once(
    world: World, element: str, final: Ending | None
) -> None:
    world.studio.add_file(CLIP, 9)
    more = "" if element.endswith("-->") else "<Speak>Never</Speak>"
    pages = {"answer": element + more, "slow": Page("<Speak>Never</Speak>", takes_s=9), "menu": "<Speak>Never</Speak>"}
    call = await world.dial_in(pages)
    if final is None:
        call.hang_up(after_s=2.1)
    else:
        call.caller.leave(final, after_s=2.1)
    record = await call.over()
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(2.1, abs=0.05)
    expected = final or (causes.CALLER_HUNG_UP if record.answer_time is not None else causes.CALLER_GAVE_UP)
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (
        expected.cause.code,
        expected.telephony,
        expected.source.value,
    )
    assert record.call_status == "completed"
    assert "speech: Never" not in call.heard
    assert [request.purpose for request in world.customer.requests if request.purpose != "redirect"] == ["answer", "hangup"]
    assert not {"BYE", "603", "480"} & set(call.signals)  # nobody is there to be told


@pytest.mark.parametrize("element", IN_THE_MIDDLE.values(), ids=IN_THE_MIDDLE)
@in_world()
async def test_an_ordered_hangup_in_the_middle_of_an_element_ends_the_call_at_once(world: World, element: str) -> None:
    world.studio.add_file(CLIP, 9)
    call = await world.dial_in({"answer": element, "slow": Page("<Speak>Never</Speak>", takes_s=9)})
    await world.sleep(2.1)
    call.running.hang_up(causes.API_HANGUP)
    record = await call.over()
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(2.1, abs=0.05)
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "API Request")
    assert call.signals[-1] == ("BYE" if record.answer_time is not None else "480")


@in_world()
async def test_the_first_order_to_end_counts(world: World) -> None:
    call = await world.dial_in("<Speak loop='0'>On</Speak>")
    await world.sleep(1)
    call.running.hang_up(causes.TIME_LIMIT)
    call.running.hang_up(causes.API_HANGUP)
    assert (await call.over()).hangup_cause_code == 6000


@in_world()
async def test_a_caller_who_leaves_in_the_moment_of_an_order_is_who_ended_it(world: World) -> None:
    call = await world.dial_in("<Speak loop='0'>On</Speak>")
    await world.sleep(1)
    call.running.hang_up(causes.API_HANGUP)
    call.hang_up()
    assert (await call.over()).hangup_source == "Caller"


@in_world()
async def test_a_caller_who_gives_up_while_the_answer_url_is_asked(world: World) -> None:
    call = await world.dial_in(Page("<Speak>Never</Speak>", takes_s=9))
    call.hang_up(after_s=3)
    record = await call.over()
    assert (record.hangup_cause, record.duration_s) == ("ORIGINATOR_CANCEL", 0)
    assert [request.purpose for request in world.customer.requests] == ["answer", "hangup"]


@in_world()
async def test_a_caller_who_has_given_up_before_the_call_runs(world: World) -> None:
    call = await world.dial_in("<Speak>Never</Speak>", party=Party(to_number=NUMBER, to_user=NUMBER))
    call.hang_up()
    record = await call.over()
    assert record.hangup_cause == "ORIGINATOR_CANCEL"
    assert call.heard == []


@in_world()
async def test_a_caller_who_hangs_up_while_the_action_url_is_asked_gets_no_more_xml(world: World) -> None:
    pages = {"answer": '<GetDigits action="menu"/>', "menu": Page("<Speak>Never</Speak>", takes_s=9)}
    call = await world.dial_in(pages)
    call.press("1#", after_s=1)
    call.hang_up(after_s=3)
    record = await call.over()
    assert record.duration_s == 3
    assert call.heard == []
    assert [request.purpose for request in world.customer.requests] == ["answer", "action", "hangup"]


@in_world()
async def test_a_caller_who_hangs_up_when_the_document_is_over_anyway(world: World) -> None:
    call = await world.dial_in("<Speak>One</Speak>")
    call.hang_up(after_s=1)
    record = await call.over()
    assert record.hangup_cause_code in {4000, 4010}
    assert len(world.customer.asked("hangup")) == 1


@in_world()
async def test_a_leg_that_is_gone_and_does_not_say_why_does_not_hang_the_call(world: World) -> None:
    call = await world.dial_in("<Wait length='2'/><Speak>One</Speak>")
    await world.sleep(1)
    call.caller.released_with = causes.SOCKET_LOST  # as if somebody else had released it
    record = await call.over()
    assert record.hangup_cause_code == 5010
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(7, abs=0.1)
