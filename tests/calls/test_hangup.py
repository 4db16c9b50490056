"""Hangup and Redirect (reference xml.md sections 12 and 13, hangup-causes.md section 6.5)."""

import pytest

from offhook.testing import World, in_world

UNANSWERED = [
    ("<Hangup/>", "603", 21, 4000, "CALL_REJECTED"),
    ('<Hangup reason="rejected"/>', "603", 21, 3020, "CALL_REJECTED"),
    ('<Hangup reason="REJECTED"/>', "603", 21, 3020, "CALL_REJECTED"),
    ('<Hangup reason="busy"/>', "486", 17, 3010, "USER_BUSY"),
    ('<Hangup reason="Busy"/>', "486", 17, 3010, "USER_BUSY"),
    ('<Hangup reason="bored"/>', "603", 21, 4000, "CALL_REJECTED"),
    ('<Hangup schedule="0"/>', "603", 21, 4000, "CALL_REJECTED"),
]


@pytest.mark.parametrize(("element", "status", "q850", "code", "cause"), UNANSWERED)
@in_world()
async def test_an_unanswered_call_is_refused(world: World, element: str, status: str, q850: int, code: int, cause: str) -> None:
    call = await world.dial_in(element)
    record = await call.over()
    assert call.signals == [status]
    assert call.caller.released_with is not None
    assert call.caller.released_with.q850 == q850
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (code, cause, "Answer XML")
    assert record.answer_time is None
    assert record.call_status == "completed"


@pytest.mark.parametrize(
    ("element", "code", "cause", "q850"),
    [
        ("<Hangup/>", 4000, "NORMAL_CLEARING", 16),
        ('<Hangup reason="busy"/>', 3010, "USER_BUSY", 17),
        ('<Hangup reason="rejected"/>', 3020, "CALL_REJECTED", 21),
        ('<Hangup schedule="0"/>', 4000, "NORMAL_CLEARING", 16),
        ('<Hangup schedule="0" reason="busy"/>', 4000, "NORMAL_CLEARING", 16),
    ],
)
@in_world()
async def test_an_answered_call_is_hung_up(world: World, element: str, code: int, cause: str, q850: int) -> None:
    call = await world.dial_in(f"<Speak>Hi</Speak>{element}<Speak>Never</Speak>")
    record = await call.over()
    assert call.signals == ["200", "BYE"]
    assert call.heard == ["speech: Hi"]
    assert call.caller.released_with is not None
    assert call.caller.released_with.q850 == q850
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (code, cause, "Answer XML")


@in_world()
async def test_text_in_it_does_no_harm(world: World) -> None:
    call = await world.dial_in("<Hangup>enough</Hangup>")
    assert (await call.over()).hangup_cause_code == 4000


# -- schedule ------------------------------------------------------------------------------------------------------


@in_world()
async def test_schedule_ends_the_call_later_while_the_next_elements_run(world: World) -> None:
    call = await world.dial_in('<Hangup schedule="4"/><Speak>One two three</Speak><Speak>Four five six</Speak>')
    record = await call.over()
    assert record.duration_s == 4
    assert (record.hangup_cause_code, record.hangup_cause_name) == (6000, "Scheduled Hangup")
    assert (record.hangup_cause, record.hangup_source) == ("ALLOTTED_TIMEOUT", "Answer XML")
    assert call.heard == ["speech: One two three", "speech: Four five six"]
    assert call.caller.heard[-1].for_ms == pytest.approx(1000, abs=50)


@in_world()
async def test_when_the_document_ends_first_the_call_ends_at_once(world: World) -> None:
    call = await world.dial_in('<Hangup schedule="60"/><Speak>Hi</Speak>')
    record = await call.over()
    assert (record.duration_s, record.hangup_cause_code) == (1, 4010)


