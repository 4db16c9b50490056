"""The closing step: whatever happened, one record and at most one hangup request, exactly once."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from offhook.calls import parameters
from offhook.calls.call import Call, CallStatus
from offhook.calls.ports import Leg, Records
from offhook.causes import Ending
from offhook.events import CallEnded, MediaMeasured, NotificationQueued
from offhook.records import CallRecord, Notification

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""How long the hangup request waits for earlier notifications of its call (reference ``callbacks.md`` section 2.5)."""
_TRIES = 3


async def close(call: Call, ending: Ending, records: Records, *, hangup_defaults_to_answer: bool) -> None:
    """End the leg, write the record, send the hangup request. It is shielded by its caller and does not raise."""
    call.close()
    call.leg.release(ending)
    ended_at = call.tools.clock.wall()
    duration_s = 0 if call.answered_now is None else int(call.tools.clock.now() - call.answered_now)
    call.status = CallStatus.COMPLETED  # an inbound call always ends so, whatever the reason (xml.md section 2.6)
    await _measure(call)
    call.note(
        CallEnded(
            call.status.value,
            ending.telephony,
            ending.cause.code,
            ending.cause.name,
            ending.source.value,
            duration_s,
            ending.detail,
        )
    )
    hangup = _hangup_request(call, ending, duration_s, ended_at, hangup_defaults_to_answer=hangup_defaults_to_answer)
    record = record_of(call, ending, duration_s, ended_at)
    if hangup is not None:
        call.note(NotificationQueued("hangup", hangup.url))
    await _finish(records, record, hangup)
    if hangup is not None:
        try:
            await call.tools.hooks.settled(call.uuid, SETTLE_S)
        except Exception:
            log.exception("call %s: waiting for its notifications failed", call.uuid)
        call.tools.hooks.deliver(hangup, call.note)


def record_of(call: Call, ending: Ending, duration_s: int, ended_at: datetime) -> CallRecord:
    """The call's record."""
    return CallRecord(
        call_uuid=call.uuid,
        auth_id=call.application.auth_id,
        direction="inbound",
        from_number=call.leg.facts.from_number,
        to_number=call.leg.facts.to_number,
        call_status=call.status.value,
        initiation_time=call.began_at,
        answer_time=call.answered_at,
        end_time=ended_at,
        duration_s=duration_s,
        billed_duration_s=parameters.billed(duration_s),
        hangup_cause=ending.telephony,
        hangup_cause_name=ending.cause.name,
        hangup_cause_code=ending.cause.code,
        hangup_source=ending.source.value,
        app_id=call.application.app_id or None,
        source_ip=source_ip(call.leg),
    )


def source_ip(leg: Leg) -> str | None:
    """The address part of ``host:port/transport``."""
    return leg.facts.source.rpartition(":")[0].strip("[]") or None


def hangup_target(call: Call, *, hangup_defaults_to_answer: bool) -> tuple[str, str] | None:
    """URL and method of the hangup request; the answer URL stands in where none is set (``callbacks.md`` section 4.5)."""
    application = call.application
    if application.hangup_url:
        return application.hangup_url, application.hangup_method
    if hangup_defaults_to_answer and application.answer_url:
        return application.answer_url, application.answer_method
    return None


def _hangup_request(
    call: Call, ending: Ending, duration_s: int, ended_at: datetime, *, hangup_defaults_to_answer: bool
) -> Notification | None:
    target = hangup_target(call, hangup_defaults_to_answer=hangup_defaults_to_answer)
    if target is None:
        return None
    facts = parameters.of_hangup(
        ending, duration_s=duration_s, began_at=call.began_at, answered_at=call.answered_at, ended_at=ended_at
    )
    return call.notification("hangup", *target, call.standard(**facts))


async def _measure(call: Call) -> None:
    if call.answered_at is None and not call.leg.early:
        return
    try:
        async with asyncio.timeout(1):
            found = await call.leg.statistics()
    except Exception:
        log.exception("call %s: no statistics", call.uuid)
        return
    call.note(
        MediaMeasured(
            found.packets_sent,
            found.packets_received,
            found.packets_lost,
            found.packets_late,
            found.packets_duplicate,
            found.packets_reordered,
            round(found.jitter_ms, 2),
            found.frames_concealed,
        )
    )


async def _finish(records: Records, record: CallRecord, hangup: Notification | None) -> None:
    """Write it; a store that fails is tried again, and what could not be written stands in the log."""
    for attempt in range(_TRIES):
        try:
            await records.finish(record, hangup)
            return
        except Exception:
            log.exception("call %s: the record could not be written (attempt %d)", record.call_uuid, attempt + 1)
            await asyncio.sleep(0.2 * (attempt + 1))
    log.error("call record lost to the store, here it is: %r", record)
