"""The timelines of a node: of calls that run, and of calls that are over and of which more is to be told.

A delivery may end long after its call, or after a restart. Its lines go behind what is written already, wherever that ends, and
everybody who writes about one call writes on the same timeline: otherwise two lines would get one number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from weakref import WeakValueDictionary

from offhook.calls.ports import Records
from offhook.calls.timeline import Sink, Timeline, log_row
from offhook.clock import Clock
from offhook.events import Observe, unobserved


class Timelines:
    """Each is kept as long as somebody writes on it."""

    def __init__(self, records: Records, clock: Clock, sinks: Sequence[Sink] = ()) -> None:
        """Args:
        sinks: get each row of every timeline, beside the store and the log.
        """
        self._records = records
        self._clock = clock
        self._sinks = (records.add_event, log_row, *sinks)
        self._kept: WeakValueDictionary[str, Timeline] = WeakValueDictionary()
        self._opening: dict[str, asyncio.Task[Timeline | None]] = {}

    def begin(self, call_uuid: str) -> Timeline:
        """Of a call that begins."""
        timeline = self._kept[call_uuid] = Timeline(call_uuid, self._clock, self._sinks)
        return timeline

    async def reopen(self, call_uuid: str) -> Observe:
        """Where more about a call is told; what belongs to no call that is known here is not written down."""
        timeline = await self.of(call_uuid)
        return unobserved if timeline is None else timeline.add

    async def of(self, call_uuid: str) -> Timeline | None:
        """That of a call, begun in this run or an earlier one; ``None``: nothing is written about it."""
        kept = self._kept.get(call_uuid)
        if kept is not None:
            return kept
        opening = self._opening.get(call_uuid)
        if opening is None:
            opening = self._opening[call_uuid] = asyncio.create_task(self._open(call_uuid), name=f"timeline of {call_uuid}")
            opening.add_done_callback(lambda _: self._opening.pop(call_uuid, None))
        return await asyncio.shield(opening)

    async def _open(self, call_uuid: str) -> Timeline | None:
        end = await self._records.timeline_end(call_uuid)
        if end is None:
            return None
        last, began = end
        age_s = max(0.0, (self._clock.wall() - began).total_seconds())
        timeline = self._kept[call_uuid] = Timeline(call_uuid, self._clock, self._sinks, sequence=last, age_s=age_s)
        return timeline
