"""The person on the line: a leg without SIP or RTP that hears, presses keys, talks and hangs up when the test says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from offhook import causes
from offhook.audio import BeepPattern, Digit, PlaybackEnd, Playlist, RecordingEnd, RtpStatistics
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import CallAnswered, CallRang, EarlyMediaOpened, Observe, unobserved
from offhook.testing.cassette import Cassette
from offhook.testing.ear import Ear
from offhook.testing.performance import Heard, Performance
from offhook.testing.studio import Studio

_PAUSES_MS = {"w": 500, "W": 1000}


@dataclass(frozen=True, slots=True)
class Party:
    """Who calls whom; what a leg reads from an INVITE."""

    from_number: str = "14155550100"
    to_number: str = "14155550199"
    to_user: str = "14155550199"
    caller_name: str | None = None
    forwarded_from: str | None = None
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    source: str = "192.0.2.7:5060/udp"
    sip_call_id: str = "a84b4c76e66710@192.0.2.7"
    app_id: str | None = None
    fallback_app_id: str | None = None
    auth_user: str | None = None
    hops: int = 0
    stir_verification: str = "Not Applicable"
    stir_attestation: str = "Not Applicable"


class Keys:
    """Keys pressed since somebody began to listen."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Digit | None] = asyncio.Queue()

    async def get(self) -> Digit:
        """The next key. Raises ``LegGone`` when the leg was freed."""
        digit = await self.queue.get()
        if digit is None:
            self.queue.put_nowait(None)
            raise LegGone("the leg has ended")
        return digit