@in_world()
async def test_the_schedule_survives_new_documents(world: World) -> None:
    pages = {
        "answer": '<Hangup schedule="5"/><Redirect>next</Redirect>',
        "next": '<GetDigits action="more"/>',
        "more": "<Speak loop='0'>On and on</Speak>",
    }
    call = await world.dial_in(pages)
    call.press("1#", after_s=1)
    record = await call.over()
    assert (record.duration_s, record.hangup_cause_code) == (5, 6000)


@pytest.mark.parametrize(("first", "second"), [(5, 20), (20, 5)])
@in_world()
async def test_a_second_schedule_replaces_the_first(world: World, first: int, second: int) -> None:
    call = await world.dial_in(f'<Hangup schedule="{first}"/><Hangup schedule="{second}"/><Speak loop="0">On</Speak>')
    assert (await call.over()).duration_s == second


@in_world()
async def test_the_schedule_counts_from_where_it_stands(world: World) -> None:
    call = await world.dial_in('<Speak>One two</Speak><Hangup schedule="5"/><Speak loop="0">On</Speak>')
    assert (await call.over()).duration_s == 7


@in_world()
async def test_the_reason_is_ignored_with_a_schedule(world: World) -> None:
    call = await world.dial_in('<Hangup schedule="5" reason="busy"/><Speak loop="0">On</Speak>')
    assert (await call.over()).hangup_cause_code == 6000


@pytest.mark.parametrize("bad", ["-1", "soon", "", "1.5"])
@in_world()
async def test_a_schedule_that_is_no_number_skips_the_element(world: World, bad: str) -> None:
    call = await world.dial_in(f'<Hangup schedule="{bad}"/><Speak>On</Speak>')
    record = await call.over()
    assert record.hangup_cause_code == 4010
    assert call.heard == ["speech: On"]


@in_world()
async def test_the_schedule_also_ends_a_call_that_rings(world: World) -> None:
    call = await world.dial_in('<Hangup schedule="5"/><Wait length="60"/>')
    record = await call.over()
    assert record.hangup_cause_code == 6000
    assert call.signals == ["180", "480"]
    assert record.answer_time is None


@in_world()
async def test_a_caller_who_leaves_before_the_schedule_leaves_no_timer(world: World) -> None:
    call = await world.dial_in('<Hangup schedule="30"/><Speak loop="0">On</Speak>')
    call.hang_up(after_s=3)
    assert (await call.over()).hangup_source == "Caller"
    await world.sleep(60)
    assert len(call.records) == 1


# -- Redirect ------------------------------------------------------------------------------------------------------


@in_world()
async def test_a_redirect_drops_the_rest_of_its_document(world: World) -> None:
    call = await world.dial_in({"answer": "<Redirect>next</Redirect><Speak>Never</Speak>", "next": "<Speak>Here</Speak>"})
    await call.over()
    assert call.heard == ["speech: Here"]


@pytest.mark.parametrize(
    ("attributes", "method"), [("", "POST"), ('method="GET"', "GET"), ('method="get"', "GET"), ('method="Post"', "POST")]
)
@in_world()
async def test_a_redirect_goes_by_its_method(world: World, attributes: str, method: str) -> None:
    call = await world.dial_in({"answer": f"<Redirect {attributes}>next</Redirect>", "next": ""})
    await call.over()
    assert world.customer.asked("redirect")[0].method == method


@in_world()
async def test_a_redirect_keeps_the_query_of_its_url(world: World) -> None:
    call = await world.dial_in({"answer": "<Redirect>\n next?a=1&amp;b=2 \n</Redirect>", "next?a=1&b=2": ""})
    await call.over()
    assert world.customer.asked("redirect")[0].url == "https://app.example/next?a=1&b=2"


@in_world()
async def test_an_empty_redirect_makes_the_document_invalid(world: World) -> None:
    call = await world.dial_in("<Speak>Hi</Speak><Redirect/>")
    assert (await call.over()).hangup_cause_code == 8011
    assert call.heard == []
