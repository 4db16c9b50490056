"""What requests carry (reference xml.md sections 2.3 and 2.4, callbacks.md sections 3, 4.1 and 4.6)."""

import re

import pytest

from offhook.testing import AUTH_ID, NUMBER, Party, World, in_world

MENU = {"answer": '<GetDigits action="menu"/><Redirect>later</Redirect>', "menu": "<Redirect>later</Redirect>", "later": ""}


@in_world()
async def test_the_answer_request_carries_the_typical_inbound_set(world: World) -> None:
    party = Party("14155550100", NUMBER, NUMBER, caller_name="Ada", forwarded_from="442071838750")
    call = await world.dial_in("", party=party)
    await call.over()
    (answer,) = world.customer.asked("answer")
    assert answer.method == "POST"
    assert answer.auth_id == AUTH_ID
    assert answer.parameters == {
        "CallUUID": call.uuid,
        "From": "14155550100",
        "To": NUMBER,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "Event": "StartApp",
        "SessionStart": "2025-01-02 03:04:05.000000",
        "BillRate": "0.00000",
        "ParentAuthID": AUTH_ID,
        "CallerName": "Ada",
        "ForwardedFrom": "442071838750",
        "CountryCode": "US",
        "STIRVerification": "Not Applicable",
        "STIRAttestation": "Not Applicable",
    }


@in_world()
async def test_the_call_uuid_is_36_lower_case_characters(world: World) -> None:
    call = await world.dial_in("")
    await call.over()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", world.customer.requests[0]["CallUUID"])


@in_world()
async def test_the_request_goes_by_the_method_of_the_application(world: World) -> None:
    world.change_application(answer_method="GET")
    call = await world.dial_in("")
    await call.over()
    assert world.customer.asked("answer")[0].method == "GET"


@in_world()
async def test_call_status_follows_the_call(world: World) -> None:
    call = await world.dial_in(MENU)
    call.press("1#", after_s=1)
    await call.over()
    assert [(request.purpose, request["CallStatus"]) for request in world.customer.requests] == [
        ("answer", "ringing"),
        ("action", "in-progress"),
        ("redirect", "in-progress"),
        ("hangup", "completed"),
    ]


@in_world()
async def test_the_event_says_what_kind_of_request_it_is(world: World) -> None:
    call = await world.dial_in(MENU)
    call.press("1#", after_s=1)
    await call.over()
    assert [request["Event"] for request in world.customer.requests] == ["StartApp", "Redirect", "Redirect", "Hangup"]


@in_world()
async def test_a_redirect_carries_no_results_of_earlier_elements(world: World) -> None:
    call = await world.dial_in(MENU)
    call.press("1#", after_s=1)
    await call.over()
    assert "Digits" in world.customer.asked("action")[0].parameters
    assert "Digits" not in world.customer.asked("redirect")[0].parameters
    assert "Digits" not in world.customer.asked("hangup")[0].parameters


@in_world()
async def test_a_redirect_of_a_ringing_call_says_ringing(world: World) -> None:
    call = await world.dial_in({"answer": "<Redirect>next</Redirect>", "next": ""})
    await call.over()
    assert world.customer.asked("redirect")[0]["CallStatus"] == "ringing"


@in_world()
async def test_custom_headers_are_in_every_request_of_the_call(world: World) -> None:
    party = Party(to_number=NUMBER, to_user=NUMBER, custom_headers={"X-PH-Customer": "42", "X-PH-Empty": ""})
    call = await world.dial_in(MENU, party=party)
    call.press("1#", after_s=1)
    await call.over()
    assert len(world.customer.requests) == 4
    for request in world.customer.requests:
        assert (request["X-PH-Customer"], request["X-PH-Empty"]) == ("42", "")


@in_world()
async def test_what_does_not_apply_is_left_out(world: World) -> None:
    call = await world.dial_in("")
    await call.over()
    for name in ("CallerName", "ForwardedFrom", "ALegUUID", "ALegRequestUUID", "RequestUUID", "HangupCause", "RouteType"):
        assert name not in world.customer.asked("answer")[0].parameters


