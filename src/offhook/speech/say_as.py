"""``say-as``: how a text is read, written out as words (reference ``xml.md`` section 4.2).

For English everything is written out. For other languages what is read character by character is separated, so that the engine
says one after another; numbers, dates and times are left to the engine, which knows its language's grammar.
"""

from __future__ import annotations

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_GROUPS = ("", "thousand", "million", "billion", "trillion", "quadrillion")
_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_MONTHS = "January February March April May June July August September October November December".split()
_SYMBOLS = {
    ".": "dot", ",": "comma", "-": "dash", "_": "underscore", "@": "at", "#": "pound", "*": "star", "+": "plus", "/": "slash",
    "\\": "backslash", "&": "and", "%": "percent", "$": "dollar", "!": "exclamation mark", "?": "question mark", ":": "colon",
    ";": "semicolon", "=": "equals", "(": "open parenthesis", ")": "close parenthesis", "'": "apostrophe", '"': "quote",
}  # fmt: skip
_UNITS = {
    "km": "kilometers", "m": "meters", "cm": "centimeters", "mm": "millimeters", "mi": "miles", "ft": "feet", "in": "inches",
    "yd": "yards", "kg": "kilograms", "g": "grams", "mg": "milligrams", "lb": "pounds", "lbs": "pounds", "oz": "ounces",
    "l": "liters", "ml": "milliliters", "gal": "gallons", "h": "hours", "hr": "hours", "min": "minutes", "s": "seconds",
    "sec": "seconds", "ms": "milliseconds", "mph": "miles per hour", "kmh": "kilometers per hour", "km/h": "kilometers per hour",
    "gb": "gigabytes", "mb": "megabytes", "kb": "kilobytes", "hz": "hertz", "khz": "kilohertz", "w": "watts", "kw": "kilowatts",
    "v": "volts", "°c": "degrees Celsius", "°f": "degrees Fahrenheit", "c": "degrees Celsius", "f": "degrees Fahrenheit",
    "%": "percent",
}  # fmt: skip
_STREETS = {
    "st": "Street", "ave": "Avenue", "rd": "Road", "blvd": "Boulevard", "dr": "Drive", "ln": "Lane", "ct": "Court",
    "sq": "Square",
    "hwy": "Highway", "apt": "Apartment", "ste": "Suite", "n": "North", "s": "South", "e": "East", "w": "West",
}  # fmt: skip
_DENOMINATORS = {2: ("half", "halves"), 4: ("quarter", "quarters")}


def read(text: str, kind: str, form: str, *, english: bool) -> str:
    """The words for a text.

    Args:
        kind: the value of ``interpret-as``; an unknown one leaves the text as it is.
        form: the value of ``format``, for dates.
        english: whether the words are to be English.
    """
    text = " ".join(text.split())
    if kind in {"characters", "spell-out"}:
        return _spelt(text, english=english)
    if kind == "digits":
        return _digits(text, english=english)
    if kind == "telephone":
        return _telephone(text, english=english)
    if not english:
        return text
    reader = {"cardinal": _cardinal, "number": _cardinal, "ordinal": _ordinal, "fraction": _fraction, "unit": _unit,
    "time": _time,
              "address": _address}.get(kind)  # fmt: skip
    if kind == "date":
        return _date(text, form)
    return reader(text) if reader is not None else text


def cardinal(number: int) -> str:
    """A whole number in words, to 10**18; larger ones digit by digit."""
    if number < 0:
        return "minus " + cardinal(-number)
    if number >= 10**18:
        return " ".join(_ONES[int(digit)] for digit in str(number))
    if number < 1000:
        return _below_thousand(number)
    words = []
    groups: list[int] = []
    while number:
        number, rest = divmod(number, 1000)
        groups.append(rest)
    for position in range(len(groups) - 1, -1, -1):
        if groups[position]:
            words.append(f"{_below_thousand(groups[position])} {_GROUPS[position]}".strip())  # noqa: PERF401
    return " ".join(words)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest or not hundreds:
        tens, ones = divmod(rest, 10)
        words.append(_ONES[rest] if rest < 20 else _TENS[tens] + (f"-{_ONES[ones]}" if ones else ""))
    return " ".join(words)


def ordinal(number: int) -> str:
    """``first``, ``twenty-second``, …"""
    words = cardinal(number)
    head, separator, last = re.fullmatch(r"(.*?)([ -]?)([a-z]+)", words, re.DOTALL).groups()  # type: ignore[union-attr]
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return head + separator + last


def _spelt(text: str, *, english: bool) -> str:
    named = [_SYMBOLS.get(each, each) if english else each for each in text if not each.isspace()]
    return ", ".join(
        _ONES[int(each)] if english and each in "0123456789" else each.upper() if english else each for each in named
    )


def _digits(text: str, *, english: bool) -> str:
    if english:
        return " ".join(
            _ONES[int(each)] if each in "0123456789" else _SYMBOLS.get(each, each) for each in text if not each.isspace()
        )
    return " ".join(each for each in text if not each.isspace())


def _telephone(text: str, *, english: bool) -> str:
    """Digit by digit, with a breath between the groups as they are written, or 3-3-4 when they are not."""
    if re.fullmatch(r"\+?[0-9]{10,}", text):
        plus, number = text.startswith("+"), text.lstrip("+")
        country, local = number[:-10], number[-10:]
        groups = [each for each in (country, local[:3], local[3:6], local[6:]) if each]
        spoken = ", ".join(_digits(group, english=english) for group in groups)
        return f"plus {spoken}" if plus and english else spoken
    groups = [each for each in re.split(r"[\s().\-/]+", text) if each]
    return ", ".join(_digits(group, english=english) for group in groups)


