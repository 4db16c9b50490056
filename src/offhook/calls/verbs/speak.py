"""``Speak``: text to speech, ``loop`` times (reference ``xml.md`` section 4)."""

from __future__ import annotations

from offhook.calls.call import Call, Next
from offhook.calls.verbs import prompts
from offhook.xml import Speak


def about(element: Speak) -> str:
    """The text."""
    return prompts.shortened(prompts.words(element.content))


async def run(element: Speak, call: Call) -> Next | None:
    """Answer and speak; keys that are pressed meanwhile are not collected."""
    if not await call.ready_for_audio():
        return None
    track = await prompts.spoken(element, call)
    if track is not None:
        await call.play(f"speech: {about(element)}", [track])
    return None
