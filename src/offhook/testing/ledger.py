"""What is written down, in memory: records, timelines, running calls, numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from offhook.records import Application, CallRecord, LiveCall, Notification, TimelineRow


@dataclass
class Ledger:
    """The ``Records`` and the ``Directory`` of a world."""

    applications: dict[str, Application] = field(default_factory=dict)
    """By number."""
    live: dict[str, LiveCall] = field(default_factory=dict)
    records: list[CallRecord] = field(default_factory=list)
    hangups: list[Notification] = field(default_factory=list)
    """The hangup requests that were stored with the records."""
    rows: list[TimelineRow] = field(default_factory=list)
    writing_takes_s: float = 0.0
    reading_takes_s: float = 0.0
    """How long it takes to look up a number."""
    failures_left: int = 0
    """So many more ``finish`` fail: the disk is full."""
    refuses: set[str] = field(default_factory=set)
    """Calls whose ``finish`` always fails."""
    beat_at: datetime | None = None
    """When the last node was last known to live."""
    unreadable: bool = False
    """Looking up a number fails."""

    def begin(self, call: LiveCall) -> None:
        """A call runs."""
        self.live[call.call_uuid] = call

    def add_event(self, row: TimelineRow) -> None:
        """Something stands on its timeline."""
        self.rows.append(row)

    async def begun(self, calls: Sequence[LiveCall]) -> None:
        """Calls are going to run."""
        self.live.update((call.call_uuid, call) for call in calls)

    async def timeline_end(self, call_uuid: str) -> tuple[int, datetime] | None:
        """The last number of a timeline, and when that began."""
        rows = self.timeline(call_uuid)
        return (max(row.sequence for row in rows), min(row.at for row in rows)) if rows else None

    async def last_beat(self) -> datetime | None:
        """When the last node was last known to live."""
        return self.beat_at

    async def finish(self, record: CallRecord, hangup: Notification | None) -> None:
        """It is over. Raises ``OSError`` while ``failures_left``."""
        await asyncio.sleep(self.writing_takes_s)
        if record.call_uuid in self.refuses:
            raise OSError("this row cannot be written")
        if self.failures_left:
            self.failures_left -= 1
            raise OSError("the disk is full")
        self.live.pop(record.call_uuid, None)
        self.records.append(record)
        if hangup is not None:
            self.hangups.append(hangup)

    async def leftovers(self) -> list[LiveCall]:
        """What ran when the last node died."""
        return list(self.live.values())

    async def application_for(self, called: str) -> Application | None:
        """The application of a number. Raises ``OSError`` while ``unreadable``."""
        if self.reading_takes_s:
            await asyncio.sleep(self.reading_takes_s)
        if self.unreadable:
            raise OSError("the directory cannot be read")
        return self.applications.get(called)

    async def application(self, app_id: str) -> Application | None:
        """An application by its id."""
        return next((each for each in self.applications.values() if each.app_id == app_id), None)

    def timeline(self, call_uuid: str) -> list[TimelineRow]:
        """A call's events in order."""
        return [row for row in self.rows if row.call_uuid == call_uuid]
