"""From the answer URL to the end of the instructions (reference xml.md section 1, callbacks.md section 2)."""

import pytest

from offhook.testing import ANSWER_URL, Page, World, in_world

FALLBACK = "https://app.example/fallback"


@in_world()
async def test_elements_run_in_document_order(world: World) -> None:
    world.studio.add_file("https://media.example/b.mp3", 2)
    call = await world.dial_in("<Speak>One two</Speak><Play>https://media.example/b.mp3</Play><Speak>Three</Speak>")
    await call.over()
    assert [(heard.sound, heard.at_s) for heard in call.caller.heard] == [
        ("speech: One two", 0.0),
        ("file: https://media.example/b.mp3", 2.0),
        ("speech: Three", 4.0),
    ]


@in_world()
async def test_the_call_is_hung_up_when_no_element_is_left(world: World) -> None:
    call = await world.dial_in("<Speak>Bye</Speak>")
    record = await call.over()
    assert (record.hangup_cause_code, record.hangup_cause_name) == (4010, "End Of XML Instructions")
    assert (record.hangup_cause, record.hangup_source) == ("NORMAL_CLEARING", "Plivo")
    assert call.signals == ["200", "BYE"]


@in_world()
async def test_an_empty_response_ends_an_unanswered_call_without_answering(world: World) -> None:
    call = await world.dial_in("<Response/>")
    record = await call.over()
    assert record.hangup_cause_code == 4010
    assert call.signals == ["603"]
    assert record.answer_time is None


@in_world()
async def test_stray_text_between_elements_is_ignored(world: World) -> None:
    call = await world.dial_in("<Response>hello <Speak>One</Speak> there</Response>")
    await call.over()
    assert call.heard == ["speech: One"]


FAILURES = [
    (Page(status=500, body="<Speak>No</Speak>"), 7011),
    (Page(status=404), 7011),
    (Page(status=302), 7011),
    (Page(fails="connect"), 7011),
    (Page(fails="refused-address"), 7011),
    (Page(fails="redirects"), 7011),
    (Page("<Speak>Late</Speak>", takes_s=16), 7011),
    (Page(b""), 7011),
    (Page(b"this is not XML"), 8011),
    (Page(b"<Response><Speak>half"), 8011),
    (Page(b"<Answer/>"), 8011),
    (Page(b"<response/>"), 8011),
    (Page(b"<Response><Say>Hello</Say></Response>"), 8011),
    (Page(b"<Response><Number>14155550100</Number></Response>"), 8011),
    (Page(b"<Response><Play></Play></Response>"), 8011),
    (Page(b"<Response>" + b" " * 102_400 + b"</Response>"), 8011),
    (Page(b'<!DOCTYPE x [<!ENTITY e "e">]><Response>&e;</Response>'), 8011),
    (Page(b'{"say": "hello"}', content_type="application/json"), 8011),
    (Page(b"\xff\xfe\x00\x01\xd8"), 8011),
]


@pytest.mark.parametrize(("page", "code"), FAILURES)
@in_world()
async def test_a_bad_answer_ends_the_unanswered_call_with_480_and_its_code(world: World, page: Page, code: int) -> None:
    call = await world.dial_in(page)
    record = await call.over()
    assert record.hangup_cause_code == code
    assert (record.hangup_cause, record.hangup_source) == ("NORMAL_TEMPORARY_FAILURE", "Error")
    assert call.signals[-1] == "480"
    assert call.caller.released_with is not None
    assert call.caller.released_with.q850 == 41
    assert len(world.customer.asked("hangup")) == 1


@pytest.mark.parametrize(("page", "code"), FAILURES)
@in_world()
async def test_a_bad_action_document_ends_the_call_with_the_action_codes(world: World, page: Page, code: int) -> None:
    call = await world.dial_in({"answer": '<GetDigits action="menu"/>', "menu": page})
    call.press("1#", after_s=1)
    record = await call.over()
    assert record.hangup_cause_code == code + 1
    assert call.signals == ["200", "BYE"]


@pytest.mark.parametrize(("page", "code"), FAILURES)
@in_world()
async def test_a_bad_redirect_document_ends_the_call_with_the_redirect_codes(world: World, page: Page, code: int) -> None:
    call = await world.dial_in({"answer": "<Redirect>next</Redirect>", "next": page})
    record = await call.over()
    assert record.hangup_cause_code == code + 3


@in_world()
async def test_a_wrong_content_type_is_noted_and_the_document_runs(world: World) -> None:
    call = await world.dial_in(Page("<Speak>Fine</Speak>", content_type="text/html; charset=utf-8"))
    await call.over()
    assert call.heard == ["speech: Fine"]
    assert "text/html" in str(call.events("document-loaded")[0]["warnings"])


