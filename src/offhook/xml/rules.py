"""Rules that no single attribute can state: what goes together, and what can never be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from offhook.xml.elements import Dial, Hangup, Message, MultiPartyCall, Play, Redirect, Speak, Stream, User, Wait
from offhook.xml.problems import Findings
from offhook.xml.table import Element
from offhook.xml.tree import Tag

MAX_EXTRA_HEADERS_BYTES = 512
PASSWORD_CHARACTERS = range(8, 129)

Values = dict[str, Any]
"""The fields of an element that are not at their defaults; a rule may put one right."""


def check(tag: Tag, kind: type[Element], values: Values, findings: Findings) -> None:
    """Apply the rule of this kind of element, if there is one."""
    rule = _RULES.get(kind)
    if rule is not None:
        rule(tag, values, findings)


def reachable(parent: Tag, children: Sequence[tuple[Tag, Element]], findings: Findings) -> None:
    """Warn of the first element that stands behind one that never goes on."""
    for (tag, element), (behind, _) in pairwise(children):
        if isinstance(element, Redirect) or (isinstance(element, Hangup) and element.schedule is None):
            why = f"<{tag.name}> does not come back"
        elif isinstance(element, Speak | Play) and element.loop == 0:
            why = f'<{tag.name}> with loop="0" never ends'
        else:
            continue
        where = "" if parent.name == "Response" else f" of <{parent.name}>"
        findings.warn(behind, "unreachable", f"<{behind.name}>{where} is never reached: {why} (line {tag.line})")
        return


def _dial(tag: Tag, values: Values, findings: Findings) -> None:
    if not values["children"]:
        if not tag.tags:  # else what is wrong with them has been said
            findings.fatal(tag, "no-target", "Dial has nobody to call", allowed="at least one <Number> or <User>")
        return
    if values.get("confirm_key") and not values.get("confirm_sound"):
        findings.warn(
            tag, "bad-combination", "Dial: confirmKey needs confirmSound; the key is not asked for", attribute="confirmKey"
        )
        values["confirm_key"] = None
    if (values.get("digits_match") or values.get("digits_match_b_leg")) and not values.get("callback_url"):
        attribute = "digitsMatch" if values.get("digits_match") else "digitsMatchBLeg"
        findings.warn(tag, "bad-combination", f"Dial: {attribute} has no effect without callbackUrl", attribute=attribute)
    if values.get("call_type") == "whatsapp":
        findings.warn(
            tag,
            "not-voice",
            "Dial: WhatsApp calls cannot be made here; the legs will fail",
            attribute="callType",
            allowed="voice",
        )


def _user(tag: Tag, values: Values, findings: Findings) -> None:
    """Half a set of credentials is none: the endpoint is called without (reference ``xml.md`` section 11)."""
    name, password = values.get("sip_auth_username"), values.get("sip_auth_password")
    if not name and not password:
        return
    if not name or not password:
        missing = "sipAuthPassword" if name else "sipAuthUsername"
        why = f"{missing} is missing"
    elif len(password) not in PASSWORD_CHARACTERS:
        missing, why = "sipAuthPassword", f"sipAuthPassword has {len(password)} characters, not 8 to 128"
    else:
        return
    findings.warn(tag, "bad-combination", f"User: {why}; called without credentials", attribute=missing)
    values["sip_auth_username"] = values["sip_auth_password"] = None


def _wait(tag: Tag, values: Values, findings: Findings) -> None:
    """What ends a wait early, and when it cannot (reference ``xml.md`` section 14)."""
    minimum_ms, silence = values.get("min_silence"), values.get("silence")
    if minimum_ms is not None and not silence:
        findings.warn(
            tag,
            "bad-combination",
            'Wait: minSilence has no effect without silence="true"',
            attribute="minSilence",
            allowed='silence="true"',
        )
    elif minimum_ms is not None and minimum_ms >= values.get("length", 1) * 1000:
        findings.warn(
            tag,
            "bad-combination",
            f"Wait: minSilence={minimum_ms} ms is not less than the length; it never ends the wait early",
            attribute="minSilence",
        )
    if values.get("beep") is not None and (silence or minimum_ms is not None):
        findings.warn(tag, "bad-combination", "Wait: beep has no effect together with silence or minSilence", attribute="beep")


def _multi_party_call(tag: Tag, values: Values, findings: Findings) -> None:
    if values.get("role") == "ai-agent" and not values.get("ai_agent_stream_service_url"):
        findings.warn(
            tag,
            "bad-combination",
            "MultiPartyCall: an ai-agent needs aiAgentStreamServiceUrl; nobody will speak",
            attribute="aiAgentStreamServiceUrl",
        )


def _stream(tag: Tag, values: Values, findings: Findings) -> None:
    if values.get("bidirectional") and values.get("audio_track", "inbound") != "inbound":
        findings.warn(
            tag,
            "bad-combination",
            "Stream: a bidirectional stream sends the inbound track; using inbound",
            attribute="audioTrack",
            found=values["audio_track"],
            allowed="inbound",
        )
        values["audio_track"] = "inbound"
    size = len((values.get("extra_headers") or "").encode())
    if size > MAX_EXTRA_HEADERS_BYTES:
        findings.warn(
            tag,
            "bad-value",
            f"Stream: extraHeaders has {size} bytes; it is dropped",
            attribute="extraHeaders",
            allowed=f"at most {MAX_EXTRA_HEADERS_BYTES} bytes",
        )
        values["extra_headers"] = None


def _message(tag: Tag, _values: Values, findings: Findings) -> None:
    findings.warn(tag, "not-voice", "Message is not sent: this is a voice platform")


_RULES: dict[type[Element], Callable[[Tag, Values, Findings], None]] = {
    Dial: _dial,
    User: _user,
    Wait: _wait,
    MultiPartyCall: _multi_party_call,
    Stream: _stream,
    Message: _message,
}
