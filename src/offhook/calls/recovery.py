"""What a crash left behind: calls that ran when the node died, closed at its next start (``hangup-causes.md`` section 6.4)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from offhook import causes
from offhook.calls import bookkeeping, closing
from offhook.calls.ports import Hooks, Records
from offhook.calls.status import CallStatus
from offhook.calls.timeline import MAX_EVENTS, Sink, Timeline
from offhook.clock import Clock
from offhook.events import Noted
from offhook.ids import Ids
from offhook.records import LiveCall

log = logging.getLogger(__name__)


async def recover(records: Records, hooks: Hooks, clock: Clock, ids: Ids, sinks: Sequence[Sink]) -> int:
    """Give each call that was running a record with 5010 and its hangup request.

    Returns:
        How many there were.
    """
    leftovers = await records.leftovers()
    for live in leftovers:
        try:
            await _close(live, records, hooks, clock, ids, sinks)
        except Exception:
            log.exception("call %s, left by the last run, could not be closed", live.call_uuid)
    return len(leftovers)


async def _close(live: LiveCall, records: Records, hooks: Hooks, clock: Clock, ids: Ids, sinks: Sequence[Sink]) -> None:
    now = clock.wall()
    age_s = max(0.0, (now - live.began_at).total_seconds())
    timeline = Timeline(live.call_uuid, clock, sinks, sequence=MAX_EVENTS + 1, age_s=age_s)
    timeline.add(Noted("the node stopped while this call ran; it is closed now", level="error"))
    ending = causes.INTERNAL_ERROR.because("the node stopped while the call ran")
    status = CallStatus.COMPLETED if live.direction == "inbound" else CallStatus.FAILED
    outcome = bookkeeping.Outcome(ending, now, status=status)
    timeline.add(outcome.event())
    hangup = bookkeeping.hangup_request(live, outcome, ids)
    await closing.write(records, bookkeeping.record_of(live, outcome), hangup)
    if hangup is not None:
        hooks.deliver(hangup, timeline.add)