class Caller:
    """An A leg and the person on it, both sides of one object.

    The interpreter sees a ``calls.Leg``. The test sees the person: ``press``, ``talk``, ``beep``, ``hang_up``, ``leave``, and
    what came to the person's ears (``heard``), keypad (``keys_received``) and phone (``signals``).
    Everything that is asked for "in so many seconds" counts from the moment of asking.
    """

    def __init__(
        self,
        party: Party,
        studio: Studio,
        *,
        unusable: Ending | None = None,
        early_media: bool = True,
        refuses_audio: Ending | None = None,
    ) -> None:
        """Args:
        unusable: why this leg can carry no call, as an INVITE without a common codec.
        early_media: ``False``: the INVITE came without an offer, so there can be no audio before the answer.
        refuses_audio: answering fails with this, as when every RTP port is taken.
        """
        self.facts = party
        self.unusable = unusable
        self.answered = False
        self.early = False
        self.observe: Observe = unobserved
        self.began = asyncio.get_running_loop().time()
        self.heard: list[Heard] = []
        self.heard_over: list[Heard] = []
        """What was played over that, as the API lets it."""
        self.signals: list[str] = []
        """What the phone was told, in order: ``180``, ``183``, ``200``, ``BYE``, ``486``, …"""
        self.released_with: Ending | None = None
        self.keys_received = ""
        """What was pressed towards the caller."""
        self.listeners: list[Keys] = []
        self.talks_with: Caller | None = None
        """Whom this person hears."""
        self.talked_with: list[Caller] = []
        self.cassettes: list[Cassette] = []
        """What was recorded of this person."""
        self.holds = False
        self.freed = False
        self._hold_changed = asyncio.Event()
        self._studio = studio
        self._early_media = early_media
        self._refuses_audio = refuses_audio
        self._playing: Performance | None = None
        self._over: list[Performance] = []
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._timers: list[asyncio.TimerHandle] = []
        self._sending = asyncio.Lock()
        self._talking, self._quiet = asyncio.Event(), asyncio.Event()
        self._quiet.set()
        self._ears: list[Ear] = []
        self._beeps: list[tuple[BeepPattern, asyncio.Future[None]]] = []

    # -- the person ------------------------------------------------------------------------------------------------

    def press(self, keys: str, *, after_s: float = 0.0, every_s: float = 0.3) -> None:
        """Press keys one after another, the first in ``after_s`` seconds. Any of ``audio.DIGITS``."""
        for position, key in enumerate(keys):
            self._later(after_s + position * every_s, self._press, key)

    def talk(self, for_s: float, *, after_s: float = 0.0) -> None:
        """Make a noise for so long."""
        self._later(after_s, self._hush, False)
        self._later(after_s + for_s, self._hush, True)

    def beep(self, duration_ms: int = 400, *, after_s: float = 0.0) -> None:
        """Beep as an answering machine does. It is a sound like any other, too."""
        self._later(after_s, self._beep, duration_ms)
        self.talk(duration_ms / 1000, after_s=after_s)

    def hold(self, on: bool = True, *, after_s: float = 0.0) -> None:
        """Put the other one on hold, or go on."""
        self._later(after_s, self._hold, on)

    def hang_up(self, *, after_s: float = 0.0) -> None:
        """Hang up; before the answer that is giving up."""
        self._later(after_s, lambda: self._leave(causes.CALLER_HUNG_UP if self.answered else causes.CALLER_GAVE_UP))

    def leave(self, ending: Ending, *, after_s: float = 0.0) -> None:
        """Be gone for another reason: the network failed, no audio came for a minute."""
        self._later(after_s, self._leave, ending)

    @property
    def hears(self) -> bool:
        """Whether something is being played right now."""
        return any(each is not None and not each.over for each in (self._playing, *self._over))

    @property
    def gone(self) -> bool:
        """Whether either side has ended the call."""
        return self._ended.done() or self.released_with is not None

    # -- the leg ---------------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """180, once."""
        if not (self.gone or self.answered or self.early or "180" in self.signals):
            self.signals.append("180")
            self.observe(CallRang())

    async def open_early_media(self) -> None:
        """183; only 180 where there was no offer."""
        self._refuse_if_gone()
        if self.early or self.answered:
            return
        if not self._early_media:
            self.ring()
            return
        self.early = True
        self.signals.append("183")
        self.observe(EarlyMediaOpened())

    async def answer(self) -> None:
        """200."""
        self._refuse_if_gone()
        if self.answered:
            return
        if self._refuses_audio is not None:
            self.signals.append(str(self._refuses_audio.sip_status))
            self._leave(self._refuses_audio)
            raise LegGone(self._refuses_audio.cause.name)
        self.answered = True
        self.signals.append("200")
        self.observe(CallAnswered())

    def release(self, ending: Ending) -> None:
        """BYE, or the refusal that ``ending`` names."""
        if self.gone:
            return
        self.released_with = ending
        self.signals.append("BYE" if self.answered else str(ending.sip_status))

    async def ended(self) -> Ending:
        """Wait until the person has left."""
        return await asyncio.shield(self._ended)

    def play(self, playlist: Playlist, *, stop_on_key: bool = False) -> Performance:
        """Play instead of what is playing."""
        self._refuse_without_audio()
        if self._playing is not None:
            self._playing.end(PlaybackEnd.STOPPED)
        self._playing = Performance(self, playlist, stop_on_key=stop_on_key, studio=self._studio)
        return self._playing

    def play_over(self, playlist: Playlist, *, mix: bool, limit_ms: int | None = None) -> Performance:
        """Play over what is playing."""
        self._refuse_without_audio()
        over = Performance(self, playlist, studio=self._studio, over=True, alone=not mix, limit_ms=limit_ms)
        self._over.append(over)
        return over

    @contextlib.contextmanager
    def listen(self) -> Iterator[Keys]:
        """Keys from now on."""
        self._refuse_without_audio()
        keys = Keys()
        self.listeners.append(keys)
        try:
            yield keys
        finally:
            self.listeners.remove(keys)

    async def send_digits(self, digits: str, *, tone_ms: int = 200, gap_ms: int = 100) -> None:
        """Take as long as the keys take; a second row waits for the first."""
        self._refuse_without_audio()
        async with self._sending:
            for key in digits:
                if key in _PAUSES_MS:
                    await asyncio.sleep(_PAUSES_MS[key] / 1000)
                    continue
                await asyncio.sleep(tone_ms / 1000)
                self.keys_received += key
                await asyncio.sleep(gap_ms / 1000)

    async def heard_silence(self, minimum_ms: int) -> None:
        """Return when nobody has talked for so long, from now."""
        self._refuse_without_audio()
        while True:
            await self._quiet.wait()
            try:
                async with asyncio.timeout(minimum_ms / 1000):
                    await self._talking.wait()
            except TimeoutError:
                return

    @contextlib.contextmanager
    def voice(self, *, start_ms: int, stop_ms: int, every_ms: int) -> Iterator[Ear]:
        """Where the person talks, from now on."""
        self._refuse_without_audio()
        ear = Ear(self._talking.is_set, start_ms, stop_ms, every_ms)
        self._ears.append(ear)
        try:
            yield ear
        finally:
            ear.close()
            self._ears.remove(ear)

    async def heard_beep(self, pattern: BeepPattern) -> None:
        """Return when there was a beep long enough, and the silence after it."""
        self._refuse_without_audio()
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._beeps.append((pattern, heard))
        try:
            await heard
        finally:
            self._beeps.remove((pattern, heard))

    async def relay(self, digit: Digit) -> None:
        """Get a key that another party pressed."""
        await self.send_digits(digit.key, tone_ms=100, gap_ms=50)

    @contextlib.contextmanager
    def bridge(self, other: Caller, *, listens_only: bool = False) -> Iterator[None]:
        """Hear each other: noted as ``talks_with``."""
        self._refuse_without_audio()
        other._refuse_without_audio()
        self.talks_with, other.talks_with = other, None if listens_only else self
        self.talked_with.append(other)
        try:
            yield
        finally:
            self.talks_with = other.talks_with = None

    async def hold_changes(self, was: bool) -> bool:
        """Wait for ``hold``."""
        while self.holds is was:
            self._hold_changed.clear()
            await self._hold_changed.wait()
        return self.holds

    async def statistics(self) -> RtpStatistics:
        """As if every packet had arrived."""
        return RtpStatistics(packets_sent=50, packets_received=50)

    async def record(
        self,
        path: Path,
        *,
        what: Literal["received", "sent", "both", "mixed"] = "received",
        file_format: Literal["wav", "mp3"] = "wav",
        max_ms: int | None = None,
    ) -> Cassette:
        """Record without a sound; the cassette is among ``cassettes``."""
        self._refuse_without_audio()
        self.cassettes.append(Cassette(path, what, file_format, max_ms))
        return self.cassettes[-1]

    async def aclose(self) -> None:
        """Free everything: who still waits for keys or sound learns that the leg is gone."""
        self.freed = True
        for timer in self._timers:
            timer.cancel()
        for playing in (self._playing, *self._over):
            if playing is not None:
                playing.end(PlaybackEnd.GONE)
        for cassette in self.cassettes:
            cassette.end(RecordingEnd.GONE)
        for keys in self.listeners:
            keys.queue.put_nowait(None)
        for ear in self._ears:
            ear.end()

    # -- own -------------------------------------------------------------------------------------------------------

    def _later(self, after_s: float, act: Callable[..., None], *arguments: object) -> None:
        if after_s <= 0:
            act(*arguments)
        else:
            self._timers.append(asyncio.get_running_loop().call_later(after_s, act, *arguments))

    def _press(self, key: str) -> None:
        if self.gone:
            return
        for keys in self.listeners:
            keys.queue.put_nowait(Digit(key, 100))
        if self._playing is not None and self._playing.stop_on_key:
            self._playing.end(PlaybackEnd.KEY)

    def _hold(self, on: bool) -> None:
        self.holds = on
        self._hold_changed.set()

    def _hush(self, quiet: bool) -> None:
        now, before = (self._quiet, self._talking) if quiet else (self._talking, self._quiet)
        now.set()
        before.clear()
        for ear in self._ears:
            ear.changed()

    def _beep(self, duration_ms: int) -> None:
        for pattern, heard in self._beeps:
            if duration_ms >= pattern.duration_ms:
                self._later((duration_ms + pattern.intra_silence_ms) / 1000, _resolve, heard)

    def _leave(self, ending: Ending) -> None:
        if not self.gone:
            self._ended.set_result(ending)

    def _refuse_if_gone(self) -> None:
        if self.gone:
            raise LegGone("the caller has left")

    def _refuse_without_audio(self) -> None:
        self._refuse_if_gone()
        if not (self.answered or self.early):
            raise LegGone("the leg has no audio path yet")


def _resolve(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
