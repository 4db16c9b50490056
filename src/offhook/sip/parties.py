"""Who calls and who is called, in the one form in which signatures compare them (RFC 8224 section 8). Pure."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import phonenumbers

from offhook.sip.errors import SipParseError
from offhook.sip.message import Request
from offhook.sip.uri import NameAddr, Uri

MAX_NUMBER_CHARACTERS = 32
MAX_ASSERTED = 4
_NUMBER = re.compile(r"\+?[0-9#*][0-9#*().\- ]{0,47}", re.ASCII)
_CLAIMED_URI = re.compile(r"sips?:[!-~]{1,400}", re.ASCII | re.IGNORECASE)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(rf"(?:{'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)


class Party(NamedTuple):
    """One end of a call as a signature names it: equal parties compare equal."""

    kind: Literal["tn", "uri"]
    value: str
    """``tn``: digits with country code, no ``+`` (``#`` and ``*`` in short codes); ``uri``: ``sip:user@host``."""


def canonical_number(text: str, region: str | None = None) -> str | None:
    """A telephone number in the form of RFC 8224 section 8.3.

    Args:
        text: digits and visual separators, with or without ``+``.
        region: the country whose national form a number without ``+`` may have, ISO 3166.

    Returns:
        Digits (``#`` and ``*`` in service codes), 1 to ``MAX_NUMBER_CHARACTERS``; ``None``: it is no number.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    digits = "".join(each for each in text if each in "0123456789#*")
    if region is not None and not text.startswith("+") and digits.isdigit():
        digits = _international(digits, region)
    return digits if len(digits) <= MAX_NUMBER_CHARACTERS else None


def _international(digits: str, region: str) -> str:
    """With the country code where the region's numbering plan has such a number; otherwise as it was (911, short codes)."""
    try:
        parsed = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return digits
    # Shorter than a whole number is possible too, but only for those who dial within an area.
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return digits
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164).lstrip("+")


def parties(uri: Uri, region: str | None = None) -> tuple[Party, ...]:
    """What a URI can be called in a signature, the number first when it has one; nothing for other schemes."""
    user, *parameters = (uri.user or "").split(";")
    found = []
    number = unquote(user)
    context = uri.parameter("phone-context") or next((each[14:] for each in parameters if each.startswith("phone-context=")), "")
    if context.startswith("+") and not number.startswith("+"):
        number = context + number  # a local number and what goes before it (RFC 3966 section 5.1.5)
    digits = canonical_number(number, region)
    # A user called 7 is a user, unless the URI says that it is a telephone; from three digits on it looks like one.
    if digits is not None and (len(digits) >= 3 or uri.scheme == "tel" or uri.parameter("user") == "phone"):
        found.append(Party("tn", digits))
    if uri.scheme in {"sip", "sips"} and uri.user:
        host = f"[{uri.host}]" if ":" in uri.host else uri.host.lower()
        found.append(Party("uri", f"{uri.scheme}:{unquote(uri.user)}@{host}"))
    return tuple(found)


def canonical(kind: str, value: Any) -> Party | None:
    """A party as a claim names it, whatever JSON had there; ``None`` when it is none."""
    if not isinstance(value, str):
        return None
    if kind == "tn":
        number = canonical_number(value)
        return None if number is None else Party("tn", number)
    if not _CLAIMED_URI.fullmatch(value):
        return None
    try:
        found = parties(Uri.parse(value))
    except SipParseError:
        return None
    return next((party for party in found if party.kind == "uri"), None)


def from_parties(request: Request, region: str | None = None) -> tuple[Party, ...]:
    """Whom From names; nothing when it cannot be read."""
    try:
        return parties(request.from_.uri, region)
    except SipParseError:
        return ()


def caller_parties(request: Request, region: str | None = None, *, trusted: bool = True) -> tuple[Party, ...]:
    """Whom the request gives out as the caller, which is who a signature has to be for.

    That is whom the platform shows as the caller: of a trusted peer P-Asserted-Identity where there is one (RFC 3325,
    ATIS-1000074 section 5.3.1), except that From counts where the caller wants privacy and has a name in From all the same.
    """
    asserted = addresses(request, "p-asserted-identity") if trusted else []
    if not asserted or (_private(request) and not _anonymous(request)):
        return from_parties(request, region)
    return tuple(party for address in asserted for party in parties(address.uri, region))


def callee_parties(request: Request, region: str | None = None) -> tuple[Party, ...]:
    """Whom the request is for: To first, which is what is signed (RFC 8224 section 4.1), then the request URI."""
    found: list[Party] = []
    with contextlib.suppress(SipParseError):
        found += parties(request.to.uri, region)
    with contextlib.suppress(SipParseError):
        found += parties(request.uri, region)
    return tuple(found)


def addresses(request: Request, name: str) -> list[NameAddr]:
    """The readable ones among the first ``MAX_ASSERTED`` values of an address field."""
    found = []
    for value in request.items(name)[:MAX_ASSERTED]:
        try:
            found.append(NameAddr.parse(value, name.title()))
        except SipParseError:
            continue
    return found


def _private(request: Request) -> bool:
    asked = {each.strip().lower() for each in (request.header("privacy") or "").split(";")}
    return bool(asked & {"id", "user", "header"})


def _anonymous(request: Request) -> bool:
    """Whether From names nobody (RFC 3323 section 4.1.1.3)."""
    try:
        uri = request.from_.uri
    except SipParseError:
        return True
    return (uri.user or "anonymous").lower() == "anonymous" or uri.host.lower() == "anonymous.invalid"


def read_date(request: Request) -> int | None:
    """The Date field, s since 1970 (RFC 3261 section 20.17); ``None`` when it is missing or malformed."""
    found = _DATE.fullmatch((request.header("date") or "").strip())
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    try:
        moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp())


def show_date(seconds: int) -> str:
    """The value of a Date field for a time in s since 1970; no locale has a say in it."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"
