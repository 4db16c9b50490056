"""Sending the parties of a live call elsewhere (reference ``api.md`` section 5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from offhook.calls.b_legs import BLeg
from offhook.calls.call import Call, Next
from offhook.causes import UrlKind
from offhook.errors import PeerFault


class NoBLeg(PeerFault):
    """The call is not connected with a B leg that could be meant."""


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a party goes on."""

    url: str
    method: str = "POST"


def send(
    calls: Mapping[str, Call], b_legs: Mapping[str, BLeg], call_uuid: str, *, a_leg: Onward | None, b_leg: Onward | None
) -> bool:
    """Let one party of a call, or both, drop what they do and run another document.

    The A leg alone: the B leg is hung up. The B leg alone: the A leg's ``Dial`` is over and it goes on behind it. Given the
    CallUUID of a B leg, ``a_leg`` means that leg.

    Returns:
        Whether it was done; false where there is no such call, it is over, or nobody has answered.

    Raises:
        NoBLeg: ``b_leg`` is wanted of a call that is connected with nobody.
    """
    own = b_legs.get(call_uuid)
    if own is not None:
        if b_leg is not None:
            raise NoBLeg("this call is a B leg itself; transfer it as aleg, or name the A leg")
        return a_leg is not None and own.go_elsewhere(_next(a_leg))
    call = calls.get(call_uuid)
    if call is None or call.over is not None or not call.has_leg:
        return False
    if b_leg is not None and (call.partner is None or not call.partner.go_elsewhere(_next(b_leg))):
        raise NoBLeg("the call is not connected with a B leg")
    if a_leg is not None:
        call.transfer(a_leg.url, a_leg.method)
    return True


def _next(onward: Onward) -> Next:
    return Next(onward.url, onward.method, UrlKind.TRANSFER, {})
