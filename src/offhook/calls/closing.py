"""The closing step: whatever happened, one record and at most one hangup request, exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from offhook.calls.bookkeeping import Outcome, hangup_facts, hangup_request, record_of, source_ip
from offhook.calls.call import Call
from offhook.calls.ports import AnyLeg, Records
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import MediaMeasured, Observe
from offhook.records import CallRecord, Notification

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""How long the hangup request waits for earlier notifications of its call (reference ``callbacks.md`` section 2.5)."""
MEASURE_S = 1.0
"""How long the media plane may take to say what the RTP went through."""
_TRIES = 3


async def close(call: Call, ending: Ending, records: Records) -> None:
    """End the leg, write the record, send the hangup request. It is shielded by its caller and does not raise."""
    call.close()
    outcome = _outcome(call, ending)
    call.status = outcome.status
    if call.has_leg:
        try:
            call.leg.release(ending)
        except Exception:
            log.exception("call %s: its leg could not be released", call.uuid)
        await call.tools.recorder.finish(call.uuid)
        if call.answered_at is not None or call.leg.early:
            await measure(call.leg, call.note, call.uuid)
    call.note(outcome.event())
    hangup = hangup_request(call.live, outcome, call.tools.ids)
    await write(records, record_of(call.live, outcome, source_ip=source_ip(call.facts)), hangup)
    if hangup is not None:
        await _deliver(call, hangup)


def hangup_parameters(call: Call, ending: Ending) -> dict[str, str]:
    """What requests of a call that is over carry beyond the standard ones."""
    return hangup_facts(call.live, _outcome(call, ending))


def _outcome(call: Call, ending: Ending) -> Outcome:
    duration_s = 0 if call.answered_now is None else int(call.tools.clock.now() - call.answered_now)
    return Outcome(ending, call.tools.clock.wall(), call.answered_at, duration_s, call.final_status(ending))


async def _deliver(call: Call, hangup: Notification) -> None:
    """Last of the call's requests; it is durable already, so what goes wrong here is made good at the next start."""
    try:
        await call.tools.hooks.settled(call.uuid, SETTLE_S)
        call.tools.hooks.deliver(hangup, call.note)
    except Exception:
        log.exception("call %s: the hangup request waits in the outbox", call.uuid)


async def measure(leg: AnyLeg, observe: Observe, call_uuid: str) -> None:
    """Put on the timeline what the RTP of a leg went through. Never raises."""
    try:
        async with asyncio.timeout(MEASURE_S):
            found = await leg.statistics()
    except LegGone:
        return
    except Exception:
        log.exception("call %s: the media plane does not say what the RTP went through", call_uuid)
        return
    observe(
        MediaMeasured(
            found.packets_sent,
            found.packets_received,
            found.packets_lost,
            found.packets_late,
            found.packets_duplicate,
            found.packets_reordered,
            round(found.jitter_ms, 2),
            found.frames_concealed,
            found.round_trip_ms,
            found.remote_lost,
            found.remote_jitter_ms,
            found.mos_received,
            found.mos_sent,
            found.first_packet_ms,
        )
    )


async def write(records: Records, record: CallRecord, hangup: Notification | None) -> None:
    """Write it; a store that fails is tried again, and what could not be written stands in the log."""
    for attempt in range(_TRIES):
        try:
            await records.finish(record, hangup)
            return
        except Exception:
            log.exception("call %s: the record could not be written (attempt %d)", record.call_uuid, attempt + 1)
            await asyncio.sleep(0.2 * (attempt + 1))
    log.error("call record lost to the store, here it is: %r", record)


async def shielded(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end even when this task is cancelled meanwhile; then pass the cancellation on. Nothing else is raised."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled() and task.exception() is not None:
        log.error("closing a call failed", exc_info=task.exception())
    if cancelled is not None:
        raise cancelled
