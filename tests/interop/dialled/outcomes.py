"""What can become of a leg, and what the customer is to be told of it (reference xml.md 9.6 and 9.7, hangup-causes.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Leg:
    """One B leg, as its ``hangup`` report and its record say it went."""

    code: int
    name: str
    cause: str
    source: str
    status: str
    """CallStatus of its record."""
    answered: bool = False
    connected: bool = False
    rang: bool = False


@dataclass(frozen=True)
class Outcome:
    """A target and what becomes of it."""

    name: str
    steps: tuple[str, ...]
    """Of the one called (``callees.scenario``); none: nobody is there."""
    leg: Leg
    dial_status: str
    dial_cause: str
    attributes: str = ""
    """More of the ``Dial``."""
    user_attributes: str = ""
    caller: str = ""
    """What the caller does: ``leaves`` while it rings, ``hangs up`` in the talk, ``*``."""
    target: str = ""
    """Instead of the callee's address."""


def _refused(status: int, code: int, name: str, cause: str, source: str, dial: str) -> Outcome:
    leg = Leg(code, name, cause, source, dial, rang=True)
    return Outcome(f"s{status}", ("180", "wait:100", str(status), "ack"), leg, dial, cause)


TALKED = Leg(4000, "Normal Hangup", "NORMAL_CLEARING", "Callee", "completed", answered=True, connected=True, rang=True)
SOUND = 'confirmSound="/sound" confirmKey="1" '
NOT_CONFIRMED = Leg(9110, "Confirm Key Challenge Failed", "NO_ANSWER", "Plivo", "no-answer", answered=True, rang=True)
RANG_OUT = Leg(6010, "Ring Timeout Reached", "NO_ANSWER", "Plivo", "no-answer", rang=True)
AUTH = 'sipAuthUsername="far" sipAuthPassword="far away 1"'


def _by_caller(code: int, name: str, cause: str, *, talked: bool) -> Leg:
    status = "completed" if talked else "cancel"
    return Leg(code, name, cause, "Caller", status, answered=talked, connected=talked, rang=True)


