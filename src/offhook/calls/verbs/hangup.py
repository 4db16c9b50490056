"""``Hangup``: end the call now, refuse it, or end it later (reference ``xml.md`` section 13)."""

from __future__ import annotations

from offhook import causes
from offhook.calls.call import Call, CallOver, Next
from offhook.xml import Hangup


def about(element: Hangup) -> str:
    """When and why."""
    if element.schedule is not None:
        return f"in {element.schedule} s"
    return element.reason or "now"


async def run(element: Hangup, call: Call) -> Next | None:
    """With ``schedule`` arm the call's timer and go on; else end the call, refusing it where it was not answered."""
    if element.schedule:
        call.schedule_hangup(element.schedule)
        return None
    if element.schedule is None and element.reason == "busy":
        raise CallOver(causes.XML_BUSY)
    if element.schedule is None and element.reason == "rejected":
        raise CallOver(causes.XML_REJECTED)
    raise CallOver(causes.XML_HANGUP if call.answered_at is not None else causes.XML_REFUSED)
