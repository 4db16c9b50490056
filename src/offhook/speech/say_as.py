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
_HONOURED = {"st": "Saint", "dr": "Doctor"}
_WHOLE = re.compile(r"[+-]?(?:[0-9]{1,40}|[0-9]{1,3}(?:,[0-9]{3}){1,12}|[0-9]{1,3}(?: [0-9]{3}){1,12})")
_EXTENSION = re.compile(r"(?i)[\s,;]*(?:extension|ext\b\.?|x(?=\s*[0-9]))\s*")
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
    characters = [each for each in text if not each.isspace()]
    return ", ".join(_named(each, each.upper()) if english else each for each in characters)


def _named(character: str, otherwise: str) -> str:
    return _ONES[int(character)] if character in "0123456789" else _SYMBOLS.get(character, otherwise)


def _digits(text: str, *, english: bool) -> str:
    return " ".join(_named(each, each) if english else each for each in text if not each.isspace())


def _telephone(text: str, *, english: bool) -> str:
    """Digit by digit, with a breath between the groups as they are written, or as the number's country writes them."""
    number, _, extension = _EXTENSION.sub("\n", text, count=1).partition("\n")
    plus, number = number.startswith("+"), number.removeprefix("+")
    groups = _telephone_groups(number) if number.isdigit() else [each for each in re.split(r"[\s().\-/]+", number) if each]
    spoken = ", ".join(_digits(group, english=english) for group in groups)
    if plus:
        spoken = f"{'plus' if english else '+'} {spoken}"
    if extension:
        spoken += f", {'extension ' if english else ''}{_digits(extension, english=english)}"
    return spoken


def _telephone_groups(number: str) -> list[str]:
    """3-3-4 in North America, threes elsewhere with the odd ones in front."""
    if len(number) == 10 or (len(number) == 11 and number.startswith("1")):
        return [each for each in (number[:-10], number[-10:-7], number[-7:-4], number[-4:]) if each]
    first = len(number) % 3
    return [each for each in (number[:first], *(number[at : at + 3] for at in range(first, len(number), 3))) if each]


def _number(text: str) -> int | None:
    if not _WHOLE.fullmatch(text):
        return None
    return int(re.sub("[, ]", "", text))


def _cardinal(text: str) -> str:
    number = _number(text)
    if number is not None:
        return cardinal(number)
    found = re.fullmatch(r"([+-]?)([0-9, ]{0,40})\.([0-9]{1,40})", text)
    whole = _number(found[2]) if found is not None and found[2] else 0
    if found is None or whole is None:
        return text
    parts = ("minus" if found[1] == "-" else "", cardinal(whole), "point", _digits(found[3], english=True))
    return " ".join(part for part in parts if part)


def _ordinal(text: str) -> str:
    number = _number(re.sub(r"(?i)(st|nd|rd|th)$", "", text))
    return ordinal(number) if number is not None and 0 < number < 10**18 else text


def _fraction(text: str) -> str:
    found = re.fullmatch(r"(-?)(?:([0-9]{1,9})\s*[+ ]\s*)?([0-9]{1,9})\s*[/⁄]\s*([0-9]{1,9})", text)
    if found is None or int(found[4]) == 0:
        return text
    above, below = int(found[3]), int(found[4])
    single, many = _DENOMINATORS.get(below, (ordinal(below), ordinal(below) + "s"))
    spoken = f"{cardinal(above)} {single if above == 1 else many}" if below > 1 else cardinal(above)
    if found[2]:
        spoken = f"{cardinal(int(found[2]))} and {spoken}"
    return f"minus {spoken}" if found[1] else spoken


def _unit(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,3})'\s*(?:([0-9]{1,2})\")?", text)
    if found is not None:
        return " ".join(_unit(f"{number} {unit}") for number, unit in ((found[1], "ft"), (found[2], "in")) if number)
    found = re.fullmatch(r"([+-]?[0-9][0-9,. ]*?(?:\s*/\s*[0-9]+)?)\s*([A-Za-z°%][A-Za-z%/]{0,19})", text)
    if found is None:
        return text
    number, unit = found[1].strip(), _UNITS.get(found[2].lower(), found[2])
    if number == "1" or "/" in number:
        irregular = {"feet": "foot", "inches": "inch", "hertz": "hertz", "percent": "percent"}
        first, _, rest = unit.partition(" ")
        unit = f"{irregular.get(first, first.removesuffix('s'))} {rest}".strip()
    return f"{_fraction(number) if '/' in number else _cardinal(number)} {unit}"


def _time(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2}))?\s*([AaPp])?\.?\s*(?:[Mm]\.?)?", text)
    if found is not None and (found[2] or found[4]):
        return _clock(int(found[1]), int(found[2] or 0), int(found[3] or 0), (found[4] or "").upper()) or text
    found = re.fullmatch(r"([0-9]{1,3})'\s*(?:([0-9]{1,2})\"?)?", text)  # 1'21" is a length of time
    if found is None:
        return text
    return " ".join(_counted(int(count), of) for count, of in ((found[1], "minute"), (found[2], "second")) if count)


