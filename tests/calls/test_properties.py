"""Whatever a customer writes, whatever a caller does and whatever fails: one record, one hangup request, nothing left behind."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook import causes
from offhook.calls import CallStatus
from offhook.testing import Answers, Page, Refuses, World, run

CLIP = "https://media.example/a.mp3"
PAGES = ["answer", "two", "three", "missing", "http://[::1", "ftp://x.example/"]

numbers = st.sampled_from(["0", "1", "2", "3", "-1", "x", "9"])
booleans = st.sampled_from(["true", "false", "TRUE", "maybe"])
targets = st.sampled_from(PAGES)


def attributes(**kinds: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Some of the attributes, with some of their values."""
    chosen = st.fixed_dictionaries({}, optional=dict(kinds))
    return chosen.map(lambda found: "".join(f' {name.rstrip("_")}="{value}"' for name, value in found.items()))


speak = st.builds("<Speak{}>{}</Speak>".format, attributes(loop=numbers), st.sampled_from(["", "One", "One two three"]))
play = st.builds("<Play{}>{}</Play>".format, attributes(loop=numbers), st.sampled_from([CLIP, "https://gone.example/", "junk"]))
wait = st.builds(
    "<Wait{}/>".format,
    attributes(
        length=numbers,
        silence=booleans,
        minSilence=st.sampled_from(["100", "2000", "x"]),
        beep=st.sampled_from(["true", "duration=100"]),
    ),
)
dtmf = st.builds("<DTMF{}>{}</DTMF>".format, attributes(async_=booleans), st.sampled_from(["1", "12W3", "?", "99@500"]))
hangup = st.builds("<Hangup{}/>".format, attributes(schedule=numbers, reason=st.sampled_from(["busy", "rejected", "x"])))
redirect = st.builds("<Redirect{}>{}</Redirect>".format, attributes(method=st.sampled_from(["GET", "POST", "PUT"])), targets)
prompts = st.lists(speak | play | wait, max_size=2).map("".join)
get_digits = st.builds(
    "<GetDigits{}>{}</GetDigits>".format,
    attributes(
        action=targets,
        method=st.sampled_from(["GET", "PUT"]),
        timeout=numbers,
        digitTimeout=numbers,
        numDigits=numbers,
        retries=numbers,
        redirect=booleans,
        playBeep=booleans,
        finishOnKey=st.sampled_from(["*", "none", "1"]),
        validDigits=st.sampled_from(["123", "#"]),
        invalidDigitsSound=st.sampled_from([CLIP, "junk"]),
        log=booleans,
    ),
    prompts,
)
pre_answer = st.builds(
    "<PreAnswer>{}</PreAnswer>".format, st.lists(speak | play | wait | get_digits | redirect | dtmf, max_size=2).map("".join)
)
PEOPLE = ["14155550111", "14155550122", "sip:bob@example.org"]
called = st.sampled_from(
    [f"<Number>{PEOPLE[0]}</Number>", f"<Number>{PEOPLE[1]}</Number>", f"<User>{PEOPLE[2]}</User>", "<Number>x</Number>"]
)
dial = st.builds(
    "<Dial{}>{}</Dial>".format,
    attributes(
        action=targets,
        redirect=booleans,
        method=st.sampled_from(["GET", "PUT"]),
        timeout=numbers,
        timeLimit=numbers,
        hangupOnStar=booleans,
        dialMusic=st.sampled_from(["real", "none", "two", "missing"]),
        confirmSound=targets,
        confirmKey=st.sampled_from(["1", "#"]),
        confirmTimeout=numbers,
        callbackUrl=targets,
        digitsMatch=st.just("1,2#"),
        digitsMatchBLeg=st.just("1"),
    ),
    st.lists(called, min_size=1, max_size=3).map("".join),
)
delays = st.sampled_from([0.0, 0.5, 1.0, 2.0, 9.0])
behaviours = st.builds(
    Answers,
    after_s=delays,
    rings_s=st.sampled_from([None, 0.0, 0.5]),
    early_s=st.sampled_from([None, 0.5]),
    hangs_up_s=st.sampled_from([None, 0.0, 0.5, 1.0, 5.0]),
    then=st.sampled_from([None, lambda callee: callee.press("1#", after_s=0.5), lambda callee: callee.hold()]),
) | st.builds(Refuses, st.sampled_from([causes.from_refusal(486), causes.from_refusal(404), causes.NO_REPLY]), delays)
others = st.sampled_from(["<Message>Hi</Message>", "<Conference>a</Conference>", "<Nonsense/>", "text"])
elements = speak | play | wait | dtmf | hangup | redirect | get_digits | pre_answer | others | dial | dial
documents = st.lists(elements, max_size=4).map("".join)
pages = st.one_of(
    documents,
    documents,
    st.builds(Page, documents, takes_s=st.sampled_from([0.0, 0.5, 3.0, 20.0])),
    st.builds(Page, documents, status=st.sampled_from([200, 404, 500])),
    st.sampled_from([Page(b""), Page(b"<junk"), Page(fails="connect"), Page(fails="connect", takes_s=2.0)]),
)
keys = st.lists(st.tuples(st.floats(0, 30), st.sampled_from("0123456789*#A")), max_size=6)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    served=st.fixed_dictionaries({name: st.lists(pages, min_size=1, max_size=2) for name in PAGES[:3]}),
    pressed=keys,
    leaves_s=st.floats(0, 40),
    how=st.sampled_from([None, causes.MEDIA_TIMEOUT, "api", "cancel"]),
    world_options=st.fixed_dictionaries(
        {},
        optional={"fallback_url": st.just("https://app.example/two"), "nearest_voice": st.booleans(), "max_fetches": st.just(30)},
    ),
    troubles=st.fixed_dictionaries(
        {},
        optional={
            "speaking_takes_s": st.just(0.7),
            "fetching_takes_s": st.just(1.3),
            "mute": st.just(True),
            "without_hold_music": st.just(True),
            "failures_left": st.integers(0, 2),
            "cannot_be_notified": st.just(True),
            "receiving_takes_s": st.just(2.5),
        },
    ),
    early_media=st.booleans(),
    people=st.fixed_dictionaries({}, optional=dict.fromkeys(PEOPLE, behaviours)),
)
def test_every_call_ends_with_one_record_and_one_hangup_request(
    served: dict[str, Any],
    pressed: list[tuple[float, str]],
    leaves_s: float,
    how: Any,
    world_options: dict[str, Any],
    troubles: dict[str, Any],
    early_media: bool,
    people: dict[str, Any],
) -> None:
    async def main() -> None:
        async with World(**world_options) as world:
            for name, value in troubles.items():
                part = next(part for part in (world.studio, world.ledger, world.customer) if hasattr(part, name))
                setattr(part, name, value)
            world.studio.add_file(CLIP, 2.5)
            world.exchange.people.update(people)
            call = await world.dial_in(served, early_media=early_media)
            for after_s, key in pressed:
                call.press(key, after_s=after_s)
            await world.sleep(leaves_s)
            match how:
                case None:
                    call.hang_up()
                case "cancel":
                    call.cancel()
                case "api" if world.service.calls:
                    call.running.hang_up(causes.API_HANGUP)
                case "api":
                    pass
                case _:
                    call.caller.leave(how)
            await world.sleep(45)
            check(world, call)

    run(main())


def check(world: World, call: Any) -> None:
    (record,) = call.records
    legs = {row.call_uuid for row in world.ledger.rows} - {call.uuid}
    assert legs == {each.call_uuid for each in world.ledger.records if each.parent_call_uuid == call.uuid}
    assert len(world.ledger.records) == 1 + len(legs)
    (hangup,) = world.customer.asked("hangup")
    assert world.customer.requests[-1] is hangup
    assert hangup["CallStatus"] == record.call_status == CallStatus.COMPLETED
    assert hangup["HangupCauseCode"] == str(record.hangup_cause_code)
    assert hangup["Duration"] == str(record.duration_s)
    assert ("AnswerTime" in hangup.parameters) == (record.answer_time is not None) == call.caller.answered
    assert len(call.events("call-ended")) == 1
    assert len(call.events("element-started")) == len(call.events("element-ended"))
    assert len(call.events("audio-started")) == len(call.events("audio-stopped"))
    assert not [note for note in call.events("note") if "defect" in str(note["text"])], call.story
    assert world.ledger.live == {}
    assert call.signals.count("200") <= 1