@in_world()
async def test_a_sip_caller_is_shown_by_its_uri(world: World) -> None:
    call = await world.dial_in("", party=Party("sip:ada@phone.example", "sip:desk@our.example", NUMBER))
    await call.over()
    answer = world.customer.requests[0]
    assert (answer["From"], answer["To"]) == ("sip:ada@phone.example", "sip:desk@our.example")
    assert "CountryCode" not in answer.parameters


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("14155550199", "US"),
        ("442071838750", "GB"),
        ("919876543210", "IN"),
        ("4930123456", "DE"),
        ("100", None),
        ("", None),
        ("12345", None),
        ("999999999999999", None),
        ("sip:100@our.example", None),
    ],
)
@in_world()
async def test_the_country_of_the_called_number_is_told_when_it_is_known(world: World, number: str, country: str | None) -> None:
    call = await world.dial_in("", party=Party(to_number=number, to_user=NUMBER))
    await call.over()
    assert world.customer.requests[0].parameters.get("CountryCode") == country


@in_world()
async def test_the_hangup_request_of_an_answered_call(world: World) -> None:
    call = await world.dial_in("<Speak>" + "word " * 66 + "</Speak>")
    await call.over()
    (hangup,) = world.customer.asked("hangup")
    told = {name: hangup.parameters[name] for name in hangup.parameters if name not in world.customer.requests[0].parameters}
    assert told == {
        "HangupCause": "NORMAL_CLEARING",
        "HangupCauseName": "End Of XML Instructions",
        "HangupCauseCode": "4010",
        "HangupSource": "Plivo",
        "Duration": "66",
        "BillDuration": "120",
        "TotalCost": "0.00000",
        "StartTime": "2025-01-02 03:04:05",
        "AnswerTime": "2025-01-02 03:04:05",
        "EndTime": "2025-01-02 03:05:11",
    }
    assert (hangup["Event"], hangup["CallStatus"], hangup["CallUUID"]) == ("Hangup", "completed", call.uuid)


@in_world()
async def test_the_hangup_request_of_an_unanswered_call(world: World) -> None:
    call = await world.dial_in("<Wait length='10'/>")
    call.hang_up(after_s=3)
    await call.over()
    (hangup,) = world.customer.asked("hangup")
    assert (hangup["Duration"], hangup["BillDuration"], hangup["HangupCause"]) == ("0", "0", "ORIGINATOR_CANCEL")
    assert (hangup["StartTime"], hangup["EndTime"]) == ("2025-01-02 03:04:05", "2025-01-02 03:04:08")
    assert "AnswerTime" not in hangup.parameters
    assert hangup["CallStatus"] == "completed"


@in_world()
async def test_the_hangup_request_goes_where_and_how_the_application_says(world: World) -> None:
    world.change_application(hangup_url="https://other.example/bye#rc=2", hangup_method="GET")
    call = await world.dial_in("")
    await call.over()
    (hangup,) = world.customer.asked("hangup")
    assert (hangup.url, hangup.method, hangup.fragment) == ("https://other.example/bye", "GET", "rc=2")


@in_world(hangup_url=None)
async def test_without_a_hangup_url_the_answer_url_gets_the_request(world: World) -> None:
    world.change_application(answer_method="GET")
    call = await world.dial_in("")
    await call.over()
    (hangup,) = world.customer.asked("hangup")
    assert (hangup.url, hangup.method, hangup["Event"]) == ("https://app.example/answer", "GET", "Hangup")


@in_world(hangup_url=None, hangup_defaults_to_answer=False)
async def test_an_operator_may_turn_that_off(world: World) -> None:
    call = await world.dial_in("")
    await call.over()
    assert world.customer.asked("hangup") == []
    assert len(call.records) == 1


@pytest.mark.parametrize(("seconds", "billed"), [(1, 60), (59, 60), (60, 60), (61, 120), (120, 120), (3601, 3660)])
@in_world()
async def test_the_billed_duration_is_rounded_up_to_minutes(world: World, seconds: int, billed: int) -> None:
    call = await world.dial_in('<Play loop="0">https://media.example/a.mp3</Play>')
    world.studio.add_file("https://media.example/a.mp3", 10)
    call.hang_up(after_s=seconds)
    record = await call.over()
    assert (record.duration_s, record.billed_duration_s) == (seconds, billed)


@in_world()
async def test_duration_counts_from_the_answer(world: World) -> None:
    call = await world.dial_in('<Wait length="7"/><Speak>One two three</Speak>')
    record = await call.over()
    assert record.duration_s == 3
    assert record.answer_time is not None
    assert (record.answer_time - record.initiation_time).total_seconds() == 7
    assert (record.end_time - record.initiation_time).total_seconds() == 10
