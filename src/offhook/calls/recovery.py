"""What a crash left behind: calls that ran when the node died, closed at its next start (``hangup-causes.md`` section 6.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from offhook import causes
from offhook.calls import bookkeeping, closing
from offhook.calls.call import Tools
from offhook.calls.status import CallStatus
from offhook.events import Noted
from offhook.records import LiveCall

log = logging.getLogger(__name__)

_AT_ONCE = 500
"""So many are closed together: their records share commits."""


async def recover(tools: Tools, left: Sequence[LiveCall] | None = None, alive: datetime | None = None) -> int:
    """Give each call that was running a record with 5010 and its hangup request.

    Args:
        left: the calls of another node; ``None``: those that this one has left at its last run.
        alive: when that other node last lived.

    Returns:
        How many there were.
    """
    leftovers = left
    if leftovers is None:
        leftovers = await tools.records.leftovers()
        alive = await tools.records.last_beat() if leftovers else None
    for begin in range(0, len(leftovers), _AT_ONCE):
        some = leftovers[begin : begin + _AT_ONCE]
        done = await asyncio.gather(*(_close(live, alive, tools) for live in some), return_exceptions=True)
        for live, error in zip(some, done, strict=True):
            if isinstance(error, Exception):
                log.error("call %s, left by the last run, could not be closed", live.call_uuid, exc_info=error)
    return len(leftovers)


async def _close(live: LiveCall, alive: datetime | None, tools: Tools) -> None:
    outcome = _outcome(live, alive, tools.clock.wall())
    hangup = bookkeeping.hangup_request(live, outcome, tools.ids)
    # Before anything is told: should this run be killed too, the next one begins from the same facts.
    await closing.write(tools.records, bookkeeping.record_of(live, outcome), hangup)
    timeline = await tools.timelines.of(live.call_uuid) or tools.timelines.begin(live.call_uuid)
    timeline.add(Noted("the node stopped while this call ran; it is closed now", level="error"))
    timeline.add(outcome.event())
    if hangup is not None:
        tools.hooks.deliver(hangup, timeline.add)


def _outcome(live: LiveCall, alive: datetime | None, now: datetime) -> bookkeeping.Outcome:
    """It ended when the node was last known to live: nobody is told that a call went on while there was nobody to run it."""
    known = [each for each in (live.began_at, live.answered_at, alive) if each is not None]
    ended_at = max(min(max(known), now), live.began_at)
    ending = causes.INTERNAL_ERROR.because("the node stopped while the call ran")
    if live.answered_at is None:
        status = CallStatus.COMPLETED if live.direction == "inbound" else CallStatus.FAILED
        return bookkeeping.Outcome(ending, ended_at, status=status)
    duration_s = max(0, int((ended_at - live.answered_at).total_seconds()))
    return bookkeeping.Outcome(ending, ended_at, live.answered_at, duration_s, CallStatus.COMPLETED)
