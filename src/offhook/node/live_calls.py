"""The calls of a node, as the API sees them."""

from __future__ import annotations

from collections.abc import Iterable

from offhook.api import RunningCall
from offhook.calls import Audience, BLeg, Call, Departures, Onward, Party, Placement, Service, Which, audience, silence
from offhook.clock import Clock


class NodeCalls:
    """What runs in ``calls.Service``, and what waits in ``calls.Departures``."""

    def __init__(self, service: Service, departures: Departures, clock: Clock) -> None:
        self._service = service
        self._departures = departures
        self._clock = clock

    def running(self, auth_id: str) -> Iterable[RunningCall]:
        """Calls of an account that run, in the order of their beginning; their B legs; those that wait, the next first."""
        calls = [_shown(call) for call in self._service.calls.values() if call.live.auth_id == auth_id]
        calls += [_shown_leg(leg) for leg in self._service.b_legs.values() if leg.live.auth_id == auth_id]
        return calls + [self._queued(each) for each in self._departures.waiting(auth_id)]

    def find(self, call_uuid: str) -> RunningCall | None:
        """One of them."""
        call = self._service.calls.get(call_uuid)
        if call is not None:
            return _shown(call)
        b_leg = self._service.b_legs.get(call_uuid)
        if b_leg is not None:
            return _shown_leg(b_leg)
        placement = self._departures.find(call_uuid)
        return None if placement is None else self._queued(placement)

    def hang_up(self, call_uuid: str) -> bool:
        """End a call, or a B leg alone; false where it is over already."""
        b_leg = self._service.b_legs.get(call_uuid)
        if b_leg is not None:
            b_leg.end_by_api()
            return True
        call = self._service.calls.get(call_uuid)
        if call is None:
            return self._departures.withdraw(call_uuid)
        if call.over is not None:
            return False
        call.end_by_api()
        return True

    async def place(self, placements: list[Placement]) -> bool:
        """Place calls; whether any of them has to wait. Raises ``TooManyCalls``."""
        waits = self._departures.ask(placements)
        await self._service.announce(placements)
        return waits

    def transfer(self, call_uuid: str, *, a_leg: Onward | None, b_leg: Onward | None) -> bool:
        """Let a party of a call, or both, go on with another document. Raises ``NoBLeg``."""
        return self._service.send_onward(call_uuid, a_leg=a_leg, b_leg=b_leg)

    def audience(self, call_uuid: str, which: Which) -> Audience | None:
        """Those parties of a call. Raises ``NoAudio`` and ``NoBLeg``."""
        return audience(self._service.calls, self._service.b_legs, call_uuid, which)

    def silence(self, call_uuid: str, kind: str) -> bool:
        """Stop what the API plays or speaks in a call."""
        return silence(self._service.calls, self._service.b_legs, call_uuid, kind)

    def party(self, call_uuid: str) -> Party | None:
        """Who is recorded as this call."""
        return self._service.party(call_uuid)

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


def _shown_leg(leg: BLeg) -> RunningCall:
    live = leg.live
    return RunningCall(
        call_uuid=leg.uuid,
        auth_id=live.auth_id,
        direction=live.direction,
        from_number=live.from_number,
        to_number=live.to_number,
        status="ringing" if leg.answered_at is None else "in-progress",
        began_at=live.began_at,
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
