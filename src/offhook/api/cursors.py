"""Places in a list that stay where they are while new rows come: the parameter ``cursor``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from offhook.api.context import Context, Meta
from offhook.api.errors import invalid
from offhook.api.reading import Paged
from offhook.store import Page, Place

T = TypeVar("T")

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 2**53
_FURTHEST = 10**9


class Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A row at the edge of a page, and on which side of it the wanted page lies."""

    at_us: int
    identity: str
    newer: bool
    offset: int
    """Of the wanted page, at the time of writing: told in ``meta``, and what older clients go by."""

    def text(self) -> str:
        """As a URL carries it."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode("ascii").rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor that ``text`` stands for.

        Raises:
            ApiError: 400, it was not made here.
        """
        try:
            octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = msgspec.json.decode(octets, type=cls)
        except (binascii.Error, ValueError):
            raise invalid("cursor") from None
        if not (abs(found.at_us) <= _LAST_US and len(found.identity) <= 36 and 0 <= found.offset <= _FURTHEST):
            raise invalid("cursor")
        return found

    @property
    def place(self) -> Place:
        """As the store wants it."""
        return Place(_BEGINNING + timedelta(microseconds=self.at_us), self.identity, self.newer)


def meta(
    context: Context, ask: Paged, cursor: Cursor | None, found: Page[T], edge: Callable[[T], tuple[datetime, str]], *resource: str
) -> Meta:
    """Where this piece of a list stands. The paths of its neighbours have an offset and a cursor; the cursor wins.

    Args:
        edge: gives what the list is ordered by, of one of its rows: time and identity.
    """
    offset = cursor.offset if cursor is not None else ask.offset
    is_first = not found.more if cursor is not None and cursor.newer else cursor is None and not offset
    is_last = cursor is None or not cursor.newer
    is_last = is_last and not found.more

    def beside(row: T, offset: int, *, newer: bool) -> str:
        at, identity = edge(row)
        place = Cursor((at - _BEGINNING) // timedelta(microseconds=1), identity, newer, min(offset, _FURTHEST))
        return context.list_path(ask, *resource, limit=ask.limit, offset=place.offset, cursor=place.text())

    rows = found.items
    return Meta(
        limit=ask.limit,
        offset=offset,
        total_count=found.total,
        next=beside(rows[-1], offset + ask.limit, newer=False) if rows and not is_last else None,
        previous=beside(rows[0], max(0, offset - ask.limit), newer=True) if rows and not is_first else None,
    )
