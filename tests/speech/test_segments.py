"""From the tags of a ``Speak`` to plain text, a manner of speaking, and pauses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import Silence, Tone
from offhook.speech.segments import BLEEP, MAX_CHARACTERS, PARAGRAPH_MS, SENTENCE_MS, Manner, Segment, cut, expand
from offhook.xml import parse


@dataclass(frozen=True)
class Tag:
    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    content: Sequence["str | Tag"] = ()


def speak(ssml: str) -> tuple[object, ...]:
    """The parts of a document as it comes from the customer."""
    document = parse(f'<Response><Speak voice="Polly.Joanna">{ssml}</Speak></Response>'.encode()).document
    assert document is not None
    return expand(document.elements[0].content, "en-US")


def texts(parts: Sequence[object]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Segment)]


def test_plain_text_is_one_segment_with_its_blanks_tidied() -> None:
    assert speak("  Hello\n   there ") == (Segment("Hello there", Manner()),)


@pytest.mark.parametrize("nothing", ["", "   ", "...", "<p> </p>", "<prosody rate='slow'>!?</prosody>", "<s/>"])
def test_nothing_to_say_is_nothing(nothing: str) -> None:
    assert speak(nothing) == ()


@pytest.mark.parametrize(
    ("tag", "duration_ms"),
    [
        ("<break/>", 500),
        ("<break strength='x-weak'/>", 100),
        ("<break strength='weak'/>", 250),
        ("<break strength='strong'/>", 900),
        ("<break strength='x-strong'/>", 1200),
        ("<break time='2s'/>", 2000),
        ("<break time='1.5s'/>", 1500),
        ("<break time='300ms'/>", 300),
        ("<break time='10s'/>", 10_000),
        ("<break strength='weak' time='3s'/>", 3000),
    ],
)
def test_a_break_is_a_pause(tag: str, duration_ms: int) -> None:
    assert speak(f"one {tag} two") == (Segment("one", Manner()), Silence(duration_ms), Segment("two", Manner()))


def test_no_break_joins_what_it_stands_between() -> None:
    assert Silence(0) not in speak("one <break strength='none'/> two")


def test_breaks_one_after_another_add_up() -> None:
    assert speak("one <break time='10s'/> <break time='10s'/> two")[1] == Silence(20_000)


def test_a_break_alone_is_a_pause_and_so_is_one_at_the_end() -> None:
    assert speak("<break time='1s'/>") == (Silence(1000),)
    assert speak("one <break time='1s'/>") == (Segment("one", Manner()), Silence(1000))


def test_paragraphs_and_sentences_have_a_pause_between_but_not_before_and_after() -> None:
    assert speak("<p><s>One.</s><s>Two.</s></p><p>Three.</p>") == (
        Segment("One.", Manner()),
        Silence(SENTENCE_MS),
        Segment("Two.", Manner()),
        Silence(PARAGRAPH_MS),
        Segment("Three.", Manner()),
    )


def test_beside_a_break_the_longer_pause_counts() -> None:
    assert speak("<s>One.</s><break time='2s'/><s>Two.</s>")[1] == Silence(2000)
    assert speak("<p>One.</p><break time='10ms'/><p>Two.</p>")[1] == Silence(PARAGRAPH_MS)


@pytest.mark.parametrize(
    ("ssml", "manner"),
    [
        ("<prosody rate='slow'>x</prosody>", Manner(rate=0.8)),
        ("<prosody rate='150%'>x</prosody>", Manner(rate=1.5)),
        ("<prosody rate='0%'>x</prosody>", Manner(rate=0.3)),
        ("<prosody pitch='+20%'>x</prosody>", Manner(pitch=1.2)),
        ("<prosody pitch='-20%'>x</prosody>", Manner(pitch=0.8)),
        ("<prosody pitch='x-high'>x</prosody>", Manner(pitch=1.5)),
        ("<prosody volume='x-soft'>x</prosody>", Manner(volume_db=-12)),
        ("<prosody volume='+6dB'>x</prosody>", Manner(volume_db=6)),
        ("<prosody volume='-6.5dB'>x</prosody>", Manner(volume_db=-6.5)),
        ("<prosody volume='+99dB'>x</prosody>", Manner(volume_db=12)),
        ("<prosody volume='silent'>x</prosody>", Manner(volume_db=-60)),
        ("<emphasis level='strong'>x</emphasis>", Manner(rate=0.9, volume_db=3)),
        ("<emphasis>x</emphasis>", Manner(rate=0.95, volume_db=1.5)),
        ("<lang xml:lang='fr-FR'>x</lang>", Manner(language="fr-FR")),
    ],
)
def test_a_tag_is_a_manner_of_speaking(ssml: str, manner: Manner) -> None:
    (segment,) = speak(ssml)
    assert isinstance(segment, Segment)
    assert segment.manner.rate == pytest.approx(manner.rate)
    assert segment.manner.pitch == pytest.approx(manner.pitch)
    assert segment.manner.volume_db == pytest.approx(manner.volume_db)
    assert segment.manner.language == manner.language


def test_nested_prosody_multiplies_and_its_decibels_add_up() -> None:
    (segment,) = speak("<prosody rate='50%' volume='-3dB'><prosody rate='150%' volume='-3dB'>x</prosody></prosody>")
    assert isinstance(segment, Segment)
    assert segment.manner.rate == pytest.approx(0.75)
    assert segment.manner.volume_db == -6


def test_text_of_another_manner_is_a_segment_of_its_own() -> None:
    assert texts(speak("One <prosody rate='slow'>two</prosody> three")) == ["One", "two", "three"]


def test_what_changes_no_manner_stays_in_the_sentence() -> None:
    paid = "You paid <say-as interpret-as='cardinal'>12</say-as>"
    ssml = f"{paid} to <sub alias='World Wide Web'>WWW</sub>, <w role='amazon:VB'>read</w>."
    assert texts(speak(ssml)) == ["You paid twelve to World Wide Web, read."]


def test_say_as_is_read_in_the_language_of_its_span() -> None:
    ssml = "<lang xml:lang='fr-FR'><say-as interpret-as='digits'>12</say-as></lang> <say-as interpret-as='digits'>12</say-as>"
    assert texts(speak(ssml)) == ["1 2", "one two"]


def test_an_expletive_is_bleeped() -> None:
    parts = speak("You <say-as interpret-as='expletive'>darned</say-as> thing")
    assert parts == (Segment("You", Manner()), BLEEP, Segment("thing", Manner()))


def test_a_long_text_is_cut_at_its_sentences() -> None:
    sentence = "This sentence is here to be cut, and it is not short. "
    pieces = texts(speak(sentence * 80))
    assert len(pieces) > 5
    assert all(len(piece) <= MAX_CHARACTERS and piece.endswith(".") for piece in pieces)
    assert " ".join(pieces) == (sentence * 80).strip()


def test_a_language_without_blanks_is_cut_at_its_sentences() -> None:
    pieces = cut("今天天气很好，我们去公园吧。" * 60)
    assert all(len(piece) <= MAX_CHARACTERS and piece.endswith("。") for piece in pieces)


def test_text_without_any_end_is_cut_all_the_same() -> None:
    assert [len(piece) for piece in cut("x" * 1000)] == [MAX_CHARACTERS, MAX_CHARACTERS, 200]


def test_a_hundred_kilobytes_are_expanded_at_once() -> None:
    began = process_time()
    expand(["word " * 20_000], "en-US")
    expand([Tag("break")] * 20_000, "en-US")
    expand(["a", Tag("say-as", {"interpret-as": "cardinal"}, ["9" * 90_000])], "en-US")
    assert process_time() - began < 2


NAMES = ("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w", "unheard-of")
KEYS = ("strength", "time", "level", "xml:lang", "alphabet", "ph", "volume", "rate", "pitch", "interpret-as", "format", "alias")
VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "1s",
            "ms",
            "nans",
            "infs",
            "1e9s",
            "-1s",
            "%",
            "inf%",
            "nan%",
            "+dB",
            "1e99dB",
            "x-loud",
            "date",
            "mdy",
            "ipa",
            "x-sampa",
        ]
    ),
    st.from_regex(r"[+-]?[0-9.]{0,9}(%|dB|s|ms)?", fullmatch=True),
)
TREES = st.recursive(
    st.text(max_size=30),
    lambda inner: st.builds(
        Tag, st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3), st.lists(inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.lists(TREES, max_size=5), st.sampled_from(["en-US", "de-DE", ""]))
def test_no_tree_whatever_raises(content: list[str | Tag], language: str) -> None:
    for part in expand(content, language):
        assert isinstance(part, Segment | Silence | Tone)
        if isinstance(part, Segment):
            assert part.text == " ".join(part.text.split()) != ""
            assert len(part.text) <= MAX_CHARACTERS
            assert 0.3 <= part.manner.rate <= 3
            assert 0.3 <= part.manner.pitch <= 2
            assert -60 <= part.manner.volume_db <= 12
        if isinstance(part, Silence):
            assert part.duration_ms > 0