@in_world()
async def test_the_reason_of_a_refusal_is_the_error_and_not_a_warning_before_it(world: World) -> None:
    call = await world.dial_in(Page("<Response><Say>Hello</Say></Response>", content_type="text/plain"))
    await call.over()
    (ended,) = call.events("call-ended")
    assert "there is no element <Say>" in ended["detail"]
    assert "content-type" not in ended["detail"]


@in_world()
async def test_a_content_type_with_a_charset_is_fine(world: World) -> None:
    call = await world.dial_in(Page("<Speak>Fine</Speak>", content_type="text/xml; charset=utf-8"))
    await call.over()
    assert "warnings" not in call.events("document-loaded")[0]


@in_world()
async def test_a_reply_that_takes_just_under_15_s_is_in_time(world: World) -> None:
    call = await world.dial_in(Page("<Speak>Slow</Speak>", takes_s=14.9))
    await call.over()
    assert call.heard == ["speech: Slow"]


@pytest.mark.parametrize("page", [page for page, _ in FAILURES])
@in_world(fallback_url=FALLBACK)
async def test_whatever_is_wrong_with_the_answer_the_fallback_is_asked(world: World, page: Page) -> None:
    call = await world.dial_in({"answer": page, "fallback": "<Speak>Saved</Speak>"})
    record = await call.over()
    assert call.heard == ["speech: Saved"]
    assert record.hangup_cause_code == 4010


@in_world(fallback_url=FALLBACK)
async def test_the_fallback_gets_the_same_parameters_as_the_answer_url(world: World) -> None:
    world.change_application(fallback_method="GET")
    call = await world.dial_in({"answer": Page(status=500), "fallback": ""})
    await call.over()
    (answer,), (fallback,) = world.customer.asked("answer"), world.customer.asked("fallback")
    assert fallback.parameters == answer.parameters
    assert fallback["Event"] == "StartApp"
    assert (answer.method, fallback.method) == ("POST", "GET")


@pytest.mark.parametrize(
    ("answer", "fallback", "code"), [(500, Page(b"x"), 8011), (200, Page(status=500), 7011), (200, Page(b""), 7011)]
)
@in_world(fallback_url=FALLBACK)
async def test_when_both_fail_the_code_describes_the_last_failure(world: World, answer: int, fallback: Page, code: int) -> None:
    call = await world.dial_in({"answer": Page(b"not xml", status=answer), "fallback": fallback})
    assert (await call.over()).hangup_cause_code == code


@in_world(fallback_url=FALLBACK)
async def test_a_good_answer_leaves_the_fallback_alone(world: World) -> None:
    call = await world.dial_in({"answer": "<Speak>Hi</Speak>", "fallback": "<Speak>No</Speak>"})
    await call.over()
    assert world.customer.asked("fallback") == []


@in_world(fallback_url=FALLBACK)
async def test_actions_and_redirects_have_no_fallback(world: World) -> None:
    call = await world.dial_in({"answer": "<Redirect>gone</Redirect>", "fallback": "<Speak>No</Speak>"})
    assert (await call.over()).hangup_cause_code == 7014
    assert world.customer.asked("fallback") == []


@in_world()
async def test_relative_urls_resolve_against_the_document_they_stand_in(world: World) -> None:
    pages = {
        "https://app.example/answer": "<Redirect>ivr/welcome?x=1</Redirect>",
        "https://app.example/ivr/welcome?x=1": "<Redirect>menu</Redirect>",
        "https://app.example/ivr/menu": "<Redirect>/top</Redirect>",
        "https://app.example/top": "<Redirect>//other.example/a/</Redirect>",
        "https://other.example/a/": "<Redirect>?page=2</Redirect>",
        "https://other.example/a/?page=2": "<Speak>Here</Speak>",
    }
    call = await world.dial_in(pages)
    await call.over()
    assert [request.url for request in world.customer.requests if request.purpose != "hangup"] == list(pages)
    assert call.heard == ["speech: Here"]


@in_world()
async def test_relative_urls_resolve_against_where_the_document_really_came_from(world: World) -> None:
    pages = {
        "answer": Page("<Redirect>next</Redirect>", moved_to="https://cdn.example/v2/start"),
        "https://cdn.example/v2/next": "",
    }
    call = await world.dial_in(pages)
    await call.over()
    assert world.customer.asked("redirect")[0].url == "https://cdn.example/v2/next"


@in_world()
async def test_the_fragment_of_a_document_is_not_inherited(world: World) -> None:
    world.change_application(answer_url=ANSWER_URL + "#rt=3000")
    call = await world.dial_in({"answer": "<Redirect>next</Redirect>", "next": ""})
    await call.over()
    assert world.customer.asked("answer")[0].fragment == "rt=3000"
    assert world.customer.asked("redirect")[0].fragment == ""


