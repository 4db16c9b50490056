"""Text to sound: the document's words and SSML in, clips and pauses out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from offhook import voices
from offhook.audio import Clip, Sound
from offhook.errors import SpeechUnavailable
from offhook.events import Noted, Observe
from offhook.speech import engines
from offhook.speech.cache import LIMIT_BYTES, Cache
from offhook.speech.engine import Engine
from offhook.speech.engines import Voice
from offhook.speech.segments import Node, Segment, expand
from offhook.workers import Worker, WorkerFailed

log = logging.getLogger(__name__)

_MODULES = {engines.HIBARI: "offhook.speech.hibari_worker", engines.ESPEAK: "offhook.speech.espeak_worker"}
RENDER_LIMIT_S = 30.0
WARM_UP = "Hello."
AT_ONCE = 2
"""Segments of one text that may wait for the engines at the same time: a long text does not keep other calls waiting."""


class Speech:
    """The voices of a node."""

    def __init__(self, *, cache: Path, nearest_voice: bool = True, installed: tuple[str, ...] | None = None) -> None:
        """Args:
        cache: folder of rendered speech.
        nearest_voice: an unknown voice is replaced by the nearest; else it is ``SpeechUnavailable``.
        installed: the engines to use; those that are found when not given.
        """
        self._cache = Cache(cache)
        self._nearest_voice = nearest_voice
        self._engines = engines.available() if installed is None else installed
        self._speakers = {
            name: Engine(name, Worker(_MODULES[name], str(cache), str(LIMIT_BYTES), timeout_s=RENDER_LIMIT_S))
            for name in self._engines
        }
        self._rendering: dict[Path, asyncio.Task[Clip | None]] = {}
        self._warming: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def engines(self) -> tuple[str, ...]:
        """What is installed here, by name."""
        return self._engines

    async def start(self) -> None:
        """Start the engines in the background, so that the first caller need not wait for them."""
        self._warming = asyncio.get_running_loop().create_task(self._warm_up(), name="speech warm-up")

    async def aclose(self) -> None:
        """End the workers; what is being rendered fails. Idempotent."""
        self._closed = True
        if self._warming is not None:
            self._warming.cancel()
        for engine in self._speakers.values():
            await engine.worker.aclose()
        tasks = [*self._rendering.values(), *([self._warming] if self._warming else [])]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def render(self, content: Sequence[str | Node], *, voice: str, language: str, observe: Observe) -> tuple[Sound, ...]:
        """The sounds of a text.

        Args:
            content: text and SSML nodes.
            voice: ``WOMAN``, ``MAN`` or ``Polly.<Name>``.
            observe: gets a note when the voice is not the very one.

        Raises:
            SpeechUnavailable: nobody here speaks this, or every engine failed.
        """
        why = voices.fault(voice, language)
        if why is not None and not self._nearest_voice:
            raise SpeechUnavailable(voice, language, why)
        chosen, note = engines.choose(voice, language, self._engines)
        if chosen is None:
            raise SpeechUnavailable(voice, language, "no speech engine is installed; install offhook[speech] or espeak-ng")
        parts = expand(content, chosen.language)
        if note and any(isinstance(part, Segment) for part in parts):
            observe(Noted(note, level="info"))
        turns = asyncio.Semaphore(AT_ONCE)
        noted: set[str] = set()

        def note_once(text: str) -> None:
            if text not in noted:
                noted.add(text)
                observe(Noted(text))

        async def sound(part: Segment | Sound) -> Sound | None:
            async with turns:
                return await self._sound(part, chosen, voice, note_once)

        tasks = [asyncio.ensure_future(sound(part)) for part in parts]
        try:
            sounds = await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # one that failed, or a caller who left, leaves none of the others behind
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return tuple(sound for sound in sounds if sound is not None)

    async def _sound(self, part: Segment | Sound, chosen: Voice, asked: str, note: Callable[[str], None]) -> Sound | None:
        if not isinstance(part, Segment):
            return part
        speaker = chosen
        if part.manner.language and part.manner.language.lower() != chosen.language.lower():
            speaker = engines.for_language(part.manner.language, chosen.sex, self._engines) or chosen
        other = engines.fallback(speaker, self._engines)
        try:
            clip = await self._clip(part, speaker)
            if clip is not None or other is None:
                return clip  # else it found no word to say: the other engine knows more letters and signs
        except WorkerFailed as error:
            if other is None:
                raise SpeechUnavailable(asked, speaker.language, str(error)) from error
            log.warning("%s failed: %s", speaker, error)
            note(f"{speaker} failed; {other} speaks instead")
        try:
            return await self._clip(part, other)
        except WorkerFailed as error:
            raise SpeechUnavailable(asked, other.language, str(error)) from error

    async def _clip(self, segment: Segment, voice: Voice) -> Clip | None:
        """From the cache, or rendered; the same words asked twice at once are rendered once."""
        manner = segment.manner
        key = (voice.engine, voice.name, f"{manner.rate:.3f} {manner.pitch:.3f} {manner.volume_db:.2f}", segment.text)
        path = self._cache.path(*key)
        if self._cache.has(path):
            return Clip(str(path)) if path.stat().st_size else None
        if self._closed:
            raise WorkerFailed("speech is stopped")
        running = self._rendering.get(path)
        if running is None:
            running = asyncio.get_running_loop().create_task(self._render(segment, voice, path), name="render speech")
            self._rendering[path] = running
            running.add_done_callback(lambda done: self._rendered(path, done))
        return await asyncio.shield(running)

    def _rendered(self, path: Path, done: asyncio.Task[Clip | None]) -> None:
        self._rendering.pop(path, None)
        if not done.cancelled():
            done.exception()  # whoever waits has it too; nobody has to

    async def _render(self, segment: Segment, voice: Voice, path: Path) -> Clip | None:
        samples = await self._speakers[voice.engine].render(
            {
                "text": segment.text,
                "voice": voice.name,
                "rate": segment.manner.rate,
                "pitch": segment.manner.pitch,
                "volume_db": segment.manner.volume_db,
                "path": str(path),
            }
        )
        return Clip(str(path)) if samples else None

    async def _warm_up(self) -> None:
        for engine in self._engines:
            path = self._cache.path("warm-up", engine)
            plain = {"voice": "en-us", "rate": 1.0, "pitch": 1.0, "volume_db": 0.0}
            try:
                await self._speakers[engine].render({"text": WARM_UP, "path": str(path), **plain})
            except WorkerFailed as error:
                log.warning("%s does not speak: %s", engine, error)
