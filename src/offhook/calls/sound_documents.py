"""Sound documents: what ``dialMusic``, ``confirmSound`` and their like name (reference ``xml.md`` section 1.10)."""

from __future__ import annotations

from collections.abc import Sequence

from offhook import xml
from offhook.audio import Track
from offhook.calls.call import Call
from offhook.calls.verbs import prompts
from offhook.errors import HookFailed, InvalidUrl
from offhook.events import DocumentRefused

_SOUNDS = (xml.Play, xml.Speak, xml.Wait)


async def fetch(url: str, purpose: str, call: Call, *, method: str = "POST") -> tuple[Track, ...]:
    """What a sound document sounds like: its ``Play``, ``Speak`` and ``Wait``; the rest is skipped.

    Whatever goes wrong is noted and there is no sound: the call goes on. A URL that answers with audio is played itself.
    """
    try:
        resolved = call.resolve(url)
        reply = await call.tools.hooks.fetch(
            auth_id=call.application.auth_id,
            purpose=purpose,
            url=resolved,
            method=method,
            parameters=call.standard(),
            observe=call.note,
        )
    except (InvalidUrl, HookFailed) as error:
        call.warn(f"no {purpose}: {error}")
        return ()
    if (reply.content_type or "").startswith(("audio/", "application/ogg")):
        found = await prompts.played(resolved, 1, call)
        return () if found is None else (found,)
    parsed = xml.parse(reply.body, content_type=reply.content_type, nearest_voice=call.tools.settings.nearest_voice)
    if parsed.document is None:
        call.note(DocumentRefused(reply.url, tuple(str(problem) for problem in parsed.problems)))
        return ()
    sounds = [element for element in parsed.document.elements if isinstance(element, _SOUNDS)]
    return await prompts.tracks(sounds, call, base=reply.url)


def endlessly(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """The same again and again, for as long as it is wanted; what repeats for ever already stays as it is."""
    tracks = tuple(tracks)
    if not tracks or any(track.times == 0 for track in tracks):
        return tracks
    return (Track(tuple(sound for track in tracks for _ in range(min(track.times, 100)) for sound in track.sounds), times=0),)