OUTCOMES = [
    Outcome("drops", ("180", "200", "ack", "wait:400", "bye"), TALKED, "completed", "NORMAL_CLEARING"),
    Outcome("at_once", ("200", "ack", "wait:400", "bye"), TALKED, "completed", "NORMAL_CLEARING"),
    Outcome("early", ("183", "wait:300", "200", "ack", "wait:400", "bye"), TALKED, "completed", "NORMAL_CLEARING"),
    _refused(486, 3010, "Busy Line", "USER_BUSY", "Callee", "busy"),
    _refused(600, 3100, "Busy everywhere", "USER_BUSY", "Callee", "busy"),
    _refused(603, 3110, "Declined", "CALL_REJECTED", "Callee", "busy"),
    _refused(480, 3000, "No Answer", "NO_USER_RESPONSE", "Carrier", "no-answer"),
    _refused(408, 3070, "Request timeout", "RECOVERY_ON_TIMER_EXPIRE", "Carrier", "timeout"),
    _refused(403, 3040, "Forbidden", "CALL_REJECTED", "Carrier", "failed"),
    _refused(404, 3050, "Unallocated number", "UNALLOCATED_NUMBER", "Carrier", "failed"),
    _refused(484, 2000, "Invalid Destination Address", "INVALID_NUMBER_FORMAT", "Carrier", "failed"),
    _refused(604, 3120, "User does not exist anywhere", "UNALLOCATED_NUMBER", "Carrier", "failed"),
    _refused(488, 5020, "Routing Error", "INCOMPATIBLE_DESTINATION", "Carrier", "failed"),
    _refused(500, 3080, "Internal server error from carrier", "NORMAL_TEMPORARY_FAILURE", "Carrier", "failed"),
    _refused(503, 3090, "Network congestion from carrier", "SERVICE_UNAVAILABLE", "Carrier", "failed"),
    Outcome("rings", ("180", "cancelled"), RANG_OUT, "no-answer", "NO_ANSWER", 'timeout="1"'),
    Outcome(
        "nobody",
        (),
        Leg(2020, "Endpoint Not Registered", "USER_NOT_REGISTERED", "Plivo", "failed"),
        "failed",
        "USER_NOT_REGISTERED",
        target="<User>nobody</User>",
    ),
    Outcome(
        "unreachable",
        (),
        Leg(5000, "Network Error", "NETWORK_OUT_OF_ORDER", "Error", "failed"),
        "failed",
        "NETWORK_OUT_OF_ORDER",
        target="<User>sip:somebody@127.0.0.1:1;transport=tcp</User>",
    ),
    Outcome(
        "no_route",
        (),
        Leg(5020, "Routing Error", "EXCHANGE_ROUTING_ERROR", "Error", "failed"),
        "failed",
        "EXCHANGE_ROUTING_ERROR",
        target="<Number>4930123456</Number>",
    ),
    Outcome(
        "leaves",
        ("180", "cancelled"),
        _by_caller(1000, "Canceled", "ORIGINATOR_CANCEL", talked=False),
        "cancel",
        "ORIGINATOR_CANCEL",
        caller="leaves",
    ),
    Outcome(
        "stays",
        ("180", "200", "ack", "bye?"),
        _by_caller(4000, "Normal Hangup", "NORMAL_CLEARING", talked=True),
        "completed",
        "NORMAL_CLEARING",
        caller="hangs up",
    ),
    Outcome(
        "starred",
        ("180", "200", "ack", "bye?"),
        _by_caller(4000, "Normal Hangup", "NORMAL_CLEARING", talked=True),
        "completed",
        "NORMAL_CLEARING",
        'hangupOnStar="true"',
        caller="*",
    ),
    Outcome(
        "limited",
        ("180", "200", "ack", "bye?"),
        Leg(6000, "Scheduled Hangup", "ALLOTTED_TIMEOUT", "Plivo", "completed", answered=True, connected=True, rang=True),
        "completed",
        "ALLOTTED_TIMEOUT",
        'timeLimit="1"',
    ),
    Outcome(
        "confirms", ("180", "200", "ack", "wait:600", "key:1", "wait:400", "bye"), TALKED, "completed", "NORMAL_CLEARING", SOUND
    ),
    Outcome("silent", ("180", "200", "ack", "bye?"), NOT_CONFIRMED, "no-answer", "NO_ANSWER", SOUND + 'confirmTimeout="1"'),
    Outcome(
        "wrong",
        ("180", "200", "ack", "wait:200", "key:2", "bye?"),
        NOT_CONFIRMED,
        "no-answer",
        "NO_ANSWER",
        SOUND + 'confirmTimeout="1"',
    ),
    Outcome(
        "late",
        ("180", "200", "ack", "bye?", "wait:100", "late:1"),
        NOT_CONFIRMED,
        "no-answer",
        "NO_ANSWER",
        SOUND + 'confirmTimeout="1"',
    ),
    Outcome("walks", ("180", "200", "ack", "wait:300", "bye"), NOT_CONFIRMED, "no-answer", "NO_ANSWER", SOUND),
    Outcome(
        "asks",
        ("407", "ack", "again", "180", "200", "ack", "wait:400", "bye"),
        TALKED,
        "completed",
        "NORMAL_CLEARING",
        user_attributes=AUTH,
    ),
    Outcome(
        "asks_in_vain",
        ("407", "ack"),
        Leg(4240, "sip_auth_failed", "CALL_REJECTED", "Carrier", "failed"),
        "failed",
        "sip_auth_failed",
    ),
    Outcome(
        "rejects",
        ("407", "ack", "again", "407", "ack"),
        Leg(4240, "sip_auth_failed", "CALL_REJECTED", "Carrier", "failed"),
        "failed",
        "sip_auth_failed",
        user_attributes=AUTH,
    ),
]
