"""Places in the list of call records that stay where they are while new records come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from offhook.store import tables
from offhook.store.rows import utc

_COLUMNS = tables.call_records.c


@dataclass(frozen=True, slots=True)
class Place:
    """Beside a record of the list, which may have been removed since."""

    end_time: datetime
    call_uuid: str
    newer: bool
    """Records that are newer are wanted, instead of those that are older."""

    @property
    def beyond(self) -> ColumnElement[bool]:
        """What lies on the wanted side."""
        end, same = utc(self.end_time), _COLUMNS.end_time == utc(self.end_time)
        # The first condition alone can be read off the index; the second one is looked at for what is left.
        if self.newer:
            return and_(_COLUMNS.end_time >= end, or_(_COLUMNS.end_time > end, and_(same, _COLUMNS.call_uuid > self.call_uuid)))
        return and_(_COLUMNS.end_time <= end, or_(_COLUMNS.end_time < end, and_(same, _COLUMNS.call_uuid < self.call_uuid)))


def order(place: Place | None) -> tuple[Any, Any]:
    """In which order records are read: those next to the place first."""
    if place is not None and place.newer:
        return _COLUMNS.end_time, _COLUMNS.call_uuid
    return _COLUMNS.end_time.desc(), _COLUMNS.call_uuid.desc()
