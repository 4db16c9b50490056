"""The states of a call."""

from __future__ import annotations

from enum import StrEnum

from offhook.causes import Ending


class CallStatus(StrEnum):
    """The states of a call as its webhooks name them (reference ``xml.md`` section 2.6)."""

    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    TIMEOUT = "timeout"
    NO_ANSWER = "no-answer"
    CANCEL = "cancel"


_UNANSWERED = {
    **dict.fromkeys((3010, 3100, 3020, 3110), CallStatus.BUSY),
    **dict.fromkeys((3000, 6010, 9100, 9110), CallStatus.NO_ANSWER),
    **dict.fromkeys((3070, 4250), CallStatus.TIMEOUT),
    1000: CallStatus.CANCEL,
}


def unconnected(ending: Ending) -> CallStatus:
    """What became of a leg that we placed and that nobody talked on: for ``CallStatus`` and ``DialStatus`` alike
    (``hangup-causes.md`` section 5).
    """
    return _UNANSWERED.get(ending.cause.code, CallStatus.FAILED)
