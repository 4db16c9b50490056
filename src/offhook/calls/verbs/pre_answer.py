"""``PreAnswer``: its children as early media, before the call is answered (reference ``xml.md`` section 15)."""

from __future__ import annotations

from offhook.calls.call import Call, Next
from offhook.xml import PreAnswer


def about(element: PreAnswer) -> str:
    """What it holds."""
    return ", ".join(type(child).__name__ for child in element.children)


async def run(element: PreAnswer, call: Call) -> Next | None:
    """Run the children in a 183; on a call that is answered already they are ordinary audio.

    A child that loops for ever keeps what follows from being reached. A ``Dial`` behind it is to take the loop over as its music
    (section 15): that is decided where the document is run, when there is a ``Dial``.
    """
    call.before_answer = True
    try:
        for child in element.children:
            following = await call.perform(child)
            if following is not None:
                return following
    finally:
        call.before_answer = False
    return None
