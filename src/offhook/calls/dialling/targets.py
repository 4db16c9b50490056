"""Whom a ``Dial`` calls, and as whom (reference ``xml.md`` sections 9 to 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook import causes
from offhook.calls.ports import Facts, Order
from offhook.causes import Ending
from offhook.xml import Dial, Number, User, sip_headers

_NUMBER = re.compile(r"\+?[0-9][0-9().\- ]{0,31}")
_LONGEST_NUMBER = 15
"""Digits, with the country code (E.164)."""
_PARTY = re.compile(r"(sips?:)?[^@\s<>\"]+(@[^@\s<>\"]+)?")
MAX_HOPS = 10
"""How many calls of this node may lead one to another: applications that dial each other's numbers end there."""


@dataclass(frozen=True, slots=True)
class Target:
    """One B leg as the element describes it."""

    position: int
    """From 1 on."""
    order: Order
    refusal: Ending | None = None
    """Why it is not even called."""
    keys: str = ""
    """Pressed when it has answered."""
    keys_early: bool = False
    """They are pressed during early media instead."""
    keys_inband: bool = False
    """They go as tones, whatever was agreed."""

    @property
    def caller(self) -> str:
        """Who calls, as web hooks name it."""
        return "anonymous" if self.order.withheld else self.order.from_number

    @property
    def shown(self) -> str:
        """As web hooks name it."""
        target = self.order.target
        return target if self.order.kind == "number" or "@" not in target else "sip:" + _bare(target)


def targets_of(dial: Dial, facts: Facts, *, most: int) -> list[Target]:
    """The B legs of an element, in its order.

    Args:
        facts: of the A leg: whose number and name are shown where the element says nothing.
        most: targets beyond so many are refused with 1020.
    """
    found = []
    for position, child in enumerate(dial.children, 1):
        if isinstance(child, (Number, User)):
            order = _order(dial, child, facts)
            refusal = _refusal(order, facts)
            if position > most:
                refusal = causes.TOO_MANY_TARGETS.because(f"a Dial calls at most {most} at once")
            inband = child.send_digits_mode == "inband"
            found.append(Target(position, order, refusal, child.send_digits or "", child.send_on_preanswer, inband))
    return found


def _order(dial: Dial, child: Number | User, facts: Facts) -> Order:
    whatsapp = dial.call_type == "whatsapp"
    text = child.number if isinstance(child, Number) else child.target
    number = isinstance(child, Number) or (whatsapp and _NUMBER.fullmatch(text) is not None)
    caller_id = child.caller_id or dial.caller_id
    withheld = caller_id is not None and caller_id.lower() == "none"
    return Order(
        kind="number" if number else "user",
        target=re.sub(r"\D", "", text) if number and _NUMBER.fullmatch(text) else text,
        from_number=_caller_id(None if withheld else caller_id, facts),
        withheld=withheld,
        caller_name="" if withheld else _caller_name(child.caller_name or dial.caller_name, facts),
        headers={**_headers(dial.sip_headers), **_headers(child.sip_headers)},
        raw_headers=facts.auth_user is not None,
        username=child.sip_auth_username if isinstance(child, User) else None,
        password=child.sip_auth_password if isinstance(child, User) else None,
        whatsapp=whatsapp,
        hops=facts.hops + 1,
    )


def _caller_id(text: str | None, facts: Facts) -> str:
    if text is None:
        return facts.from_number
    return re.sub(r"\D", "", text) if _NUMBER.fullmatch(text) else text


def _caller_name(text: str | None, facts: Facts) -> str:
    if text is None:
        return facts.caller_name or ""
    return "" if text.lower() == "none" else text


def _headers(text: str | None) -> dict[str, str]:
    return sip_headers(text)[0] if text else {}


def _refusal(order: Order, facts: Facts) -> Ending | None:
    if order.kind == "number":
        if not (order.target.isascii() and order.target.isdigit() and len(order.target) <= _LONGEST_NUMBER):
            return causes.NOT_DIALLABLE.because(f"{order.target[:60]!r} is no phone number")
        if order.target == facts.to_number:
            return causes.LOOP.because("the number is the one that this call came to")
    elif not _PARTY.fullmatch(order.target):
        return causes.NOT_DIALLABLE.because(f"{order.target[:60]!r} is no SIP address")
    if order.hops > MAX_HOPS:
        return causes.LOOP.because(f"more than {MAX_HOPS} calls of this node have led one to another")
    return None


def _bare(target: str) -> str:
    return re.sub(r"^sips?:", "", target).partition(";")[0]
