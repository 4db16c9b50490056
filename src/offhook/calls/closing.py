"""The closing step: whatever happened, one record and at most one hangup request, exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from offhook.calls import parameters
from offhook.calls.call import Call, CallStatus
from offhook.calls.ports import Facts, Records
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import CallEnded, MediaMeasured
from offhook.ids import Ids
from offhook.records import Application, CallRecord, LiveCall, Notification

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""How long the hangup request waits for earlier notifications of its call (reference ``callbacks.md`` section 2.5)."""
MEASURE_S = 1.0
"""How long the media plane may take to say what the RTP went through."""
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call went, once it is over. An inbound call is always ``completed``, whatever the reason (``xml.md`` 2.6)."""

    ending: Ending
    ended_at: datetime
    answered_at: datetime | None = None
    duration_s: int = 0
    """From the answer; 0 without one."""

    def event(self) -> CallEnded:
        """For the timeline."""
        cause = self.ending.cause
        return CallEnded(
            CallStatus.COMPLETED.value,
            self.ending.telephony,
            cause.code,
            cause.name,
            self.ending.source.value,
            self.duration_s,
            self.ending.detail,
        )


async def close(call: Call, ending: Ending, records: Records) -> None:
    """End the leg, write the record, send the hangup request. It is shielded by its caller and does not raise."""
    call.close()
    outcome = _outcome(call, ending)
    try:
        call.leg.release(ending)
    except Exception:
        log.exception("call %s: its leg could not be released", call.uuid)
    call.status = CallStatus.COMPLETED
    await _measure(call)
    call.note(outcome.event())
    hangup = hangup_request(call.live, outcome, call.tools.ids)
    await write(records, record_of(call.live, outcome, source_ip=source_ip(call.leg.facts)), hangup)
    if hangup is not None:
        await _deliver(call, hangup)


def _outcome(call: Call, ending: Ending) -> Outcome:
    duration_s = 0 if call.answered_now is None else int(call.tools.clock.now() - call.answered_now)
    return Outcome(ending, call.tools.clock.wall(), call.answered_at, duration_s)


async def _deliver(call: Call, hangup: Notification) -> None:
    """Last of the call's requests; it is durable already, so what goes wrong here is made good at the next start."""
    try:
        await call.tools.hooks.settled(call.uuid, SETTLE_S)
        call.tools.hooks.deliver(hangup, call.note)
    except Exception:
        log.exception("call %s: the hangup request waits in the outbox", call.uuid)


async def _measure(call: Call) -> None:
    if call.answered_at is None and not call.leg.early:
        return
    try:
        async with asyncio.timeout(MEASURE_S):
            found = await call.leg.statistics()
    except LegGone:
        return
    except Exception:
        log.exception("call %s: the media plane does not say what the RTP went through", call.uuid)
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


# -- what is written down ------------------------------------------------------------------------------------------


def live_call(
    call_uuid: str,
    facts: Facts,
    application: Application | None,
    *,
    auth_id: str,
    began_at: datetime,
    request: Mapping[str, str],
    hangup_defaults_to_answer: bool,
) -> LiveCall:
    """What must be known about an inbound call to close it, even after a crash."""
    target = _hangup_target(application, hangup_defaults_to_answer=hangup_defaults_to_answer)
    return LiveCall(
        call_uuid=call_uuid,
        auth_id=auth_id,
        direction="inbound",
        from_number=facts.from_number,
        to_number=facts.to_number,
        began_at=began_at,
        app_id=(application.app_id or None) if application is not None else None,
        hangup_url=target[0] if target else None,
        hangup_method=target[1] if target else "POST",
        parameters=request,
    )


def _hangup_target(application: Application | None, *, hangup_defaults_to_answer: bool) -> tuple[str, str] | None:
    """URL and method of the hangup request; the answer URL stands in where none is set (``callbacks.md`` section 4.5)."""
    if application is None:
        return None
    if application.hangup_url:
        return application.hangup_url, application.hangup_method
    if hangup_defaults_to_answer and application.answer_url:
        return application.answer_url, application.answer_method
    return None


def record_of(live: LiveCall, outcome: Outcome, *, source_ip: str | None = None) -> CallRecord:
    """The call's record."""
    return CallRecord(
        call_uuid=live.call_uuid,
        auth_id=live.auth_id,
        direction=live.direction,
        from_number=live.from_number,
        to_number=live.to_number,
        call_status=CallStatus.COMPLETED.value,
        initiation_time=live.began_at,
        answer_time=outcome.answered_at,
        end_time=outcome.ended_at,
        duration_s=outcome.duration_s,
        billed_duration_s=parameters.billed(outcome.duration_s),
        hangup_cause=outcome.ending.telephony,
        hangup_cause_name=outcome.ending.cause.name,
        hangup_cause_code=outcome.ending.cause.code,
        hangup_source=outcome.ending.source.value,
        app_id=live.app_id,
        source_ip=source_ip,
    )


def hangup_request(live: LiveCall, outcome: Outcome, ids: Ids) -> Notification | None:
    """The hangup request (``callbacks.md`` section 4.5); ``None`` where nobody wants one."""
    if live.hangup_url is None:
        return None
    facts = parameters.of_hangup(
        outcome.ending,
        duration_s=outcome.duration_s,
        began_at=live.began_at,
        answered_at=outcome.answered_at,
        ended_at=outcome.ended_at,
    )
    return Notification(
        id=ids.call_uuid(),
        auth_id=live.auth_id,
        call_uuid=live.call_uuid,
        purpose="hangup",
        url=live.hangup_url,
        method=live.hangup_method,
        parameters={**live.parameters, "CallStatus": CallStatus.COMPLETED.value, **facts},
        created_at=outcome.ended_at,
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


def source_ip(facts: Facts) -> str | None:
    """The address part of ``host:port/transport``."""
    return facts.source.rpartition(":")[0].strip("[]") or None


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