@in_world()
async def test_a_url_keeps_its_own_fragment(world: World) -> None:
    call = await world.dial_in({"answer": "<Redirect>next?a=b#rc=3&amp;rp=5xx</Redirect>", "next?a=b": ""})
    await call.over()
    (redirect,) = world.customer.asked("redirect")
    assert (redirect.url, redirect.fragment) == ("https://app.example/next?a=b", "rc=3&rp=5xx")


@in_world(max_fetches=20)
async def test_a_loop_of_documents_ends_with_5010(world: World) -> None:
    call = await world.dial_in("<Redirect>answer</Redirect>")
    record = await call.over()
    assert (record.hangup_cause_code, record.hangup_source) == (5010, "Error")
    assert len(world.customer.requests) == 20 + 1
    assert "application loops" in str(call.events("call-ended")[0]["detail"])


@in_world()
async def test_a_thousand_documents_are_allowed(world: World) -> None:
    left = iter(["<Redirect>answer</Redirect>"] * 999 + ["<Speak>Done</Speak>"])
    call = await world.dial_in(lambda _asked: next(left))
    await call.over()
    assert call.heard == ["speech: Done"]


@in_world(nearest_voice=False)
async def test_a_voice_that_nobody_has_makes_the_document_invalid_when_asked_for(world: World) -> None:
    call = await world.dial_in('<Speak voice="Polly.Nobody">Hello</Speak>')
    assert (await call.over()).hangup_cause_code == 8011


@in_world()
async def test_a_voice_that_nobody_has_is_spoken_by_the_nearest_and_noted(world: World) -> None:
    call = await world.dial_in('<Speak voice="Polly.Nobody">Hello</Speak>')
    await call.over()
    assert call.heard == ["speech: Hello"]
    assert "Polly.Nobody" in call.story


@in_world()
async def test_an_answer_url_that_is_no_http_url_counts_as_unreachable(world: World) -> None:
    world.change_application(answer_url="ftp://app.example/answer")
    call = await world.dial_in()
    assert (await call.over()).hangup_cause_code == 7011


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ("<Redirect>ftp://x.example/</Redirect>", 7024),
        ("<Redirect>tel:+14155550100</Redirect>", 7024),
        ("<Redirect>https://</Redirect>", 7024),
        ("<Redirect>http://[::1</Redirect>", 7024),
        ("<Redirect>http://[half/</Redirect>", 7024),
        ('<Redirect method="PUT">next</Redirect>', 7034),
        ('<Redirect method="HEAD">next</Redirect>', 7034),
        ('<GetDigits action="mailto:a@b.example"/>', 7022),
        ('<GetDigits action="http://[::1"/>', 7022),
        ('<GetDigits action="menu" method="DELETE"/>', 7032),
    ],
)
@in_world()
async def test_a_bad_url_or_method_ends_the_call_when_it_is_reached(world: World, element: str, code: int) -> None:
    call = await world.dial_in(f"<Speak>First</Speak>{element}<Speak>Never</Speak>")
    call.press("1#", after_s=1.5)
    record = await call.over()
    assert record.hangup_cause_code == code
    assert call.heard == ["speech: First"]
    assert [request.purpose for request in world.customer.requests] == ["answer", "hangup"]


@pytest.mark.parametrize(
    "element",
    [
        '<GetInput action="a"/>',
        '<Record action="a"/>',
        "<Conference>room</Conference>",
        '<MultiPartyCall role="agent">room</MultiPartyCall>',
        "<Stream>wss://a.example/s</Stream>",
    ],
)
@in_world()
async def test_an_element_that_is_not_built_yet_ends_the_call_and_says_so(world: World, element: str) -> None:
    call = await world.dial_in(element)
    record = await call.over()
    name = element[1:].partition(" ")[0].partition(">")[0]
    assert (record.hangup_cause_code, record.hangup_cause_name) == (5010, "Internal Error")
    assert f"<{name}> is not supported yet" in str(call.events("call-ended")[0]["detail"])
    assert call.events("element-started")[0]["element"] == name
    assert any(note["level"] == "error" and name in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_a_message_is_noted_and_passed_over(world: World) -> None:
    call = await world.dial_in('<Message src="1" dst="2">Secret text</Message><Speak>On</Speak>')
    await call.over()
    assert call.heard == ["speech: On"]
    assert any("Message" in str(note["text"]) for note in call.events("note"))
    assert "Secret" not in call.story


@in_world()
async def test_a_two_hour_call_takes_no_time(world: World) -> None:
    call = await world.dial_in('<Speak loop="0">Please hold</Speak>')
    call.hang_up(after_s=7200)
    record = await call.over()
    assert (record.duration_s, record.billed_duration_s) == (7200, 7200)
    assert len(call.heard) >= 3600
