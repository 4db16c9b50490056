"""Calls that the API places, and live ones that it sends elsewhere (reference ``api.md`` sections 5.1 and 5.5)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from offhook.api.context import Context, Done
from offhook.api.errors import ApiError, busy, invalid, missing, not_found
from offhook.api.reading import Ask, Line, Method, Url
from offhook.api.routes import Route
from offhook.calls import DEFAULT_LIMIT_S, RING_S, Detection, NoBLeg, NoMoreCalls, Onward, Order, Placement, TooManyCalls, Tuning
from offhook.records import Application
from offhook.xml import sip_headers

MOST_AT_ONCE = 1000
_NUMBER = re.compile(r"\+?[0-9][0-9().\- ]{0,31}")
_SIP = re.compile(r"sips?:[^@\s<>\"]+@[^@\s<>\"]+")
_DIGITS = re.compile(r"[0-9A-Da-d*#wW]{1,1000}(@[0-9]{1,5})?")
_UUID = re.compile(r"[0-9a-fA-F-]{36}")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128

Seconds = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Destinations = Annotated[str, msgspec.Meta(min_length=1, max_length=200_000)]
ShortName = Annotated[str, msgspec.Meta(max_length=50)]
TenSeconds = Annotated[int, msgspec.Meta(ge=2000, le=10_000)]
SixSeconds = Annotated[int, msgspec.Meta(ge=1000, le=6000)]
FiveSeconds = Annotated[int, msgspec.Meta(ge=1000, le=5000)]
Words = Annotated[int, msgspec.Meta(ge=2, le=10)]


class MakeCall(Ask, rename={"from_": "from"}, kw_only=True):
    """A call, or several: ``to`` may hold up to a thousand destinations with ``<`` between them."""

    from_: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    to: Destinations
    answer_url: Annotated[str, msgspec.Meta(pattern=r"^[hH][tT][tT][pP][sS]?://\S+$", max_length=2048)]
    answer_method: Method = "POST"
    ring_url: Url | None = None
    ring_method: Method = "POST"
    hangup_url: Url | None = None
    hangup_method: Method = "POST"
    fallback_url: Url | None = None
    fallback_method: Method = "POST"
    caller_name: ShortName | None = None
    send_digits: Line | None = None
    send_on_preanswer: bool = False
    time_limit: Seconds | None = None
    hangup_on_ring: Annotated[int, msgspec.Meta(ge=0, le=10**6)] | None = None
    ring_timeout: Seconds | None = None
    machine_detection: Literal["true", "hangup", "false", ""] | bool = "false"
    machine_detection_time: TenSeconds = 5000
    machine_detection_url: Url | None = None
    machine_detection_method: Method = "POST"
    machine_detection_maximum_speech_length: SixSeconds = 5000
    machine_detection_initial_silence: TenSeconds = 4500
    machine_detection_maximum_words: Words = 3
    machine_detection_initial_greeting: FiveSeconds = 1500
    sip_headers: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    sip_auth_username: Line | None = None
    sip_auth_password: Line | None = None
    call_type: Literal["voice", "whatsapp_voice"] = "voice"
    parent_call_uuid: Line | None = None
    error_if_parent_not_found: bool = False


class CallFired(msgspec.Struct):
    """The call is on its way, or waits for its turn."""

    message: str
    request_uuid: str | list[str]
    """One; or one for each destination, in their order."""


class TransferCall(Ask):
    """Where the call goes on."""

    legs: Literal["aleg", "bleg", "both"] = "aleg"
    aleg_url: Url | None = None
    aleg_method: Method = "POST"
    bleg_url: Url | None = None
    bleg_method: Method = "POST"


async def make(context: Context, ask: MakeCall) -> CallFired:
    """Place a call, or several. The answer does not wait for the network."""
    destinations = list(dict.fromkeys(_party("to", each) for each in ask.to.split("<") if each.strip()))
    if not destinations:
        raise missing("to")
    if len(destinations) > MOST_AT_ONCE:
        raise ApiError(400, f"to should hold at most {MOST_AT_ONCE} destinations")
    parent = await _parent(context, ask)
    placements = [_placement(context, ask, each, parent) for each in destinations]
    try:
        waits = await context.desk.live.place(placements)
    except TooManyCalls as error:
        raise ApiError(403, str(error)) from None
    except NoMoreCalls as error:
        raise busy(str(error)) from None
    uuids = [each.request_uuid for each in placements]
    if len(uuids) == 1:
        return CallFired("call queued" if waits else "call fired", uuids[0])
    return CallFired("calls queued" if waits else "calls fired", uuids)


def _placement(context: Context, ask: MakeCall, destination: str, parent: str | None) -> Placement:
    uuid = context.desk.ids.call_uuid()
    username, password = _credential(ask)
    order = Order(
        kind="number" if destination.isdigit() else "user",
        target=destination,
        from_number=_party("from", ask.from_),
        caller_name=ask.caller_name or "",
        headers=sip_headers(ask.sip_headers or "")[0],
        username=username,
        password=password,
        whatsapp=ask.call_type == "whatsapp_voice",
        hops=1,
    )
    application = Application(
        app_id="",
        auth_id=context.account.auth_id,
        name="api",
        answer_url=ask.answer_url,
        answer_method=ask.answer_method,
        fallback_url=ask.fallback_url or None,
        fallback_method=ask.fallback_method,
        hangup_url=ask.hangup_url or None,
        hangup_method=ask.hangup_method,
    )
    return Placement(
        call_uuid=uuid,
        request_uuid=uuid,
        order=order,
        application=application,
        ring_url=ask.ring_url or None,
        ring_method=ask.ring_method,
        ring_timeout_s=ask.ring_timeout or RING_S,
        hangup_on_ring_s=ask.hangup_on_ring,
        time_limit_s=ask.time_limit or DEFAULT_LIMIT_S,
        keys=_keys(ask.send_digits or ""),
        keys_early=ask.send_on_preanswer,
        parent_call_uuid=parent,
        detection=_detection(ask),
    )


def _detection(ask: MakeCall) -> Detection | None:
    """Whether it is to be found out who has answered, and how."""
    if ask.machine_detection in {"false", "", False}:
        return None
    if ask.call_type != "voice":
        raise ApiError(400, "machine_detection is not there for WhatsApp calls")
    tuning = Tuning(
        time_ms=ask.machine_detection_time,
        speech_ms=ask.machine_detection_maximum_speech_length,
        initial_silence_ms=ask.machine_detection_initial_silence,
        words=ask.machine_detection_maximum_words,
        greeting_ms=ask.machine_detection_initial_greeting,
    )
    return Detection(
        hangup=ask.machine_detection == "hangup",
        tuning=tuning,
        url=ask.machine_detection_url or None,
        method=ask.machine_detection_method,
    )


def _keys(text: str) -> str:
    if text and not _DIGITS.fullmatch(text):
        raise invalid("send_digits")
    return text


def _party(name: str, text: str) -> str:
    """A number as digits, or a SIP address."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        digits = re.sub(r"\D", "", text)
        if len(digits) <= 15:
            return digits
    elif _SIP.fullmatch(text):
        return text
    raise invalid(name)


