"""Pronunciations travel within the text, and reach the engine that can read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.speech import phonemes
from offhook.speech.segments import Segment, expand
from offhook.xml import parse


def spoken(ssml: str) -> str:
    document = parse(f'<Response><Speak voice="Polly.Joanna">{ssml}</Speak></Response>'.encode()).document
    assert document is not None
    (segment,) = expand(document.elements[0].content, "en-US")
    assert isinstance(segment, Segment)
    return segment.text


def test_the_sentence_stays_one_piece_and_a_plain_engine_reads_the_word() -> None:
    text = spoken("You say <phoneme alphabet='ipa' ph='pɪˈkɑːn'>pecan</phoneme>, I don't.")
    assert phonemes.unmarked(text) == "You say pecan, I don't."


def test_the_english_voice_is_told_the_pronunciation() -> None:
    text = spoken("You say <phoneme alphabet='ipa' ph='pɪˈkɑːn'>pecan</phoneme>.")
    assert phonemes.inline(text) == "You say  [pecan](/pɪkˈɑn/) ."


@pytest.mark.parametrize(
    ("alphabet", "written", "letters"),
    [
        ("ipa", "ˈt͡ʃiːz", "ʧˈiz"),
        ("ipa", "pəˈteɪtoʊ", "pətˈAtO"),
        ("ipa", "bɝd", "bɜɹd"),
        ("ipa", "haʊs", "hWs"),
        ("ipa", "ˈrɛd.i", "ɹˈɛdi"),
        ("x-sampa", 'p@"teItoU', "pətˈAtO"),
        ("x-sampa", "tSi:z", "ʧiz"),
        ("x-sampa", "T{Nk", "θæŋk"),
    ],
)
def test_alphabets_become_the_voices_own(alphabet: str, written: str, letters: str) -> None:
    assert phonemes.inline(phonemes.marked("x", alphabet, written)) == f" [x](/{letters}/) "


def test_an_alphabet_that_nobody_reads_leaves_the_word() -> None:
    assert phonemes.marked("北京", "x-amazon-pinyin", "bei3 jing1") == "北京"
    assert phonemes.inline(phonemes.marked("word", "ipa", "漢!")) == "word"


@given(st.text(max_size=30), st.sampled_from(["ipa", "x-sampa", "", "other"]), st.text(max_size=30), st.integers(0, 60))
def test_no_pronunciation_raises_or_leaves_a_mark(text: str, alphabet: str, written: str, at: int) -> None:
    whole = phonemes.marked(text, alphabet, written)
    for part in (whole, whole[:at], whole[at:]):
        for read in (phonemes.unmarked(part), phonemes.inline(part)):
            assert phonemes.clean(read) == read
