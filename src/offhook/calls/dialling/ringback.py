"""What the caller hears while it rings elsewhere (reference ``xml.md`` sections 9.1 and 9.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from offhook.audio import Playlist, Silence, Tone, Track
from offhook.calls import sound_documents
from offhook.calls.call import Call
from offhook.calls.ports import AnyLeg
from offhook.errors import LegGone

RINGING_TONE = Track((Tone((440.0, 480.0), 2000, -19.0), Silence(4000)), times=0)
"""For a caller who has been answered already: nobody else makes it ring for him (ITU-T E.180, North America)."""


class Ringback:
    """Made for one ``Dial``; it is silent at the end of the block.

    ``real``: the far end's own ringing or early media, passed on. A URL: the music of its sound document, again and again.
    ``none``: nothing. ``endless`` sound, which a ``PreAnswer`` before the ``Dial`` has left over, goes before all of them.
    """

    def __init__(self, call: Call, music: str, endless: Sequence[Track] = ()) -> None:
        self._call = call
        self._music = music
        self._endless = tuple(endless)
        self._works: list[asyncio.Task[None]] = []
        self._toned = self._passing_on = False

    async def __aenter__(self) -> Ringback:
        if self._endless:
            self._begin(self._play(self._endless))
        elif self._music not in {"real", "none"}:
            self._begin(self._play_document())
        return self

    async def __aexit__(self, *_: object) -> None:
        works, self._works = self._works, []
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def rang(self) -> None:
        """It rings somewhere."""
        if self._music == "none" or self._endless:
            return
        if self._call.answered_at is None:
            self._call.leg.ring()
        elif self._music == "real" and not self._toned and not self._passing_on:
            self._toned = True
            self._begin(self._play((RINGING_TONE,)))

    def early(self, leg: AnyLeg) -> None:
        """Early media comes from a leg: of several, the first is passed on."""
        if self._music == "real" and not self._endless and not self._passing_on:
            self._passing_on = True
            for work in self._works:  # the tone
                work.cancel()
            self._begin(self._pass_on(leg))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._works.append(asyncio.create_task(work, name=f"ringback of {self._call.uuid}"))

    async def _audible(self) -> bool:
        if self._call.answered_at is None:
            await self._call.leg.open_early_media()
        return self._call.answered_at is not None or self._call.leg.early

    async def _pass_on(self, leg: AnyLeg) -> None:
        with suppress(LegGone):
            if await self._audible():
                with self._call.leg.bridge(leg, listens_only=True):
                    await asyncio.Event().wait()

    async def _play_document(self) -> None:
        tracks = await sound_documents.fetch(self._music, "dialMusic", self._call)
        await self._play(sound_documents.endlessly(tracks))

    async def _play(self, tracks: Sequence[Track]) -> None:
        with suppress(LegGone):
            if tracks and await self._audible():
                playback = self._call.leg.play(Playlist(tuple(tracks)))
                try:
                    await playback.wait()
                finally:
                    playback.stop()