def _clock(hour: int, minute: int, second: int, half: str) -> str:
    """The time of day; nothing when there is no such time."""
    if hour > 24 or minute > 59 or second > 59:
        return ""
    spoken = cardinal(hour)
    if minute:
        spoken += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        spoken += " hundred hours" if hour > 12 or hour == 0 else " o'clock"
    if second:
        spoken += f" and {_counted(second, 'second')}"
    return f"{spoken} {half} M" if half else spoken


def _counted(count: int, of: str) -> str:
    return f"{cardinal(count)} {of}{'' if count == 1 else 's'}"


def _year(year: int) -> str:
    if 1010 <= year < 2000 or 2010 <= year < 2100:
        century, rest = divmod(year, 100)
        return f"{cardinal(century)} {'hundred' if rest == 0 else ('oh ' if rest < 10 else '') + cardinal(rest)}"
    return cardinal(year)


def _date(text: str, form: str) -> str:
    if form == "yyyymmdd" or (not form and re.fullmatch(r"[0-9?]{8}", text)):
        bare = re.sub(r"[-/. ]", "", text)
        return _ymd(bare) if re.fullmatch(r"[0-9?]{8}", bare) else text
    numbers = re.findall(r"[0-9]+", text)
    if re.search(r"[^0-9\s./-]", text) or not numbers:
        return text
    if not form:
        form = "ymd" if len(numbers[0]) == 4 else "mdy"
    if len(numbers) == 1 and len(form) > 1:
        numbers = _run_together(numbers[0], form)
    if len(numbers) != len(form) or any(len(number) > 4 for number in numbers):
        return text
    parts = {letter: int(number) for letter, number in zip(form, numbers, strict=True)}
    if not 1 <= parts.get("m", 1) <= 12 or not 1 <= parts.get("d", 1) <= 31:
        return text
    year = parts.get("y")
    if year is not None and year < 100:
        year += 2000 if year < 70 else 1900
    return _written(year, parts.get("m"), parts.get("d"))


def _run_together(digits: str, form: str) -> list[str]:
    """``11212026`` as ``mdy``: two digits a part, and what is left for the year."""
    widths = [2 if letter != "y" else len(digits) - 2 * (len(form) - 1) for letter in form]
    if len(digits) != sum(widths) or not all(width in {2, 4} for width in widths):
        return []
    found, at = [], 0
    for width in widths:
        found.append(digits[at : at + width])
        at += width
    return found


def _written(year: int | None, month: int | None, day: int | None) -> str:
    words = [_MONTHS[month - 1]] if month is not None else []
    if day is not None:
        words.append(ordinal(day))
    if year is not None:
        words.append((", " if len(words) == 2 else "") + _year(year))
    return " ".join(words).replace(" ,", ",")


def _ymd(text: str) -> str:
    """``yyyymmdd``; question marks stand for parts that are not known."""
    year, month, day = (int(part) if part.isdigit() else None for part in (text[:4], text[4:6], text[6:]))
    if not 1 <= (month or 1) <= 12 or not 1 <= (day or 1) <= 31 or 0 in {month, day}:
        return text
    return _written(year, month, day) or text


def _address(text: str) -> str:
    words: list[str] = []
    named = False  # the word before was a name: after it "St" is a street, else it is a saint
    for word in text.split(" "):
        bare = word.rstrip(".,")
        known = _STREETS.get(bare.lower()) if len(bare) > 1 or bare.isupper() else None
        if known is not None and not named:
            known = _HONOURED.get(bare.lower(), known)
        words.append((known or _in_address(bare) or word.rstrip(",")) + ("," if word.endswith(",") else ""))
        named = not word.endswith(",") and bare[:1].isalpha() and known is None
    return " ".join(words)


def _in_address(word: str) -> str | None:
    """The number of a house or of a street, or a post code."""
    if re.fullmatch(r"[0-9]{1,4}", word):
        return _house(word)
    if re.fullmatch(r"[0-9]{5,6}(-[0-9]{4})?", word):
        return ", ".join(_digits(part, english=True) for part in word.split("-"))
    return _ordinal(word) if re.fullmatch(r"(?i)[0-9]{1,4}(st|nd|rd|th)", word) else None


def _house(number: str) -> str:
    """House numbers are read in pairs: 1250 is twelve fifty."""
    if len(number) < 3 or number.endswith("00") or number.startswith("0"):
        return cardinal(int(number))
    head, tail = number[:-2], number[-2:]
    return f"{cardinal(int(head))} {'oh ' + _ONES[int(tail)] if int(tail) < 10 else cardinal(int(tail))}"