def _credential(ask: MakeCall) -> tuple[str | None, str | None]:
    """Both, or none."""
    name, password = ask.sip_auth_username, ask.sip_auth_password
    if not name and not password:
        return None, None
    if not name:
        raise missing("sip_auth_username")
    if not password:
        raise missing("sip_auth_password")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ApiError(400, f"sip_auth_password should have between {SHORTEST_PASSWORD} and {LONGEST_PASSWORD} characters")
    return name, password


async def _parent(context: Context, ask: MakeCall) -> str | None:
    """The call that this one belongs to, where there is such a one of this account."""
    uuid = (ask.parent_call_uuid or "").lower()
    if not uuid:
        return None
    if _UUID.fullmatch(uuid) and await context.owner_of_call(uuid) is not None:
        return uuid
    if ask.error_if_parent_not_found:
        raise not_found("parent call")
    return None


async def transfer(context: Context, ask: TransferCall) -> Done:
    """Let a leg of a live call, or both, drop what they do and go on with another document."""
    running = await context.live_call()
    a_leg = _onward("aleg_url", ask.aleg_url, ask.aleg_method) if ask.legs != "bleg" else None
    b_leg = _onward("bleg_url", ask.bleg_url, ask.bleg_method) if ask.legs != "aleg" else None
    try:
        if not context.desk.live.transfer(running.call_uuid, a_leg=a_leg, b_leg=b_leg):
            raise not_found("call")
    except NoBLeg as error:
        raise ApiError(400, str(error)) from None
    return Done("call transfered")


def _onward(name: str, url: str | None, method: str) -> Onward:
    if not url:
        raise missing(name)
    return Onward(url, method)


ROUTES = (
    Route(method="POST", path="Call/", asks=MakeCall, answers=CallFired, handler=make, status=201),
    Route(method="POST", path="Call/{call_uuid}/", asks=TransferCall, answers=Done, handler=transfer, status=202),
)
