"""Elements as tracks to play: what ``Speak``, ``Play`` and ``Wait`` sound like, alone or as the prompt of another element."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from offhook.audio import Silence, Track
from offhook.calls.call import Call
from offhook.errors import ClipUnavailable, InvalidUrl, SpeechUnavailable
from offhook.xml import Element, Markup, Play, Speak, Wait

Prompt = asyncio.Task[tuple[Track, ...]]


@asynccontextmanager
async def preparing(elements: Sequence[Element], call: Call) -> AsyncIterator[Prompt]:
    """Prepare a prompt beside the block: keys can be heard meanwhile. It is prepared once, however often it is played."""
    task = asyncio.create_task(tracks(elements, call), name=f"prompt of {call.uuid}")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def tracks(elements: Sequence[Element], call: Call, *, base: str | None = None) -> tuple[Track, ...]:
    """The prompt that these elements make, rendered and fetched together so that it plays without gaps.

    Args:
        base: what relative URLs are resolved against; else the running document's.
    """
    found = await asyncio.gather(*(_track(element, call, base) for element in elements))
    return tuple(track for track in found if track is not None)


async def _track(element: Element, call: Call, base: str | None) -> Track | None:
    match element:
        case Speak():
            return await spoken(element, call)
        case Play():
            return await played(element.url, element.loop, call, base=base)
        case Wait():
            return Track((Silence(element.length * 1000),))
        case _:
            return None


async def spoken(element: Speak, call: Call) -> Track | None:
    """The text as sound; ``None`` when there is nothing to say or nobody who can say it."""
    try:
        sounds = await call.tools.speech.render(
            element.content, voice=element.voice, language=element.language, observe=call.note
        )
    except SpeechUnavailable as error:
        call.warn(f"nothing is spoken: {error}")
        return None
    return Track(sounds, element.loop) if sounds else None


async def played(url: str, loop: int, call: Call, *, base: str | None = None) -> Track | None:
    """The file as sound; ``None``, with a note, when it cannot be had (reference ``xml.md`` section 5)."""
    try:
        clip = await call.tools.clips.get(call.resolve(url, base), call.note)
    except (ClipUnavailable, InvalidUrl) as error:
        call.warn(f"not played: {error}")
        return None
    return Track((clip,), loop)


async def hold_music(call: Call) -> tuple[Track, ...]:
    """The music of those who wait, again and again; none, with a note, where it cannot be had."""
    try:
        return (Track((await call.tools.clips.hold_music(),), times=0),)
    except ClipUnavailable as error:
        call.warn(f"no hold music: {error}")
        return ()


def words(content: Sequence[str | Markup]) -> str:
    """The bare text of a ``Speak``."""
    return "".join(part if isinstance(part, str) else words(part.content) for part in content)


def shortened(text: str, characters: int = 60) -> str:
    """Text for the timeline."""
    text = " ".join(text.split())
    return text if len(text) <= characters else text[: characters - 1] + "…"
