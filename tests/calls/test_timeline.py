"""The timeline answers "why did my call do that?" (STYLE: write-only, typed, ordered)."""

import asyncio
import logging

import pytest

from offhook.calls import Sink, Timelines, describe
from offhook.calls.bookkeeping import Outcome
from offhook.calls.timeline import MAX_EVENTS, Timeline
from offhook.causes import CALLER_HUNG_UP
from offhook.events import DigitReceived, DocumentLoaded, Noted, NotificationGivenUp, unobserved
from offhook.records import TimelineRow
from offhook.testing import ANSWER_URL, Ledger, World, in_world, run, virtual_clock


def rows_of(*, before: int = 0, sinks: tuple[Sink, ...] = ()) -> tuple[Timeline, list[TimelineRow]]:
    rows: list[TimelineRow] = []
    timeline = Timeline("5f8f0a3e-uuid", virtual_clock(), (*sinks, rows.append))
    for number in range(before):
        timeline.add(Noted(str(number)))
    return timeline, rows


@in_world()
async def test_the_whole_way_of_a_call_stands_on_it_in_order(world: World) -> None:
    call = await world.dial_in(
        {"answer": '<GetDigits action="menu"><Speak>Press one</Speak></GetDigits>', "menu": "<Speak>Bye</Speak>"}
    )
    call.press("1#", after_s=1)
    await call.over()
    assert [row.kind for row in call.timeline] == [
        "call-arrived",
        "http",
        "document-loaded",
        "element-started",
        "call-answered",
        "audio-started",
        "audio-stopped",
        "digit-received",
        "digit-received",
        "element-ended",
        "http",
        "document-loaded",
        "element-started",
        "audio-started",
        "audio-stopped",
        "element-ended",
        "media-measured",
        "call-ended",
        "notification-queued",
    ]
    assert [row.sequence for row in call.timeline] == list(range(1, 20))
    offsets = [row.offset_ms for row in call.timeline]
    assert offsets == sorted(offsets)
    assert offsets[6] == 1000


@in_world()
async def test_warnings_about_a_document_stand_there_with_line_and_column(world: World) -> None:
    call = await world.dial_in('<Response>\n  <Speak loop="often">Hi</Speak>\n</Response>')
    await call.over()
    assert "2:3: warning" in str(call.events("document-loaded")[0]["warnings"])


@in_world()
async def test_a_refused_document_says_where_and_why(world: World) -> None:
    call = await world.dial_in("<Response>\n<Say>Hi</Say></Response>")
    await call.over()
    assert "2:1: error" in str(call.events("document-refused")[0]["problems"])
    assert "Say" in str(call.events("call-ended")[0]["detail"])


@in_world()
async def test_passwords_in_urls_never_stand_there(world: World) -> None:
    world.change_application(answer_url="https://ada:secret@app.example/answer", hangup_url="https://ada:secret@app.example/bye")
    pages = {
        "https://ada:secret@app.example/answer": "<Play>https://bob:hush@media.example/a.mp3</Play><Redirect>https://eve:quiet@b.example/</Redirect>"
    }
    call = await world.dial_in(pages)
    await call.over()
    for word in ("secret", "hush", "quiet"):
        assert word not in call.story
    assert "https://***@app.example/answer" in call.story


def test_a_sip_uri_is_no_password() -> None:
    async def main() -> None:
        timeline, rows = rows_of()
        timeline.add(Noted("from sip:ada@phone.example to https://app.example/a?mail=x@y.example"))
        assert rows[0].facts["text"] == "from sip:ada@phone.example to https://app.example/a?mail=x@y.example"

    run(main())


def test_it_ends_after_so_many_events_but_tells_the_end_of_the_call() -> None:
    async def main() -> None:
        timeline, rows = rows_of(before=MAX_EVENTS + 500)
        assert len(rows) == MAX_EVENTS
        assert "full" in str(rows[-1].facts["text"])
        timeline.add(Outcome(CALLER_HUNG_UP, virtual_clock().wall()).event())
        timeline.add(Noted("more"))
        assert len(rows) == MAX_EVENTS + 1
        assert rows[-1].kind == "call-ended"
        timeline.add(NotificationGivenUp("hangup", "https://a.example/", "connect", 2, "id"))
        assert rows[-1].kind == "notification-given-up"

    run(main())


def test_what_is_told_later_goes_behind_what_is_written_on_one_timeline_for_all() -> None:
    async def main() -> None:
        ledger, clock = Ledger(), virtual_clock()
        first = Timelines(ledger, clock)
        timeline = first.begin("uuid")
        timeline.add(Noted("one"))
        assert await first.of("uuid") is timeline, "somebody still writes on it"
        await asyncio.sleep(60)
        later = Timelines(ledger, clock)
        told = [await later.reopen("uuid") for _ in range(3)]
        for number, observe in enumerate(told):
            observe(Noted(str(number)))
        assert [(row.sequence, row.offset_ms) for row in ledger.timeline("uuid")] == [(1, 0), *((n, 60_000) for n in (2, 3, 4))]
        del told, observe
        (await later.reopen("uuid"))(Noted("again"))
        assert ledger.rows[-1].sequence == 5
        assert await later.reopen("nobody's") is unobserved

    run(main())


def test_a_sink_that_fails_costs_neither_the_call_nor_the_other_sinks(caplog: pytest.LogCaptureFixture) -> None:
    def broken(row: TimelineRow) -> None:
        raise OSError("disk full")

    async def main() -> None:
        timeline, rows = rows_of(sinks=(broken,))
        timeline.add(Noted("on"))
        assert len(rows) == 1

    run(main())
    assert "disk full" in caplog.text


def test_a_row_reads_as_one_line() -> None:
    async def main() -> None:
        timeline, rows = rows_of()
        timeline.add(DigitReceived("5", 120, "rfc4733"))
        timeline.add(DocumentLoaded(ANSWER_URL, ("Speak", "Play"), ("1:1: warning two words",)))
        timeline.add(Noted("two\nlines", level="error"))
        assert describe(rows[0]) == "   0.000 digit-received       digit=5 duration_ms=120 via=rfc4733"
        assert describe(rows[1]).endswith(f'url={ANSWER_URL} elements=[Speak, Play] warnings=["1:1: warning two words"]')
        assert describe(rows[2]).endswith('note                 text="two lines"')

    run(main())


@in_world()
async def test_the_log_has_one_line_an_event_at_its_level(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="offhook.timeline")
    call = await world.dial_in("<Play>https://gone.example/</Play><Conference>room</Conference>")
    await call.over()
    lines = [record for record in caplog.records if record.name == "offhook.timeline"]
    assert len(lines) == len(call.timeline)
    assert all(record.getMessage().startswith(call.uuid[:8]) for record in lines)
    assert {record.levelname for record in lines} == {"INFO", "WARNING", "ERROR"}
