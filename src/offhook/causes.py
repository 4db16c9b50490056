"""Why calls end: codes, names, sources and telephony names, and how SIP maps to them.

One table, from the reference page ``hangup-causes.md``: section 3 (codes), 4 (telephony names), 6 (SIP and Q.850).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Source(StrEnum):
    """Who ended it (``HangupSource``, section 2). Applications compare the literal words."""

    CALLER = "Caller"
    CALLEE = "Callee"
    PLATFORM = "Plivo"
    CARRIER = "Carrier"
    API = "API Request"
    XML = "Answer XML"
    ERROR = "Error"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """A row of the cause table."""

    code: int
    name: str


_NAMES = {
    0: "Unknown",
    1000: "Canceled",
    1010: "Canceled (Out Of Credits)",
    1020: "Canceled (Simultaneous dial limit reached)",
    2000: "Invalid Destination Address",
    2010: "Destination Out Of Service",
    2020: "Endpoint Not Registered",
    2030: "Destination Country Barred",
    2040: "Destination Number Barred",
    2050: "Destination Prefix Barred",
    2060: "Loop Detected",
    2070: "Violates Media Anchoring",
    3000: "No Answer",
    3010: "Busy Line",
    3020: "Rejected",
    3030: "Unknown Caller ID",
    3040: "Forbidden",
    3050: "Unallocated number",
    3070: "Request timeout",
    3080: "Internal server error from carrier",
    3090: "Network congestion from carrier",
    3100: "Busy everywhere",
    3110: "Declined",
    3120: "User does not exist anywhere",
    3130: "Spam block",
    3140: "DNO Caller ID",
    4000: "Normal Hangup",
    4010: "End Of XML Instructions",
    4020: "Multiparty Call Ended",
    4030: "Kicked Out Of Multiparty Call",
    4210: "sip_auth_failed",
    4240: "sip_auth_failed",
    4250: "sip_auth_timeout",
    5000: "Network Error",
    5010: "Internal Error",
    5020: "Routing Error",
    5030: "Concurrency Limit Breached",
    6000: "Scheduled Hangup",
    6010: "Ring Timeout Reached",
    6020: "Media Timeout",
    7011: "Error Reaching Answer URL",
    7012: "Error Reaching Action URL",
    7013: "Error Reaching Transfer URL",
    7014: "Error Reaching Redirect URL",
    7022: "Invalid Action URL",
    7023: "Invalid Transfer URL",
    7024: "Invalid Redirect URL",
    7032: "Invalid Method For Action URL",
    7033: "Invalid Method For Transfer URL",
    7034: "Invalid Method For Redirect URL",
    8011: "Invalid Answer XML",
    8012: "Invalid Action XML",
    8013: "Invalid Transfer XML",
    8014: "Invalid Redirect XML",
    9000: "Lost Race",
    9100: "Machine Detected",
    9110: "Confirm Key Challenge Failed",
}

CAUSES = {code: Cause(code, name) for code, name in _NAMES.items()}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call or a leg is over, in both vocabularies, and what the far end is told."""

    cause: Cause
    telephony: str
    """``HangupCause``: ``NORMAL_CLEARING``, ``USER_BUSY``, … (section 4)."""
    source: Source
    sip_status: int = 480
    """The final response when the leg was never answered and it is ours to refuse (section 6.5)."""
    q850: int = 16
    """The ``Reason: Q.850`` cause sent with the refusal or the BYE."""
    detail: str = ""
    """One sentence for the timeline."""

    def because(self, detail: str) -> Ending:
        """The same ending with a sentence that says why."""
        return replace(self, detail=detail)


def ending(code: int, telephony: str, source: Source, *, sip_status: int = 480, q850: int = 16, detail: str = "") -> Ending:
    """An ``Ending`` by code.

    Raises:
        KeyError: ``code`` is not in the published table.
    """
    return Ending(CAUSES[code], telephony, source, sip_status, q850, detail)


