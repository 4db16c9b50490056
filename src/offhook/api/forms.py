"""How values are written in answers, and times in questions (reference ``api.md`` section 1.4)."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo

from offhook.api.errors import ApiError, invalid

NO_MONEY = "0.00000"
"""Nothing is billed: every rate and amount."""
YEARS = range(1900, 9999)
"""Times that can be asked for: a window or a time zone leads none of them out of what a ``datetime`` can hold."""


def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name; UTC where this machine does not know it any more."""
    if name == "UTC":
        return UTC  # needs no database of zones
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone."""
    return name == "UTC" or zone_of(name) is not UTC


def moment(time: datetime | None, zone: tzinfo) -> str | None:
    """``2026-03-01 18:00:15+05:30``."""
    return None if time is None else time.astimezone(zone).isoformat(" ", "seconds")


def exact_moment(time: datetime, zone: tzinfo) -> str:
    """``2026-03-01 18:00:15.123456+05:30``."""
    return time.astimezone(zone).isoformat(" ", "microseconds")


def bare_moment(time: datetime) -> str:
    """``2026-03-01 12:30:15.123456``, in UTC without saying so."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def day(time: datetime | None, zone: tzinfo) -> str | None:
    """``2026-03-01``."""
    return None if time is None else time.astimezone(zone).date().isoformat()


def asked_moment(name: str, text: str) -> tuple[datetime, timedelta]:
    """A time that a filter names, ``YYYY-MM-DD HH:MM[:ss[.uuuuuu]]`` in UTC, and how long what it names lasts.

    Raises:
        ApiError: 400, it is none.
    """
    text = text.strip().replace("T", " ").removesuffix("Z")
    for form, lasts in (
        ("%Y-%m-%d %H:%M", timedelta(minutes=1)),
        ("%Y-%m-%d %H:%M:%S", timedelta(seconds=1)),
        ("%Y-%m-%d %H:%M:%S.%f", timedelta(microseconds=1)),
        ("%Y-%m-%d", timedelta(days=1)),
    ):
        try:
            asked = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if asked.year not in YEARS:
            raise ApiError(400, f"{name} should be between the years {YEARS[0]} and {YEARS[-1]}")
        return asked, lasts
    raise invalid(name)
