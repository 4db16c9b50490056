"""How a ``Dial`` went, in the words of its web hooks (reference ``xml.md`` section 9.6, ``hangup-causes.md`` section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offhook import causes
from offhook.calls.status import CallStatus, unconnected
from offhook.causes import Ending

_TOLD = {4240: "sip_auth_failed", 4250: "sip_auth_timeout", 9100: "NO_ANSWER"}
_BUSY, _DECLINED = frozenset({3010, 3100}), frozenset({3020, 3110})
_CARRIER_FAILED = frozenset({3080, 3090, 5000, 5010, 5020, 5030})


@dataclass(frozen=True, slots=True)
class Result:
    """What the action URL is told."""

    status: CallStatus
    cause: str
    rang: bool
    a_leg_uuid: str
    b_leg_uuid: str
    """Of the leg that answered; empty when none did."""

    def parameters(self) -> dict[str, str]:
        """In the order of the reference."""
        return {
            "DialStatus": self.status.value,
            "DialRingStatus": "true" if self.rang else "false",
            "DialHangupCause": self.cause,
            "DialALegUUID": self.a_leg_uuid,
            "DialBLegUUID": self.b_leg_uuid,
        }


def told(ending: Ending) -> str:
    """``DialHangupCause``: the telephony name, except for what went wrong with SIP authentication, and for machines: where they
    are not wanted, nobody has answered.
    """
    return _TOLD.get(ending.cause.code, ending.telephony)


def most_telling(endings: Sequence[Ending]) -> Ending:
    """Of legs that were never connected, the one whose outcome the action URL is told: the earliest row of section 9.6, where
    somebody who did not confirm counts as one who did not answer (section 9.4).
    """
    return min(endings, key=_row, default=causes.INTERNAL_ERROR)


def _row(ending: Ending) -> int:
    code, status = ending.cause.code, unconnected(ending)
    if code in _BUSY | _DECLINED:
        return 0 if code in _BUSY else 1
    if status is CallStatus.NO_ANSWER:
        return 3 if code in {9100, 9110} else 2
    if status is CallStatus.TIMEOUT:
        return 4
    return 6 if code in _CARRIER_FAILED else 5