# Section 6.4 and 6.5: how calls that we answer, or refuse, end.
CALLER_HUNG_UP = ending(4000, "NORMAL_CLEARING", Source.CALLER)
CALLEE_HUNG_UP = ending(4000, "NORMAL_CLEARING", Source.CALLEE)
CALLER_GAVE_UP = ending(4000, "ORIGINATOR_CANCEL", Source.CALLER, sip_status=487)
API_HANGUP = ending(4000, "NORMAL_CLEARING", Source.API)
API_CANCEL = ending(1000, "ORIGINATOR_CANCEL", Source.API)
XML_HANGUP = ending(4000, "NORMAL_CLEARING", Source.XML, sip_status=603)
XML_REFUSED = ending(4000, "CALL_REJECTED", Source.XML, sip_status=603, q850=21)
XML_BUSY = ending(3010, "USER_BUSY", Source.XML, sip_status=486, q850=17)
XML_REJECTED = ending(3020, "CALL_REJECTED", Source.XML, sip_status=603, q850=21)
END_OF_DOCUMENT = ending(4010, "NORMAL_CLEARING", Source.PLATFORM, sip_status=603)
SCHEDULED = ending(6000, "ALLOTTED_TIMEOUT", Source.XML)
TIME_LIMIT = ending(6000, "ALLOTTED_TIMEOUT", Source.PLATFORM)
LOST_RACE = ending(9000, "LOSE_RACE", Source.PLATFORM, sip_status=487)
"""Another leg of the same ``Dial`` was answered first."""
CONFIRM_FAILED = ending(9110, "NO_ANSWER", Source.PLATFORM)
MACHINE = ending(9100, "NORMAL_CLEARING", Source.PLATFORM)
"""A machine answered, and was to be hung up on."""
CALLER_LEFT = ending(1000, "ORIGINATOR_CANCEL", Source.CALLER, sip_status=487)
"""A leg that still rang when the caller hung up."""
TOO_MANY_TARGETS = ending(1020, "CALL_REJECTED", Source.PLATFORM)
NOT_DIALLABLE = ending(2000, "INVALID_NUMBER_FORMAT", Source.PLATFORM)
NO_WHATSAPP = ending(2000, "INCOMPATIBLE_DESTINATION", Source.PLATFORM)
OFFLINE = ending(2020, "USER_NOT_REGISTERED", Source.PLATFORM)
LOOP = ending(2060, "EXCHANGE_ROUTING_ERROR", Source.PLATFORM, sip_status=482, q850=25)
MEDIA_TIMEOUT = ending(6020, "MEDIA_TIMEOUT", Source.PLATFORM)
SOCKET_LOST = ending(5000, "RECOVERY_ON_TIMER_EXPIRE", Source.ERROR)
INTERNAL_ERROR = ending(5010, "NORMAL_TEMPORARY_FAILURE", Source.ERROR, sip_status=500, q850=41)
NO_COMMON_CODEC = ending(5020, "INCOMPATIBLE_DESTINATION", Source.ERROR, sip_status=488, q850=88)
UNKNOWN_NUMBER = ending(3050, "UNALLOCATED_NUMBER", Source.PLATFORM, sip_status=404, q850=1)
TOO_MANY_CALLS = ending(5030, "CALL_REJECTED", Source.PLATFORM, sip_status=486, q850=17)
OVERLOADED = ending(5030, "SERVICE_UNAVAILABLE", Source.PLATFORM, sip_status=503, q850=42)


class UrlKind(StrEnum):
    """Which URL a document came from: it decides the last digit of the 70xx and 80xx codes."""

    ANSWER = "answer"
    ACTION = "action"
    TRANSFER = "transfer"
    REDIRECT = "redirect"


_LAST_DIGIT = {UrlKind.ANSWER: 1, UrlKind.ACTION: 2, UrlKind.TRANSFER: 3, UrlKind.REDIRECT: 4}


def unreachable(kind: UrlKind, detail: str = "") -> Ending:
    """701x: not reached, too slow, not 2xx, or an empty body."""
    return _url_failure(7010 + _LAST_DIGIT[kind], detail)


def invalid_url(kind: UrlKind, detail: str = "") -> Ending:
    """702x: not http(s). There is no 7021: an answer URL of that kind counts as unreachable."""
    return _url_failure(7011 if kind is UrlKind.ANSWER else 7020 + _LAST_DIGIT[kind], detail)


def invalid_method(kind: UrlKind, detail: str = "") -> Ending:
    """703x: neither GET nor POST. There is no 7031: an answer URL of that kind counts as unreachable."""
    return _url_failure(7011 if kind is UrlKind.ANSWER else 7030 + _LAST_DIGIT[kind], detail)


def invalid_xml(kind: UrlKind, detail: str = "") -> Ending:
    """801x: a 2xx reply that is not a usable document."""
    return _url_failure(8010 + _LAST_DIGIT[kind], detail)


def _url_failure(code: int, detail: str) -> Ending:
    return ending(code, "NORMAL_TEMPORARY_FAILURE", Source.ERROR, sip_status=480, q850=41, detail=detail)


