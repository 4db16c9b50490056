"""``PreAnswer``: its children as early media, before the call is answered (reference ``xml.md`` section 15)."""

from __future__ import annotations

from offhook.calls.call import Call, Next
from offhook.calls.verbs import prompts
from offhook.xml import Dial, Element, Play, PreAnswer, Speak


def about(element: PreAnswer) -> str:
    """What it holds."""
    return ", ".join(type(child).__name__ for child in element.children)


async def run(element: PreAnswer, call: Call) -> Next | None:
    """Run the children in a 183; on a call that is answered already they are ordinary audio.

    A child that loops for ever keeps what follows from being reached; but a last one before a ``Dial`` is that one's music
    (section 15).
    """
    call.before_answer = True
    children = list(element.children)
    music = [children.pop()] if isinstance(call.following, Dial) and children and _endless(children[-1]) else []
    try:
        for child in children:
            following = await call.perform(child)
            if following is not None:
                return following
    finally:
        call.before_answer = False
    call.endless = await prompts.tracks(music, call)
    return None


def _endless(element: Element) -> bool:
    return isinstance(element, (Play, Speak)) and element.loop == 0
