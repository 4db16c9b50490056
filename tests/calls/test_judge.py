"""The decision between person and machine alone: a stretch of sound after another, and the time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.audio import VoiceEvent
from offhook.calls import Judge, Tuning, Verdict
from offhook.calls.answering.judge import AFTER_MS, PAUSE_MS, START_MS, words_in

Spans = list[tuple[int, int]]


def events(spans: Spans, every_ms: int, until_ms: int) -> Iterator[VoiceEvent]:
    """What an engine tells of these stretches of sound: each change when it has lasted long enough, and the time."""
    changes = [(begin + START_MS, True, begin) for begin, _ in spans] + [(end + PAUSE_MS, False, end) for _, end in spans]
    ticks = [(at, None, 0) for at in range(every_ms, until_ms + 1, every_ms)]
    last = VoiceEvent(False, 0)
    for now_ms, speaking, at_ms in sorted([*changes, *ticks], key=lambda each: (each[0], each[1] is None)):
        last = VoiceEvent(last.speaking, last.at_ms, now_ms) if speaking is None else VoiceEvent(speaking, at_ms, now_ms)
        yield last


def verdict(spans: Spans, tuning: Tuning | None = None, every_ms: int = 20) -> Verdict:
    tuning = tuning or Tuning()
    judge = Judge(tuning)
    found = (judge.hear(each) for each in events(spans, every_ms, tuning.time_ms + every_ms))
    return next(each for each in found if each is not None)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(400, 880)], Verdict(False, "a short greeting", 1880)),
        ([(400, 1340), (1520, 2100)], Verdict(False, "a short greeting", 3100)),
        ([(0, 300), (1200, 1500)], Verdict(False, "a short greeting", 2500)),
        ([], Verdict(True, "silence", 4500)),
        ([(4400, 9000)], Verdict(False, "time", 5000)),
        ([(500, 9000)], Verdict(True, "a long greeting", 2180)),
        ([(400, 1300), (1600, 2500)], Verdict(True, "many words", 2440)),
        ([(100, 400), (800, 1100), (1500, 1800), (2300, 2600)], Verdict(True, "many words", 2360)),
    ],
)
def test_what_is_heard_and_what_it_means(spans: Spans, expected: Verdict) -> None:
    assert verdict(spans) == expected


def test_each_parameter_moves_its_own_line() -> None:
    sentence = [(400, 2200), (2500, 3900)]
    patient = {"time_ms": 10_000, "words": 10, "greeting_ms": 5000, "speech_ms": 6000}
    assert verdict(sentence, Tuning(**patient)) == Verdict(False, "a short greeting", 4900)
    assert verdict(sentence, Tuning(**patient | {"greeting_ms": 1500})).why == "a long greeting"
    assert verdict(sentence, Tuning(**patient | {"words": 6})).why == "many words"
    assert verdict(sentence, Tuning(**patient | {"speech_ms": 3000})).why == "long speech"
    assert verdict(sentence, Tuning(**patient | {"time_ms": 3000})).why == "time"
    assert verdict([], Tuning(initial_silence_ms=2000)).after_ms == 2000
    assert verdict([], Tuning(time_ms=4000)).why == "time"


def test_a_beep_is_a_machine_whatever_was_said() -> None:
    judge = Judge(Tuning())
    assert judge.hear(VoiceEvent(True, 200, 700)) is None
    assert judge.beep() == Verdict(True, "a beep", 700)


@pytest.mark.parametrize(("sound_ms", "words"), [(60, 1), (480, 1), (674, 1), (676, 2), (1120, 2), (1580, 4)])
def test_long_sounds_are_several_words(sound_ms: int, words: int) -> None:
    assert words_in(sound_ms) == words


@st.composite
def lines(draw: st.DrawFn) -> Spans:
    """Sound as an engine may tell of it: in whole ticks, no stretch and no pause shorter than what it takes for one."""
    lengths = draw(st.lists(st.tuples(st.integers(8, 160), st.integers(3, 200)), max_size=12))
    at, spans = draw(st.integers(0, 300)), []
    for pause, sound in lengths:
        begin = at + (pause if spans else 0)
        spans.append((begin * 20, (begin + sound) * 20))
        at = begin + sound
    return spans


TUNINGS = st.builds(
    Tuning,
    time_ms=st.integers(2000, 10_000),
    speech_ms=st.integers(1000, 6000),
    initial_silence_ms=st.integers(2000, 10_000),
    words=st.integers(2, 10),
    greeting_ms=st.integers(1000, 5000),
)


def signs(spans: Spans, tuning: Tuning, until_ms: int) -> set[str]:
    """Which signs of a machine there are in sound up to a moment, by their definitions and without any order of events."""
    heard = [(begin, min(end, until_ms)) for begin, end in spans if begin + START_MS <= until_ms]
    lengths = [end - begin for begin, end in heard]
    found = set()
    if lengths and lengths[0] > tuning.greeting_ms:
        found.add("a long greeting")
    if sum(words_in(each) for each in lengths) > tuning.words:
        found.add("many words")
    if sum(lengths) > tuning.speech_ms:
        found.add("long speech")
    if min([begin for begin, _ in spans] + [until_ms]) + START_MS >= tuning.initial_silence_ms:
        found.add("silence")
    return found


@settings(deadline=None)
@given(lines(), TUNINGS, st.sampled_from([20, 100]))
def test_every_verdict_has_its_reason_and_comes_in_time(spans: Spans, tuning: Tuning, every_ms: int) -> None:
    found = verdict(spans, tuning, every_ms)
    assert found.after_ms < tuning.time_ms + every_ms
    present = signs(spans, tuning, found.after_ms)
    if found.machine:
        assert found.why in present
    elif found.why == "a short greeting":
        said = [(begin, end) for begin, end in spans if begin + START_MS <= found.after_ms]
        assert said
        assert found.after_ms - said[-1][1] >= AFTER_MS
        assert present - {"silence"} == set()
    else:
        assert found.after_ms >= tuning.time_ms
        assert signs(spans, tuning, found.after_ms - PAUSE_MS - every_ms) - {"silence"} == set()


@settings(deadline=None)
@given(lines(), TUNINGS)
def test_how_often_the_time_is_told_changes_only_when_it_is_said(spans: Spans, tuning: Tuning) -> None:
    """Unless sound begins or ends, or the time does, in the very interval in which it is told."""
    often, seldom = verdict(spans, tuning, 20), verdict(spans, tuning, 100)
    if not _near([*itertools.chain.from_iterable(spans), tuning.time_ms], often.after_ms):
        assert often.machine is seldom.machine
        assert 0 <= seldom.after_ms - often.after_ms <= 100


def _near(edges: list[int], at_ms: int) -> bool:
    return any(abs(edge - at_ms) <= PAUSE_MS + 100 for edge in edges)
