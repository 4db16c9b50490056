"""How often people and machines are told apart, over lines of several kinds: 110 greetings of ours that nothing was tuned with.

What stands in docs/machine-detection.md is counted here.
"""

from __future__ import annotations

import pytest

from offhook.calls import Tuning

from .greetings import LINES, VOICES, Greeting, judged

PEOPLE_RIGHT, MACHINES_RIGHT = 0.95, 0.98


def said(greetings: list[Greeting], text: str) -> list[Greeting]:
    """A greeting in all voices."""
    found = [each for each in greetings if each.text == text]
    assert len(found) == len(VOICES)
    return found


@pytest.mark.parametrize("line", LINES)
def test_people_and_machines_are_told_apart(greetings: list[Greeting], line: str) -> None:
    verdicts = judged([each.on(line, seed) for seed, each in enumerate(greetings)])
    for machine, wanted in ((False, PEOPLE_RIGHT), (True, MACHINES_RIGHT)):
        mine = [(each, found) for each, found in zip(greetings, verdicts, strict=True) if each.machine is machine]
        wrong = [(each.text, each.voice, found) for each, found in mine if found.machine is not machine]
        assert len(mine) >= 50
        assert len(wrong) <= (1 - wanted) * len(mine), wrong
    assert max(each.after_ms for each in verdicts) <= 5000


def test_who_says_hello_is_a_person_a_second_after_the_last_word(greetings: list[Greeting]) -> None:
    hello = said(greetings, "Hello?")
    for verdict in judged([each.on(line, 1) for each in hello for line in LINES]):
        assert (verdict.machine, verdict.why) == (False, "a short greeting")
        assert 1900 <= verdict.after_ms <= 2700  # 0.6 s of the line, the word, the silence


def test_a_machine_that_says_hardly_anything_gives_itself_away_by_its_beep(greetings: list[Greeting]) -> None:
    short = [Greeting(True, each.text, each.voice, each.samples, 500) for each in said(greetings, "Hi there.")]
    verdicts = judged([each.on(line, 2) for each in short for line in LINES])
    assert {(each.machine, each.why) for each in verdicts} == {(True, "a beep")}


@pytest.mark.parametrize("line", LINES)
def test_words_and_length_are_as_they_are_tuned(greetings: list[Greeting], line: str) -> None:
    mailbox = [each.on(line, 3) for each in greetings if each.text.startswith("Hello, you have reached the mailbox")]
    for tuning, why in (
        (Tuning(), {"many words", "a long greeting"}),
        (Tuning(words=10, greeting_ms=5000, speech_ms=1000), {"long speech"}),
        (Tuning(words=10, greeting_ms=5000, speech_ms=6000, time_ms=2500), {"time"}),
    ):
        assert {each.why for each in judged(mailbox, tuning)} <= why
