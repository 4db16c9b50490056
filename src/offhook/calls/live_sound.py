"""What the API lets the parties of a call hear while its document runs: files, speech and keys (``api.md`` sections 5.8 to 5.10).

It is heard over what the document does and changes nothing of that. Files and speech are two things: each may run on each leg,
both together, and stopping the one leaves the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from offhook.audio import Playlist, Track
from offhook.calls import keys, live_texts
from offhook.calls.b_legs import BLeg
from offhook.calls.call import Call
from offhook.calls.onward import NoBLeg
from offhook.calls.ports import AnyLeg
from offhook.calls.verbs import prompts
from offhook.errors import LegGone, PeerFault
from offhook.events import DigitsSent, Observe
from offhook.xml import Speak

Which = Literal["aleg", "bleg", "both"]
PLAY, SPEAK, KEYS = "play", "speak", "keys"
_ABOUT_CHARACTERS = 120


class NoAudio(PeerFault):
    """Nobody has answered: there is nobody to hear anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How something is heard."""

    loop: bool = False
    """Again and again, until it is stopped."""
    mix: bool = True
    """With what is heard anyway, or instead of it."""
    length_s: int | None = None
    """It ends then."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who listens."""

    uuid: str
    """The CallUUID of the leg."""
    leg: AnyLeg
    observe: Observe
    """The leg's timeline."""


class Audience:
    """Parties of one call, of whom each hears the same. Nothing here waits: fetching and speaking are done beside the call."""

    def __init__(self, call: Call, parties: Sequence[Party]) -> None:
        self._call = call
        self._parties = parties

    def play(self, urls: Sequence[str], manner: Manner) -> None:
        """Play files one after another, instead of those that the API plays to these parties now. One that cannot be had is
        left out, with a note on the timeline.
        """
        self._let_hear(PLAY, f"file: {prompts.shortened(', '.join(urls), _ABOUT_CHARACTERS)}", self._files(urls, manner), manner)

    def speak(self, text: str, *, voice: str, language: str, ssml: bool, manner: Manner) -> None:
        """Speak, instead of what the API speaks to these parties now.

        Raises:
            Unspeakable: there is nothing to say, or nobody has this voice.
        """
        nearest = self._call.tools.settings.nearest_voice
        element, notes = live_texts.read(text, voice=voice, language=language, ssml=ssml, nearest_voice=nearest)
        for note in notes:
            self._call.warn(f"speech by the API: {note}")
        about = prompts.shortened(prompts.words(element.content))
        speech = self._speech(live_texts.looped(element, loop=manner.loop))
        self._let_hear(SPEAK, f"speech: {about}", speech, manner)

    def press(self, row: keys.Row) -> None:
        """Press keys towards each party, behind those that are being pressed already."""
        for party in self._parties:
            self._call.aside(_press(party, row), leg_uuid=party.uuid, kind=KEYS)

    async def _files(self, urls: Sequence[str], manner: Manner) -> tuple[Track, ...]:
        found = await asyncio.gather(*(prompts.played(url, 1, self._call) for url in urls))
        sounds = tuple(sound for track in found if track is not None for sound in track.sounds)
        return (Track(sounds, 0 if manner.loop else 1),) if sounds else ()

    async def _speech(self, element: Speak) -> tuple[Track, ...]:
        track = await prompts.spoken(element, self._call)
        return () if track is None else (track,)

    def _let_hear(self, kind: str, what: str, making: Coroutine[Any, Any, tuple[Track, ...]], manner: Manner) -> None:
        made = self._call.beside(making, name=f"{kind} by the API", waited=False)
        what += " (by the API)" if manner.mix else " (by the API, alone)"
        wanted: set[asyncio.Task[None]] = set()

        def not_any_more(done: asyncio.Task[None]) -> None:
            wanted.discard(done)
            if not wanted:
                made.cancel()

        for party in self._parties:
            self._call.drop_aside(party.uuid, kind)
            hearing = self._call.aside(_hear(self._call, party, made, what, manner), leg_uuid=party.uuid, kind=kind)
            wanted.add(hearing)
            hearing.add_done_callback(not_any_more)


async def _hear(call: Call, party: Party, made: asyncio.Task[tuple[Track, ...]], what: str, manner: Manner) -> None:
    tracks = await asyncio.shield(made)  # the other party may want it when this one does not any more
    if not tracks:
        return
    limit_ms = None if manner.length_s is None else manner.length_s * 1000
    with suppress(LegGone):
        playback = party.leg.play_over(Playlist(tracks), mix=manner.mix, limit_ms=limit_ms)
        async with call.sounding(what, playback, party.observe):
            await playback.wait()


async def _press(party: Party, row: keys.Row) -> None:
    with suppress(LegGone):
        await keys.press(party.leg, row)
        party.observe(DigitsSent(row.keys, "API"))


def audience(calls: Mapping[str, Call], b_legs: Mapping[str, BLeg], call_uuid: str, which: Which) -> Audience | None:
    """Those of a call who are meant. Given the CallUUID of a B leg, ``aleg`` means that leg.

    Returns:
        ``None``: there is no such call, or it is over.

    Raises:
        NoAudio: nobody has answered yet.
        NoBLeg: ``bleg`` or ``both`` of a call that is connected with nobody.
    """
    own = b_legs.get(call_uuid)
    if own is not None:
        if which != "aleg":
            raise NoBLeg(
                "this call is a B leg itself: it is the aleg here; for the other leg, or both, name the A leg's call_uuid"
            )
        return Audience(own.a_leg, [_connected(own.a_leg, own)])
    call = calls.get(call_uuid)
    if call is None or call.over is not None or (call.has_leg and call.leg.gone):
        return None
    parties = [_answered(call)] if which != "bleg" else []
    if which != "aleg":
        if call.partner is None:
            raise NoBLeg("the call is not connected with a B leg")
        parties.append(_connected(call, call.partner))
    return Audience(call, parties)


def silence(calls: Mapping[str, Call], b_legs: Mapping[str, BLeg], call_uuid: str, kind: str) -> bool:
    """Stop what the API plays or speaks: to both parties of a call; given the CallUUID of a B leg, to that alone.

    Returns:
        Whether there is such a call. Nothing need have been heard.
    """
    own = b_legs.get(call_uuid)
    call = calls.get(call_uuid) if own is None else own.a_leg
    if call is None or call.over is not None:
        return False
    call.drop_aside(None if own is None else own.uuid, kind)
    return True


def _answered(call: Call) -> Party:
    if not call.has_leg or (call.answered_at is None and not call.leg.early):
        raise NoAudio("the call has no audio: it is not answered yet")
    return Party(call.uuid, call.leg, call.note)


def _connected(call: Call, b_leg: BLeg) -> Party:
    if b_leg.leg is None or b_leg.leg.gone or call.partner is not b_leg or call.over is not None:
        raise NoBLeg("the B leg is not connected yet, or not any more")
    return Party(b_leg.uuid, b_leg.leg, b_leg.timeline.add)
