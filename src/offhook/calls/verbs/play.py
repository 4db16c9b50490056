"""``Play``: an audio file, ``loop`` times (reference ``xml.md`` section 5)."""

from __future__ import annotations

from offhook.calls.call import Call, Next
from offhook.calls.verbs import prompts
from offhook.xml import Play


def about(element: Play) -> str:
    """The URL."""
    return prompts.shortened(element.url, 120)


async def run(element: Play, call: Call) -> Next | None:
    """Answer and play; a file that cannot be had is noted, and the document goes on."""
    if not await call.ready_for_audio():
        return None
    track = await prompts.played(element.url, element.loop, call)
    if track is not None:
        await call.play(f"file: {about(element)}", [track])
    return None
