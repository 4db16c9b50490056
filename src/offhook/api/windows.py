"""Times that lists are filtered by, and how far back a list goes where the operator wants that as strict as Plivo has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from offhook.api.errors import ApiError
from offhook.api.forms import asked_moment
from offhook.api.reading import Ask

Bounds = tuple[tuple[str, datetime], ...]
"""``gt``, ``gte``, ``lt`` or ``lte``, and a time."""
USUAL = timedelta(days=7)
WIDEST = timedelta(days=30)
KEPT = timedelta(days=90)


def bounds(ask: Ask, name: str) -> Bounds:
    """What ``name`` and ``name__gt`` to ``name__lte`` of a request say.

    An equal time is any within what was named: the minute, the second.

    Raises:
        ApiError: 400, one of them is no time.
    """
    return tuple(_bounds(ask, name))


def _bounds(ask: Ask, name: str) -> Iterator[tuple[str, datetime]]:
    text = getattr(ask, name, None)
    if text is not None:
        begins, lasts = asked_moment(name, text)
        yield "gte", begins
        yield "lt", begins + lasts
    for how in ("gt", "gte", "lt", "lte"):
        text = getattr(ask, f"{name}__{how}")
        if text is not None:
            yield how, asked_moment(f"{name}__{how}", text)[0]


def windowed(name: str, asked: Bounds, now: datetime) -> Bounds:
    """The bounds with Plivo's windows (reference ``api.md`` section 5.2): seven days unless more was asked for, thirty at most,
    nothing older than ninety.

    Raises:
        ApiError: 400, the range is wider.
    """
    until = min([now, *(time for how, time in asked if how.startswith("l"))])
    since = max((time for how, time in asked if how.startswith("g")), default=until - USUAL)
    if until - since > WIDEST:
        raise ApiError(400, f"the range of {name} should be at most {WIDEST.days} days")
    # By the minute: totals that were counted once hold for as long.
    return *asked, ("gte", max(since, now - KEPT).replace(second=0, microsecond=0))


def is_kept(time: datetime, now: datetime) -> bool:
    """Whether something that ended then can still be asked for, within the windows."""
    return time >= now - KEPT