# Section 6.1: final responses to an INVITE of ours. 401/407 and timeouts are the caller's to judge.
_BY_STATUS: dict[int, tuple[int, str]] = {
    **dict.fromkeys((400, 415, 420, 493), (5020, "INCOMPATIBLE_DESTINATION")),
    **dict.fromkeys((401, 407), (4240, "CALL_REJECTED")),
    **dict.fromkeys((402, 403), (3040, "CALL_REJECTED")),
    404: (3050, "UNALLOCATED_NUMBER"),
    **dict.fromkeys((405, 406, 488, 606), (5020, "INCOMPATIBLE_DESTINATION")),
    408: (3070, "RECOVERY_ON_TIMER_EXPIRE"),
    410: (2010, "DESTINATION_OUT_OF_ORDER"),
    **dict.fromkeys((413, 414, 416, 421, 423, 484, 485), (2000, "INVALID_NUMBER_FORMAT")),
    480: (3000, "NO_USER_RESPONSE"),
    481: (5010, "NORMAL_TEMPORARY_FAILURE"),
    **dict.fromkeys((482, 483), (2060, "EXCHANGE_ROUTING_ERROR")),
    486: (3010, "USER_BUSY"),
    487: (3000, "NO_ANSWER"),
    500: (3080, "NORMAL_TEMPORARY_FAILURE"),
    **dict.fromkeys((501, 505, 513), (5020, "INCOMPATIBLE_DESTINATION")),
    502: (3080, "NETWORK_OUT_OF_ORDER"),
    503: (3090, "SERVICE_UNAVAILABLE"),
    504: (3070, "RECOVERY_ON_TIMER_EXPIRE"),
    580: (5020, "INCOMPATIBLE_DESTINATION"),
    600: (3100, "USER_BUSY"),
    603: (3110, "CALL_REJECTED"),
    604: (3120, "UNALLOCATED_NUMBER"),
    **dict.fromkeys((607, 608), (3130, "CALL_REJECTED")),
}
_BY_CLASS = {4: (3000, "NORMAL_UNSPECIFIED"), 5: (3080, "NORMAL_TEMPORARY_FAILURE"), 6: (3110, "CALL_REJECTED")}

# Section 6.2: what a Reason: Q.850 cause says instead, when it is more specific than the status.
_BY_Q850 = {
    **dict.fromkeys((1, 22), 3050),
    **dict.fromkeys((2, 3), 5020),
    17: 3010,
    **dict.fromkeys((18, 19, 20), 3000),
    21: 3020,
    25: 2060,
    27: 2010,
    28: 2000,
    **dict.fromkeys((34, 42, 44, 47), 3090),
    **dict.fromkeys((38, 41), 3080),
    **dict.fromkeys((50, 52, 54, 57), 3040),
    **dict.fromkeys((58, 65, 79, 88), 5020),
    102: 3070,
}
_PASSED_ON = {404: 1, 480: 18, 484: 28, 486: 17, 600: 17, 603: 21, 604: 1}
"""Final responses that mean the same to a caller who was never answered because of them, with their Q.850 causes."""
_USER_DECIDED = frozenset({486, 600, 603})


def from_refusal(status: int, q850: int | None = None) -> Ending:
    """How an outgoing leg ended that got this final response before it was answered (sections 6.1 and 6.2).

    Args:
        status: 300 to 699.
        q850: the cause of a ``Reason: Q.850`` field in the response, if there was one.
    """
    code, telephony = _BY_STATUS.get(status, _BY_CLASS.get(status // 100, (3000, "NORMAL_UNSPECIFIED")))
    if q850 in _BY_Q850:
        code = _BY_Q850[q850]
    source = Source.CALLEE if status in _USER_DECIDED else Source.CARRIER
    sip_status, reason = (status, _PASSED_ON[status]) if status in _PASSED_ON else (480, 41)
    return ending(code, telephony, source, sip_status=sip_status, q850=reason)


NO_REPLY = ending(3070, "RECOVERY_ON_TIMER_EXPIRE", Source.CARRIER)
"""The INVITE's transaction timed out without any response."""
NETWORK_FAILED = ending(5000, "NETWORK_OUT_OF_ORDER", Source.ERROR)
"""DNS, connect or send failure."""
RANG_OUT = ending(6010, "NO_ANSWER", Source.PLATFORM)
"""Our ring timer."""
NO_ROUTE = ending(5020, "EXCHANGE_ROUTING_ERROR", Source.ERROR)
"""No trunk takes the number."""
SIP_AUTH_TIMEOUT = ending(4250, "RECOVERY_ON_TIMER_EXPIRE", Source.CARRIER)
"""Our credentials were sent, and nothing came back."""
