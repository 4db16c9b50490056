"""What is played to somebody: it takes as long as its sounds are long, and makes none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.audio import PlaybackEnd, PlaybackEnded, Playlist
from offhook.testing.studio import Studio, name_of

if TYPE_CHECKING:
    from offhook.testing.caller import Caller

ENGINE_TAKES_S = 0.02
"""A stopped playback says so one tick later, as in the real engine."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that the caller heard."""

    sound: str
    """As ``name_of`` says it."""
    at_s: float
    """Since the call arrived."""
    for_ms: int
    """How long: less than the sound's length when it was cut off."""
    alone: bool = False
    """Of a sound that was played over the others: they were not heard meanwhile."""


class Performance:
    """A playback that takes as long as its sounds are long, and makes none."""

    def __init__(
        self,
        caller: Caller,
        playlist: Playlist,
        *,
        stop_on_key: bool = False,
        studio: Studio,
        over: bool = False,
        alone: bool = False,
        limit_ms: int | None = None,
    ) -> None:
        """Args:
        over: it is played over what the caller hears.
        """
        self.stop_on_key = stop_on_key
        self._heard = caller.heard_over if over else caller.heard
        self._alone = alone
        self._caller = caller
        self._playlist = playlist
        self._studio = studio
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._ended: asyncio.Future[PlaybackEnded] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        total_ms = None if playlist.endless else sum(length for _, _, length in self._sounds(None))
        lengths_ms = [each for each in (total_ms, limit_ms) if each is not None]
        if lengths_ms:
            self._timer = self._loop.call_later(min(lengths_ms) / 1000, self.end, PlaybackEnd.FINISHED)

    @property
    def over(self) -> bool:
        """Whether it is silent."""
        return self._ended.done()

    async def wait(self) -> PlaybackEnded:
        """Wait for its end."""
        return await asyncio.shield(self._ended)

    def stop(self) -> None:
        """Stop it; ``wait`` returns a tick later."""
        if not self._ended.done():
            self._set_timer(self._loop.call_later(ENGINE_TAKES_S, self.end, PlaybackEnd.STOPPED))

    def end(self, why: PlaybackEnd) -> None:
        """It is silent from now on."""
        if self._ended.done():
            return
        self._set_timer(None)
        played_ms = round((self._loop.time() - self._began) * 1000)
        self._ended.set_result(PlaybackEnded(why, played_ms))
        for name, start_ms, length_ms in self._sounds(played_ms):
            if start_ms < played_ms:
                at_s = self._began + start_ms / 1000 - self._caller.began
                self._heard.append(Heard(name, round(at_s, 3), min(length_ms, played_ms - start_ms), self._alone))

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _sounds(self, until_ms: int | None) -> Iterator[tuple[str, int, int]]:
        """Each sound's name, start and length, in ms; up to ``until_ms`` where the playlist is endless."""
        at_ms = 0
        for track in self._playlist.tracks:
            row = [(name_of(sound), self._studio.length_ms(sound)) for sound in track.sounds]
            time = 0
            while track.times == 0 or time < track.times:
                for name, length_ms in row:
                    yield name, at_ms, length_ms
                    at_ms += length_ms
                time += 1
                if until_ms is not None and (at_ms >= until_ms or not any(length for _, length in row)):
                    break
