"""What the picture of a call says, in a terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rich.cells import cell_len

from offhook.calls import Manner, audience
from offhook.cli.ladder import Told, drawn, lanes_at, picture
from offhook.events import (
    AnswererJudged,
    CallArrived,
    CallEnded,
    DigitReceived,
    DocumentLoaded,
    DocumentRefused,
    ElementEnded,
    ElementStarted,
    Event,
    HttpAttempted,
    LegEnded,
    LegPlaced,
    LegsBridged,
    MediaAgreed,
    MediaMeasured,
    Noted,
    NotificationGivenUp,
    NotificationPostponed,
    NotificationQueued,
    RecordingEnded,
    RecordingStarted,
    SipReceived,
    SipSent,
)
from offhook.testing import Answers, Page, Refuses, World, in_world


def shown(call: Told, *legs: Told, width: int = 80, ascii_only: bool = False) -> list[str]:
    """The lines below the two of the title."""
    lines = drawn(picture(call, legs, most_lanes=lanes_at(width)), width, ascii_only=ascii_only)
    return [line.plain for line in lines]


def line_with(lines: list[str], text: str) -> str:
    [found] = [line for line in lines if text in line]
    return found


def http(
    path: str, took_ms: int, *, status: int | None = 200, purpose: str = "answer", error: str = "", attempt: int = 1
) -> Event:
    url = f"https://app.example{path}" if path.startswith("/") else path
    return HttpAttempted(purpose, "POST", url, attempt, took_ms, status, error)


ANSWERED = (
    (4, SipReceived("INVITE", "1 INVITE", "192.0.2.7:5060/udp")),
    (250, SipSent("180 Ringing", "1 INVITE", "192.0.2.7:5060/udp")),
    (600, http("/answer", 590)),
    (601, DocumentLoaded("https://app.example/answer", ("Speak", "Dial"))),
    (601, ElementStarted("Speak", 2, "Hello")),
    (640, SipSent("200 OK", "1 INVITE", "192.0.2.7:5060/udp")),
    (645, SipReceived("ACK", "1 ACK", "192.0.2.7:5060/udp")),
    (900, ElementEnded("Speak", 2, "done", 299)),
)


@in_world()
async def test_sounds_over_each_other_are_told_apart(world: World) -> None:
    call = await world.dial_in("<Speak>one two three four</Speak>")
    await world.sleep(1)
    who = audience(world.service.calls, world.service.b_legs, call.uuid, "aleg")
    assert who is not None
    who.speak("five six", voice="WOMAN", language="en-US", ssml=False, manner=Manner(mix=False))
    lines = shown(Told(await call.over(), call.timeline), width=160)
    assert line_with(lines, "♪ speech: five six (by the API, alone) ended after 2.00 s: finished").startswith("    3.000")
    assert line_with(lines, "♪ ended after 4.00 s: finished").startswith("    4.000")


@in_world()
async def test_a_call_as_it_ran(world: World) -> None:
    pages = {
        "answer": Page('<GetDigits action="menu" numDigits="2"><Speak>Press two</Speak></GetDigits>', takes_s=1.5),
        "menu": "<Hangup/>",
    }
    call = await world.dial_in(pages)
    call.press("42", after_s=3, every_s=0.3)
    record = await call.over()
    told = Told(replace(record, call_uuid="4bcec11d"), call.timeline)
    assert [line.rstrip() for line in shown(told)] == [
        "call 4bcec11d, 2025-01-02 03:04:05 UTC",
        "14155550100 → 14155550199, 1 s, 4000 Normal Hangup (NORMAL_CLEARING) by Answer",
        "XML",
        "",
        "        caller                     Offhook                  web server",
        "      14155550100                                           app.example",
        "    0.000  │                          │───── POST /answer ──────▶│",
        "    0.200  │                          │ ringing                  │",
        "    1.500  │                          │◀ 200 in 1.50 s (answer) ─│",
        "    1.500  │                          │ document: GetDigits      │",
        "    1.500  │                          ┏━ GetDigits, line 1: up to 2 digit(s), 1…",
        "    1.500  │                          ┃ answered                 │",
        "    1.500  │◀┄┄┄┄┄┄┄ ♪ prompt ┄┄┄┄┄┄┄┄┃                          │",
        "    3.000  │                          ┃ ♪ ended after 1.50 s: key",
        "    3.000  │┄┄┄┄┄┄┄┄ keys 42 ┄┄┄┄┄┄┄┄▶┃                          │",
        "    3.300  │                          ┗━ GetDigits: goes on with menu (1.80 s)",
        "    3.300  │                          │────── POST /menu ───────▶│",
        "    3.300  │                          │◀─ 200 in 0 ms (action) ──│",
        "    3.300  │                          │ document: Hangup",
        "    3.300  │                          ▪━ Hangup, line 1: ends the call: Normal …",
        "    3.300  │                          │ RTP 50 in, 50 out, 0 lost; jitter 0.0 ms",
        "    3.300  │                          │ ended: 4000 Normal Hangup by Answer XML…",
        "    3.300  │                          │ ! waits in the outbox: hangup /hangup",
    ]


def test_a_request_stands_where_it_began_and_its_answer_where_it_came(tell) -> None:
    lines = shown(tell(*ANSWERED))
    order = ["INVITE", "POST /answer", "180 Ringing", "200 in 590 ms (answer)", "document: Speak, Dial", "Speak, line 2: Hello"]
    assert [next(word for word in order if word in line) for line in lines[5:11]] == order
    assert lines[6].split()[0] == "0.010"
    assert line_with(lines, "POST /answer").rstrip().endswith("▶│")
    assert line_with(lines, "180 Ringing").split("│")[1].startswith("◀")


def test_rounding_does_not_let_a_request_begin_before_what_it_follows_from(tell) -> None:
    lines = shown(tell((10, ElementEnded("GetDigits", 2, "goes on", 5)), (19, http("/chosen", 10))))
    assert lines.index(line_with(lines, "goes on")) < lines.index(line_with(lines, "POST /chosen"))


def test_while_an_element_runs_offhooks_line_is_a_box(tell) -> None:
    lines = shown(tell(*ANSWERED))
    column = line_with(lines, "Speak, line 2").index("┏")
    assert line_with(lines, "INVITE")[column] == "│"
    assert line_with(lines, "ACK")[column] == "┃"
    assert line_with(lines, "Speak: done (299 ms)")[column] == "┗"


def test_an_element_inside_of_another_does_not_end_its_box(tell) -> None:
    outer = (1, ElementStarted("PreAnswer", 2)), (9, ElementEnded("PreAnswer", 2, "done", 8))
    inner = (2, ElementStarted("Speak", 3)), (3, Noted("voice replaced")), (4, ElementEnded("Speak", 3, "done", 2))
    lines = shown(tell(outer[0], *inner, outer[1]))
    column = line_with(lines, "PreAnswer, line 2").index("┏")
    assert [line[column] for line in lines[-5:]] == ["┏", "┣", "┃", "┣", "┗"]


def test_an_element_that_ends_at_once_is_one_row(tell) -> None:
    lines = shown(tell((5, ElementStarted("Redirect", 7, "menu")), (5, ElementEnded("Redirect", 7, "goes on with menu", 0))))
    assert "▪━ Redirect, line 7: goes on with menu" in lines[-1]
    assert "Redirect" not in lines[-2]


def test_a_message_that_was_sent_again_is_one_row(tell) -> None:
    sent = SipSent("200 OK", "1 INVITE", "192.0.2.7:5060")
    told = tell((0, sent), (500, sent), (600, Noted("something else")), (1500, sent), (1510, SipReceived("ACK", "1 ACK")))
    repeats = {2: 1, 4: 2}
    rows = [replace(row, facts={**row.facts, "repeat": repeats.get(row.sequence)}) for row in told.rows]
    lines = shown(Told(told.record, rows))
    assert line_with(lines, "200 OK").split()[0] == "0.000"
    assert "200 OK ×3" in line_with(lines, "200 OK")


def test_two_messages_that_only_look_alike_are_two_rows(tell) -> None:
    lines = shown(tell((0, SipSent("180 Ringing", "1 INVITE")), (60_000, SipSent("180 Ringing", "1 INVITE"))))
    assert sum("180 Ringing" in line for line in lines) == 2


def test_answers_say_what_they_answer(tell) -> None:
    lines = shown(tell((0, SipSent("BYE", "2 BYE")), (1, SipReceived("200 OK", "2 BYE"))))
    assert "200 OK (BYE)" in lines[-1]


def test_a_thousand_keys_are_one_row_with_their_number(tell) -> None:
    keys = "0123456789" * 100
    lines = shown(tell(*((at * 10, DigitReceived(key, 40, "rfc4733")) for at, key in enumerate(keys))))
    assert "keys 01234567" in lines[-1]
    assert "… ×1000" in lines[-1]
    assert sum("keys" in line for line in lines) == 1


def test_a_few_keys_are_all_shown(tell) -> None:
    lines = shown(tell((5, DigitReceived("4", 40, "rfc4733")), (9, DigitReceived("2", 40, "rfc4733"))))
    assert " keys 42 " in lines[-1]


def test_a_secret_key_stays_one(tell) -> None:
    assert "key ?" in shown(tell((5, DigitReceived("?", 40, "rfc4733"))))[-1]


def test_a_recording_is_told_from_its_beginning_to_its_end(tell) -> None:
    recording_id = "3f0c9a12-0000-4000-8000-000000000000"
    begun = RecordingStarted(recording_id, "mp3, stereo, at most 60 s")
    lines = shown(tell((5, begun), (12_405, RecordingEnded(recording_id, "no room", 12_400, 99_200))), width=120)
    assert "records 3f0c9a12: mp3, stereo, at most 60 s" in "".join(lines)
    assert line_with(lines, "recorded 3f0c9a12: 12.40 s, no room").startswith("   12.405")


def test_failures_are_marked(tell) -> None:
    lines = shown(
        tell(
            (9, http("/answer", 9, status=500)),
            (20, http("/answer", 5, status=None, error="connect: refused", attempt=2)),
            (30, http("/spare", 5, purpose="fallback")),
            (31, DocumentRefused("https://app.example/spare", tuple(f"{n}:1: error unknown" for n in range(1, 9)))),
            (40, MediaMeasured(100, 0, 0, 0, 0, 0, 0.0, 0)),
            (41, CallEnded("completed", "X", 8011, "Invalid Answer XML", "Error", 0, "line 1: unknown")),
        ),
        width=120,
    )
    assert "500 in 9 ms (answer)" in "".join(lines)
    assert "POST /answer (attempt 2)" in "".join(lines)
    for text in ("answer /answer failed after 5 ms: connect: refused", "document refused", "5:1: error", "and 3 more"):
        assert "✗ " in line_with(lines, text)
    assert "deaf: no RTP came from the caller" in line_with(lines, "deaf")
    assert "✗ ended: 8011 Invalid Answer XML by Error, 0 s" in line_with(lines, "8011 Invalid Answer XML by Error, 0 s")[30:]


def test_the_first_packet_stands_where_it_came(tell) -> None:
    agreed = MediaAgreed("PCMU/0", "192.0.2.1:16384", "192.0.2.7:4000", "none")
    measured = replace(MediaMeasured(100, 90, 0, 0, 0, 0, 0.0, 0), first_packet_ms=140)
    lines = shown(tell((100, agreed), (200, SipReceived("ACK", "1 ACK")), (900, Noted("later")), (2000, measured)))
    first = line_with(lines, "first RTP packet")
    assert first.split()[0] == "0.240"
    assert lines.index(line_with(lines, "ACK")) + 1 == lines.index(first) == lines.index(line_with(lines, "later")) - 1
    assert "keys travel as tones only" in "".join(lines)


def test_a_notification_that_has_not_left_is_said_to_wait(tell) -> None:
    queued = (5, NotificationQueued("hangup", "https://app.example/hangup"))
    assert "waits in the outbox: hangup" in shown(tell(queued), width=120)[-1]
    assert not any("outbox" in line for line in shown(tell(queued, (9, http("/hangup", 3, purpose="hangup")))))


def test_what_becomes_of_a_notification_that_cannot_be_delivered_is_said(tell) -> None:
    url = "https://app.example/hangup"
    put_off = (5, NotificationPostponed("hangup", url, "connect", 30.0))
    given_up = (9, NotificationGivenUp("hangup", url, "connect", 4, "5b1f4f0e"))
    lines = shown(tell(put_off, given_up), width=160)
    assert "! hangup /hangup: connect; again in 30.0 s" in lines[-2]
    assert "hangup /hangup given up after 4 attempt(s): connect (5b1f4f0e)" in lines[-1]


def test_an_event_of_a_later_version_is_told_in_words(tell) -> None:
    told = tell((5, Noted("x")))
    told = Told(told.record, [replace(told.rows[0], kind="room-joined", facts={"room": "lobby"})])
    assert "room-joined room=lobby" in shown(told)[-1]


def test_a_server_that_is_not_the_usual_one_is_named(tell) -> None:
    lines = shown(
        tell((9, http("/a", 1)), (19, http("/b", 1)), (29, http("https://cdn.example/c.mp3", 1, purpose="clip"))), width=120
    )
    assert "app.example +1" in lines[4]
    assert "POST cdn.example/c.mp3 ─" in "".join(lines)
    assert "POST /a ─" in "".join(lines)


def test_a_call_that_still_runs_is_drawn_too(tell) -> None:
    arrived = CallArrived("14155550100", "14155550199", "inbound")
    told = Told(None, tell((0, arrived), (5, SipReceived("INVITE", "1 INVITE")), (6, ElementStarted("Wait", 2))).rows)
    lines = shown(told)
    assert "14155550100 → 14155550199, not over yet" in lines[1]
    assert "┏━ Wait" in lines[-1]


def test_a_record_without_a_timeline_has_at_least_a_title(tell) -> None:
    assert "4000 Normal Hangup" in shown(tell())[1]


# -- B legs ----------------------------------------------------------------------------------------------------------------


def leg(tell, number: int, after_ms: int) -> Told:
    written = [
        (0, SipSent("INVITE", "1 INVITE")),
        (20, SipReceived("180 Ringing", "1 INVITE")),
        (900, SipReceived("486 Busy Here", "1 INVITE") if number > 1 else SipReceived("200 OK", "1 INVITE")),
        (901, SipSent("ACK", "1 ACK")),
        (950, http("/callback", 10, purpose="callback")),
    ]
    return tell(*written, call_uuid=f"leg-{number}", parent="call-a", after_ms=after_ms, to=f"20{number}")


def test_each_b_leg_has_a_lane_and_all_have_one_clock(tell) -> None:
    lines = shown(tell(*ANSWERED), leg(tell, 2, 1050), leg(tell, 1, 1000), width=120)
    assert lines[3].split() == ["caller", "Offhook", "web", "server", "B1", "B2"]
    assert lines[4].split()[-2:] == ["201", "202"]
    times = [float(line.split()[0]) for line in lines[5:-3]]
    assert times == sorted(times)
    first, second = (line for line in lines if line.split()[:1] in (["1.000"], ["1.050"]))
    assert first.count("┼") == 1  # past the web server
    assert second.count("┼") == 2  # and past B1
    assert first.rstrip().endswith("▶│")
    assert "B1  201, 66 s, 4000 Normal Hangup" in lines[-2]
    assert lines[-1].startswith("B2  202")
    assert "leg-2" in lines[-1]


def test_of_two_calls_what_was_written_first_stands_first_within_a_millisecond(tell) -> None:
    call, other = tell((1000, Noted("second"))), tell((0, Noted("first")), call_uuid="b", parent="call-a", after_ms=1000)
    later = replace(call.rows[0], at=call.rows[0].at + timedelta(microseconds=300))
    first, second = shown(Told(call.record, [later]), other)[5:7]
    assert "B1: first" in first
    assert "second" in second


def test_a_b_legs_lane_begins_and_ends_with_it(tell) -> None:
    lines = shown(tell(*ANSWERED, (5000, SipReceived("BYE", "2 BYE"))), leg(tell, 1, 1000), width=120)
    column = line_with(lines, "1.900").rindex("│")
    assert [line_with(lines, at)[column : column + 1] for at in ("0.645", "5.000")] == ["", ""]


@in_world()
async def test_a_dial_as_it_ran(world: World) -> None:
    world.exchange.people.update({"14155550111": Refuses(after_s=2), "14155550122": Answers(after_s=3, rings_s=1, hangs_up_s=10)})
    call = await world.dial_in("<Dial><Number>14155550111</Number><Number>14155550122</Number></Dial>")
    record = await call.over()
    told = Told(record, call.timeline)
    legs = [
        Told(each, world.ledger.timeline(each.call_uuid)) for each in world.ledger.records if each.parent_call_uuid == call.uuid
    ]
    lines = shown(told, *legs, width=120)
    assert lines[3].split() == ["caller", "Offhook", "web", "server", "B1", "B2"]
    assert lines[4].split()[-2:] == ["14155550111", "14155550122"]
    rows = [
        "B1: calling",
        "B2: calling",
        "B2: ringing",
        "B1: ended: 3010",
        "B2 connected",
        "B2: answered",
        "B2: ended: 4000",
        "Dial: done",
    ]
    found = [next(row for row in rows if row in line) for line in lines if any(row in line for row in rows)]
    assert found[:4] == rows[:4]
    assert sorted(found) == sorted(rows)  # in virtual time some are written at the same instant
    assert line_with(lines, "B2 connected").split()[0] == "3.000"


def test_legs_that_find_no_lane_share_the_last_one_and_say_who_they_are(tell) -> None:
    legs = [leg(tell, number, 1000 + number) for number in range(1, 8)]
    lines = shown(tell(*ANSWERED), *legs)
    assert "B2–B7" in lines[3]
    for number in range(2, 8):
        assert any(f" B{number} INV" in line for line in lines)
    assert max(map(cell_len, lines)) <= 80
    assert sum(line.startswith("B") for line in lines) == 7


def test_what_happens_on_a_b_leg_names_it(tell) -> None:
    child = tell(
        (0, SipSent("INVITE", "1 INVITE")), (5, Noted("trunk main did not take the call")), parent="call-a", call_uuid="b"
    )
    assert "! B1: trunk main did not take the call" in "".join(shown(tell(*ANSWERED), child, width=120))


def test_who_has_answered_is_said(tell) -> None:
    lines = shown(tell(*ANSWERED, (1000, AnswererJudged(True, "many words", 2400)), (1200, AnswererJudged(False, "time", 5000))))
    assert "a machine answered: many words" in line_with(lines, "a machine")
    assert "a person answered: time" in line_with(lines, "a person")


def test_the_call_says_whom_it_calls_and_when_they_are_connected(tell) -> None:
    told = tell(
        *ANSWERED,
        (1000, LegPlaced("leg-1", "201", 1)),
        (1950, LegsBridged("leg-1")),
        (1960, DigitReceived("4", 40, "rfc4733, ALeg")),
        (1970, DigitReceived("2", 40, "rfc4733, BLeg")),
        (2000, LegEnded("leg-1", "NORMAL_CLEARING", 4000, "Callee", 5)),
    )
    lines = shown(told, leg(tell, 1, 1000), width=120)
    assert "B1: calling 201" in line_with(lines, "calling")
    bridge = line_with(lines, "B1 connected")
    caller, callee = line_with(lines, "0.010").index("│"), line_with(lines, "1.900").rindex("│")
    assert (bridge.index("◀"), bridge.rindex("▶")) == (caller + 1, callee - 1)
    assert not any("ended: 4000" in line for line in lines)
    assert line_with(lines, " key 4 ").index("┄") == caller + 1
    assert line_with(lines, " key 2 ").rindex("┄") == callee - 1
    alone = shown(told, width=120)
    assert "leg leg-1 ended: 4000 NORMAL_CLEARING by Callee" in line_with(alone, "leg leg-1 ended")
    assert "connected with leg leg-1" in line_with(alone, "connected")


def test_a_b_leg_alone_names_the_call_that_it_belongs_to(tell) -> None:
    lines = shown(leg(tell, 1, 0), width=120)
    assert "callee" in lines[3]
    assert "a B leg of call-a" in lines[1]


# -- fitting ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 100, 237])
def test_nothing_is_wider_than_the_terminal(tell, width: int) -> None:
    told = tell(
        *ANSWERED,
        (1000, http("/" + "long" * 75, 20)),
        (1001, ElementStarted("Speak", 3, "a sentence that goes on and on " * 20)),
        (1002, Noted("漢字" * 200)),
        (1003, SipSent("603 " + "Decline " * 60, "1 INVITE")),
    )
    lines = shown(told, leg(tell, 1, 300), width=width)
    assert max(map(cell_len, lines)) <= width
    assert sum("…" in line for line in lines) >= 3


def test_a_terminal_that_only_knows_ascii_gets_nothing_else(tell) -> None:
    text = "\n".join(shown(tell(*ANSWERED, (950, Noted("Grüße"))), leg(tell, 1, 300), ascii_only=True))
    assert text.isascii()
    assert "-- INVITE --" in text
    assert "Gr??e" in text