def _number(text: str) -> int | None:
    bare = text.replace(",", "").replace(" ", "")
    return int(bare) if re.fullmatch(r"[+-]?[0-9]{1,40}", bare) else None


def _cardinal(text: str) -> str:
    number = _number(text)
    if number is not None:
        return cardinal(number)
    found = re.fullmatch(r"([+-]?[0-9,]{1,40})\.([0-9]{1,40})", text)
    if found is not None and (whole := _number(found[1])) is not None:
        return f"{cardinal(whole)} point {_digits(found[2], english=True)}"
    return text


def _ordinal(text: str) -> str:
    number = _number(re.sub(r"(?i)(st|nd|rd|th)$", "", text))
    return ordinal(number) if number is not None and 0 < number < 10**18 else text


def _fraction(text: str) -> str:
    found = re.fullmatch(r"(?:([0-9]{1,9})\s*[+ ]\s*)?([0-9]{1,9})\s*/\s*([0-9]{1,9})", text)
    if found is None or int(found[3]) == 0:
        return text
    above, below = int(found[2]), int(found[3])
    single, many = _DENOMINATORS.get(below, (ordinal(below), ordinal(below) + "s"))
    spoken = f"{cardinal(above)} {single if above == 1 else many}" if below > 1 else cardinal(above)
    return f"{cardinal(int(found[1]))} and {spoken}" if found[1] else spoken


def _unit(text: str) -> str:
    found = re.fullmatch(r"([+-]?[0-9][0-9,.]*)\s*([A-Za-z°%/]{1,12})", text)
    if found is None:
        return text
    unit = _UNITS.get(found[2].lower(), found[2])
    if found[1] == "1":
        irregular = {"feet": "foot", "inches": "inch", "hertz": "hertz", "percent": "percent"}
        first, _, rest = unit.partition(" ")
        unit = f"{irregular.get(first, first.removesuffix('s'))} {rest}".strip()
    return f"{_cardinal(found[1])} {unit}"


def _time(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))?\s*([AaPp])?\.?\s*(?:[Mm]\.?)?", text)
    if found is not None and (found[2] or found[4]):
        hour, minute = int(found[1]), int(found[2] or 0)
        half = f" {found[4].upper()} M" if found[4] else ""
        spoken = cardinal(hour)
        if minute:
            spoken += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
        elif not half:
            spoken += " hundred hours" if hour > 12 or hour == 0 else " o'clock"
        return spoken + half + (f" and {cardinal(int(found[3]))} seconds" if found[3] else "")
    found = re.fullmatch(r"([0-9]{1,3})'(?:([0-9]{1,2})\"?)?", text)  # 1'21" is a length of time
    if found is not None:
        seconds = f" {cardinal(int(found[2]))} seconds" if found[2] else ""
        return f"{cardinal(int(found[1]))} minutes{seconds}"
    return text


def _year(year: int) -> str:
    if 1100 <= year < 2000 or 2010 <= year < 2100:
        century, rest = divmod(year, 100)
        return f"{cardinal(century)} {'hundred' if rest == 0 else ('oh ' if rest < 10 else '') + cardinal(rest)}"
    return cardinal(year)


def _date(text: str, form: str) -> str:
    numbers = [each for each in re.split(r"[^0-9]+", text) if each]
    if form == "yyyymmdd" or (not form and re.fullmatch(r"[0-9]{8}", text)):
        return _ymd(text) if re.fullmatch(r"[0-9?]{8}", text) else text
    if not form:
        form = "ymd" if numbers and len(numbers[0]) == 4 else "mdy"
    if len(numbers) != len(form):
        return text
    parts = {letter: int(number[:6]) for letter, number in zip(form, numbers, strict=True)}
    if not 1 <= parts.get("m", 1) <= 12 or not 1 <= parts.get("d", 1) <= 31:
        return text
    year = parts.get("y")
    if year is not None and year < 100:
        year += 2000 if year < 70 else 1900
    words = []
    if "m" in parts:
        words.append(_MONTHS[parts["m"] - 1])
    if "d" in parts:
        words.append(ordinal(parts["d"]))
    if year is not None:
        words.append((", " if len(words) == 2 else "") + _year(year))
    return " ".join(words).replace(" ,", ",")


def _ymd(text: str) -> str:
    """``yyyymmdd``; question marks stand for parts that are not known."""
    year, month, day = text[:4], text[4:6], text[6:]
    words = []
    if month.isdigit() and 1 <= int(month) <= 12:
        words.append(_MONTHS[int(month) - 1])
    if day.isdigit() and 1 <= int(day) <= 31:
        words.append(ordinal(int(day)))
    if year.isdigit():
        words.append(_year(int(year)))
    return " ".join(words) or text


def _address(text: str) -> str:
    words = []
    for word in text.split(" "):
        bare = word.rstrip(".,")
        tail = "," if word.endswith(",") else ""
        if re.fullmatch(r"[0-9]{1,6}", bare):
            words.append((_house(bare) if len(bare) < 5 else _digits(bare, english=True)) + tail)
        elif bare.lower() in _STREETS and (len(bare) > 1 or bare.isupper()):
            words.append(_STREETS[bare.lower()] + tail)
        else:
            words.append(word)
    return " ".join(words)


def _house(number: str) -> str:
    """House numbers are read in pairs: 1250 is twelve fifty."""
    if len(number) < 3 or number.endswith("00") or number.startswith("0"):
        return cardinal(int(number))
    head, tail = number[:-2], number[-2:]
    return f"{cardinal(int(head))} {'oh ' + _ONES[int(tail)] if int(tail) < 10 else cardinal(int(tail))}"
