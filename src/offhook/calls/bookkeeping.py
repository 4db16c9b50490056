"""What is written down about a call: for the case of a crash, as its record, as its hangup request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from offhook.calls import parameters
from offhook.calls.ports import Facts
from offhook.calls.status import CallStatus
from offhook.causes import Ending
from offhook.events import CallEnded
from offhook.ids import Ids
from offhook.records import Application, CallRecord, LiveCall, Notification


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call went, once it is over. An inbound call is always ``completed``, whatever the reason (``xml.md`` 2.6)."""

    ending: Ending
    ended_at: datetime
    answered_at: datetime | None = None
    duration_s: int = 0
    """From the answer; 0 without one."""
    status: CallStatus = CallStatus.COMPLETED

    def event(self) -> CallEnded:
        """For the timeline."""
        cause = self.ending.cause
        return CallEnded(
            self.status.value,
            self.ending.telephony,
            cause.code,
            cause.name,
            self.ending.source.value,
            self.duration_s,
            self.ending.detail,
        )


def live_call(
    call_uuid: str,
    facts: Facts,
    application: Application | None,
    *,
    auth_id: str,
    began_at: datetime,
    request: Mapping[str, str],
    hangup_defaults_to_answer: bool,
    direction: str = "inbound",
    parent_call_uuid: str | None = None,
) -> LiveCall:
    """What must be known about a call to close it, even after a crash."""
    target = _hangup_target(application, hangup_defaults_to_answer=hangup_defaults_to_answer)
    return LiveCall(
        call_uuid=call_uuid,
        auth_id=auth_id,
        direction=direction,
        parent_call_uuid=parent_call_uuid,
        from_number=facts.from_number,
        to_number=facts.to_number,
        began_at=began_at,
        app_id=(application.app_id or None) if application is not None else None,
        hangup_url=target[0] if target else None,
        hangup_method=target[1] if target else "POST",
        parameters=request,
    )


def leg_of(call: LiveCall, call_uuid: str, from_number: str, to_number: str, began_at: datetime) -> LiveCall:
    """What must be known about a B leg. It has a record, and no hangup request of its own (``callbacks.md`` section 4.5)."""
    return LiveCall(
        call_uuid=call_uuid,
        auth_id=call.auth_id,
        direction="outbound",
        from_number=from_number,
        to_number=to_number,
        began_at=began_at,
        app_id=call.app_id,
        parent_call_uuid=call.call_uuid,
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
        call_status=outcome.status.value,
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
        parent_call_uuid=live.parent_call_uuid,
        source_ip=source_ip,
        stir_verification=live.parameters.get("STIRVerification", "Not Applicable"),
        stir_attestation=live.parameters.get("STIRAttestation", "Not Applicable"),
    )


def hangup_request(live: LiveCall, outcome: Outcome, ids: Ids) -> Notification | None:
    """The hangup request (``callbacks.md`` section 4.5); ``None`` where nobody wants one."""
    if live.hangup_url is None:
        return None
    return Notification(
        id=ids.call_uuid(),
        auth_id=live.auth_id,
        call_uuid=live.call_uuid,
        purpose="hangup",
        url=live.hangup_url,
        method=live.hangup_method,
        parameters={**live.parameters, "CallStatus": outcome.status.value, **hangup_facts(live, outcome)},
        created_at=outcome.ended_at,
    )


def hangup_facts(live: LiveCall, outcome: Outcome) -> dict[str, str]:
    """What requests of a call that is over carry beyond the standard parameters."""
    return parameters.of_hangup(
        outcome.ending,
        duration_s=outcome.duration_s,
        began_at=live.began_at,
        answered_at=outcome.answered_at,
        ended_at=outcome.ended_at,
    )


def source_ip(facts: Facts) -> str | None:
    """The address part of ``host:port/transport``."""
    return facts.source.rpartition(":")[0].strip("[]") or None
