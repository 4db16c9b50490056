"""What ``say-as`` makes of a text, in English; and what it leaves to other languages' engines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.speech.say_as import cardinal, ordinal, read

KINDS = (
    "characters", "spell-out", "cardinal", "number", "ordinal", "digits", "fraction", "unit", "date", "time", "address",
    "telephone", "expletive", "unheard-of", "",
)  # fmt: skip
FORMS = ("", "mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd")

ENGLISH = [
    ("cardinal", "0", "zero"),
    ("cardinal", "-12", "minus twelve"),
    ("cardinal", "+12", "twelve"),
    ("cardinal", "21", "twenty-one"),
    ("cardinal", "1,234,567", "one million two hundred thirty-four thousand five hundred sixty-seven"),
    ("cardinal", "1 234 567", "one million two hundred thirty-four thousand five hundred sixty-seven"),
    ("cardinal", "1000000", "one million"),
    ("cardinal", "3.14", "three point one four"),
    ("cardinal", "-.5", "minus zero point five"),
    ("cardinal", "1,2", "1,2"),
    ("cardinal", "12 34", "12 34"),
    ("cardinal", "twelve", "twelve"),
    ("cardinal", "٣٤", "٣٤"),
    ("number", "1000", "one thousand"),
    ("ordinal", "1", "first"),
    ("ordinal", "22nd", "twenty-second"),
    ("ordinal", "12", "twelfth"),
    ("ordinal", "20", "twentieth"),
    ("ordinal", "115", "one hundred fifteenth"),
    ("ordinal", "1,000", "one thousandth"),
    ("ordinal", "0", "0"),
    ("fraction", "1/2", "one half"),
    ("fraction", "3/4", "three quarters"),
    ("fraction", "2/3", "two thirds"),
    ("fraction", "1/20", "one twentieth"),
    ("fraction", "3 1/2", "three and one half"),
    ("fraction", "3+1/2", "three and one half"),
    ("fraction", "-1/2", "minus one half"),
    ("fraction", "1/0", "1/0"),
    ("fraction", "5/1", "five"),
    ("unit", "1ft", "one foot"),
    ("unit", "10 kg", "ten kilograms"),
    ("unit", "5°C", "five degrees Celsius"),
    ("unit", "1°C", "one degree Celsius"),
    ("unit", "1 mph", "one mile per hour"),
    ("unit", "60 km/h", "sixty kilometers per hour"),
    ("unit", "1.5 l", "one point five liters"),
    ("unit", "1/2 cup", "one half cup"),
    ("unit", "6'3\"", "six feet three inches"),
    ("unit", "1'", "one foot"),
    ("unit", "3 widgets", "three widgets"),
    ("unit", "heavy", "heavy"),
    ("time", "2:30pm", "two thirty P M"),
    ("time", "2:30:15 p.m.", "two thirty and fifteen seconds P M"),
    ("time", "1:30:01", "one thirty and one second"),
    ("time", "14:05", "fourteen oh five"),
    ("time", "9 am", "nine A M"),
    ("time", "9:00", "nine o'clock"),
    ("time", "13:00", "thirteen hundred hours"),
    ("time", "1'21\"", "one minute twenty-one seconds"),
    ("time", "25:99", "25:99"),
    ("time", "7", "7"),
    ("address", "1250 Main St., Apt 5, NY 10001", "twelve fifty Main Street, Apartment five, NY one zero zero zero one"),
    ("address", "100 E 5th Ave", "one hundred East fifth Avenue"),
    ("address", "1005 Oak Rd", "ten oh five Oak Road"),
    ("address", "2 St. James Dr", "two Saint James Drive"),
    ("address", "St. Louis, MO", "Saint Louis, MO"),
    ("address", "Boston 02134-1000", "Boston zero two one three four, one zero zero zero"),
    ("telephone", "+1 (415) 555-0123", "plus one, four one five, five five five, zero one two three"),
    ("telephone", "4155550123", "four one five, five five five, zero one two three"),
    ("telephone", "+14155550123", "plus one, four one five, five five five, zero one two three"),
    ("telephone", "+442079460000", "plus four four two, zero seven nine, four six zero, zero zero zero"),
    ("telephone", "911", "nine one one"),
    ("telephone", "1-800-FLOWERS", "one, eight zero zero, F L O W E R S"),
    ("telephone", "555-0123 ext. 12", "five five five, zero one two three, extension one two"),
    ("telephone", "555-0123x12", "five five five, zero one two three, extension one two"),
    ("telephone", "", ""),
    ("digits", "1234", "one two three four"),
    ("digits", "12-34", "one two dash three four"),
    ("characters", "aB3-é", "A, B, three, dash, É"),
    ("spell-out", "hello", "H, E, L, L, O"),
    ("unheard-of", "left alone", "left alone"),
]  # fmt: skip

DATES = [
    ("mdy", "11/21/2026", "November twenty-first, twenty twenty-six"),
    ("dmy", "21.11.2026", "November twenty-first, twenty twenty-six"),
    ("ymd", "2026-11-21", "November twenty-first, twenty twenty-six"),
    ("md", "11/21", "November twenty-first"),
    ("dm", "21/11", "November twenty-first"),
    ("ym", "2026/11", "November twenty twenty-six"),
    ("my", "11/2026", "November twenty twenty-six"),
    ("d", "21", "twenty-first"),
    ("m", "5", "May"),
    ("y", "1999", "nineteen ninety-nine"),
    ("y", "1900", "nineteen hundred"),
    ("y", "2005", "two thousand five"),
    ("y", "1066", "ten sixty-six"),
    ("y", "999999999999", "999999999999"),
    ("mdy", "1/5/99", "January fifth, nineteen ninety-nine"),
    ("mdy", "1/5/26", "January fifth, twenty twenty-six"),
    ("mdy", "11212026", "November twenty-first, twenty twenty-six"),
    ("mdy", "112126", "November twenty-first, twenty twenty-six"),
    ("md", "1121", "November twenty-first"),
    ("mdy", "1121", "1121"),
    ("mdy", "13/40/2026", "13/40/2026"),
    ("mdy", "November 21, 2026", "November 21, 2026"),
    ("yyyymmdd", "20261121", "November twenty-first, twenty twenty-six"),
    ("yyyymmdd", "2026-11-21", "November twenty-first, twenty twenty-six"),
    ("yyyymmdd", "????1121", "November twenty-first"),
    ("yyyymmdd", "2026????", "twenty twenty-six"),
    ("yyyymmdd", "20261340", "20261340"),
    ("yyyymmdd", "????????", "????????"),
    ("", "2026-11-21", "November twenty-first, twenty twenty-six"),
    ("", "11/21/26", "November twenty-first, twenty twenty-six"),
    ("", "20261121", "November twenty-first, twenty twenty-six"),
    ("", "tomorrow", "tomorrow"),
]

OTHERS = [
    ("digits", "1234", "1 2 3 4"),
    ("characters", "AB 12", "A, B, 1, 2"),
    ("telephone", "+49 30 123456", "+ 4 9, 3 0, 1 2 3 4 5 6"),
    ("cardinal", "12", "12"),
    ("ordinal", "12", "12"),
    ("date", "21.11.2026", "21.11.2026"),
    ("time", "14:05", "14:05"),
]


@pytest.mark.parametrize(("kind", "text", "words"), ENGLISH)
def test_it_is_written_out_in_english(kind: str, text: str, words: str) -> None:
    assert read(text, kind, "", english=True) == words


@pytest.mark.parametrize(("form", "text", "words"), DATES)
def test_a_date_is_read_in_its_format(form: str, text: str, words: str) -> None:
    assert read(text, "date", form, english=True) == words


@pytest.mark.parametrize(("kind", "text", "words"), OTHERS)
def test_other_languages_get_separated_characters_and_keep_their_numbers(kind: str, text: str, words: str) -> None:
    assert read(text, kind, "", english=False) == words


@given(st.text(max_size=40), st.sampled_from(KINDS), st.sampled_from(FORMS), st.booleans())
def test_no_text_whatever_raises(text: str, kind: str, form: str, english: bool) -> None:
    assert isinstance(read(text, kind, form, english=english), str)


@given(st.from_regex(r"[0-9 ,./:+'\"aApPmMxX-]{1,24}", fullmatch=True), st.sampled_from(KINDS), st.sampled_from(FORMS))
def test_no_number_whatever_raises(text: str, kind: str, form: str) -> None:
    assert isinstance(read(text, kind, form, english=True), str)


@given(st.integers(-(10**40), 10**40))
def test_numbers_become_words_alone(number: int) -> None:
    assert re.fullmatch(r"[a-z -]+", cardinal(number))


@given(st.integers(1, 10**18 - 1))
def test_ordinals_end_as_ordinals_do(number: int) -> None:
    assert re.search(r"(st|nd|rd|th)$", ordinal(number))
