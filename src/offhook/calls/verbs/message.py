"""``Message``: no matter of a voice platform; noted, and the document goes on (reference ``xml.md`` section 20)."""

from __future__ import annotations

from offhook.calls.call import Call, Next
from offhook.xml import Message


def about(element: Message) -> str:  # noqa: ARG001 - a verb's signature
    """Nothing that the timeline should keep: the text may be private."""
    return "not sent"


async def run(element: Message, call: Call) -> Next | None:  # noqa: ARG001
    """Say that it is not sent."""
    call.warn("Message is not supported: this is a voice platform; the message was not sent")
    return None
