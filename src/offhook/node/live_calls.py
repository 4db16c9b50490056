"""The calls of a node, as the API sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offhook import causes
from offhook.api import RunningCall, TooMany, WantedCall
from offhook.calls import DEFAULT_LIMIT_S, RING_S, Call, Departures, Order, Placement, Service, TooManyCalls
from offhook.clock import Clock
from offhook.records import Application
from offhook.xml import sip_headers


class NodeCalls:
    """What runs in ``calls.Service``, and what waits in ``calls.Departures``."""

    def __init__(self, service: Service, departures: Departures, clock: Clock) -> None:
        self._service = service
        self._departures = departures
        self._clock = clock

    def running(self, auth_id: str) -> Iterable[RunningCall]:
        """Calls of an account that run, in the order of their beginning; then those that wait, the next first."""
        calls = [_shown(call) for call in self._service.calls.values() if call.live.auth_id == auth_id]
        return calls + [self._queued(each) for each in self._departures.waiting(auth_id)]

    def find(self, call_uuid: str) -> RunningCall | None:
        """One of them."""
        call = self._service.calls.get(call_uuid)
        if call is not None:
            return _shown(call)
        placement = self._departures.find(call_uuid)
        return None if placement is None else self._queued(placement)

    def hang_up(self, call_uuid: str) -> bool:
        """End a call; false where it is over already."""
        call = self._service.calls.get(call_uuid)
        if call is None:
            return self._departures.withdraw(call_uuid)
        if call.over is not None:
            return False
        call.hang_up(causes.API_HANGUP if call.answered_at is not None else causes.API_CANCEL)
        return True

    def place(self, wanted: Sequence[WantedCall]) -> bool:
        """Place calls; whether any of them has to wait."""
        try:
            return self._departures.ask([_placement(each) for each in wanted])
        except TooManyCalls as error:
            raise TooMany(str(error)) from None

    def transfer(self, call_uuid: str, url: str, method: str) -> bool:
        """Let a call go on with another document."""
        call = self._service.calls.get(call_uuid)
        if call is None or call.over is not None or not call.has_leg:
            return False
        call.transfer(url, method)
        return True

    def _queued(self, placement: Placement) -> RunningCall:
        parties = placement.parties()
        return RunningCall(
            call_uuid=placement.call_uuid,
            auth_id=placement.application.auth_id,
            direction="outbound",
            from_number=parties.from_number,
            to_number=parties.to_number,
            status="queued",
            began_at=self._clock.wall(),
            request_uuid=placement.request_uuid,
            caller_name=parties.caller_name or "",
        )


def _placement(wanted: WantedCall) -> Placement:
    number = wanted.to.isdigit()
    order = Order(
        kind="number" if number else "user",
        target=wanted.to,
        from_number=wanted.from_number,
        caller_name=wanted.caller_name,
        headers=sip_headers(wanted.sip_headers)[0],
        username=wanted.username,
        password=wanted.password,
        whatsapp=wanted.whatsapp,
        hops=1,
    )
    application = Application(
        app_id="",
        auth_id=wanted.auth_id,
        name="api",
        answer_url=wanted.answer_url,
        answer_method=wanted.answer_method,
        fallback_url=wanted.fallback_url,
        fallback_method=wanted.fallback_method,
        hangup_url=wanted.hangup_url,
        hangup_method=wanted.hangup_method,
    )
    return Placement(
        call_uuid=wanted.call_uuid,
        request_uuid=wanted.request_uuid,
        order=order,
        application=application,
        ring_url=wanted.ring_url,
        ring_method=wanted.ring_method,
        ring_timeout_s=wanted.ring_timeout_s or RING_S,
        hangup_on_ring_s=wanted.hangup_on_ring_s,
        time_limit_s=wanted.time_limit_s or DEFAULT_LIMIT_S,
        keys=wanted.digits,
        key_ms=wanted.digit_ms,
        keys_early=wanted.digits_early,
        parent_call_uuid=wanted.parent_call_uuid,
    )


def _shown(call: Call) -> RunningCall:
    live = call.live
    return RunningCall(
        call_uuid=call.uuid,
        auth_id=live.auth_id,
        direction=live.direction,
        from_number=live.from_number,
        to_number=live.to_number,
        status=call.status.value,
        began_at=live.began_at,
        request_uuid=live.parameters.get("RequestUUID", ""),
        caller_name=call.facts.caller_name or "",
        stir_verification=live.parameters.get("STIRVerification", "Not Applicable"),
        stir_attestation=live.parameters.get("STIRAttestation", ""),
    )
