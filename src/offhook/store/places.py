"""Places in a list, the newest first, that stay where they are while new rows come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, or_

from offhook.store.rows import utc


@dataclass(frozen=True, slots=True)
class Place:
    """Beside a row of the list, which may have been removed since."""

    at: datetime
    """What the list is ordered by; rows of one moment by ``identity``."""
    identity: str
    newer: bool
    """Rows that are newer are wanted, instead of those that are older."""

    def beyond(self, time: Column[Any], identity: Column[Any]) -> ColumnElement[bool]:
        """What lies on the wanted side, by these columns."""
        at = utc(self.at)
        # The first condition alone can be read off the index; the second one is looked at for what is left.
        if self.newer:
            return and_(time >= at, or_(time > at, and_(time == at, identity > self.identity)))
        return and_(time <= at, or_(time < at, and_(time == at, identity < self.identity)))


def order(place: Place | None, time: Column[Any], identity: Column[Any]) -> tuple[Any, Any]:
    """In which order rows are read: those next to the place first."""
    if place is not None and place.newer:
        return time, identity
    return time.desc(), identity.desc()
