"""Two legs talk: how long, the keys of both, and music for whom the other puts on hold (reference ``xml.md`` section 9.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from offhook import causes
from offhook.audio import Digit, Playlist
from offhook.calls.call import Call
from offhook.calls.ports import AnyLeg, Digits
from offhook.calls.verbs import prompts
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import DigitReceived
from offhook.tasks import first
from offhook.xml import Dial

LONGEST_S = 86_400
PAUSE_S = 2.0
"""After so long without a key the next one begins a new row."""

CALLED_AWAY = 6
"""Its place among what ends a talk."""

Matched = Callable[[str, str], None]
"""Is told which pattern was pressed, and by whom: ``ALeg`` or ``BLeg``."""


class Patterns:
    """Finds rows of keys in what one party presses: the tail counts, the longest pattern first.

    Args:
        now: loop time, s.
    """

    def __init__(self, patterns: Sequence[str], now: Callable[[], float]) -> None:
        self._patterns = sorted(patterns, key=len, reverse=True)
        self._longest = len(self._patterns[0]) if self._patterns else 0
        self._now = now
        self._pressed = ""
        self._last = 0.0

    def press(self, key: str) -> str | None:
        """One more key; the pattern that it completes. The row begins anew then, and after a pause."""
        if not self._patterns:
            return None
        now = self._now()
        if now - self._last > PAUSE_S:
            self._pressed = ""
        self._last = now
        self._pressed = (self._pressed + key)[-self._longest :]
        found = next((pattern for pattern in self._patterns if self._pressed.endswith(pattern)), None)
        if found is not None:
            self._pressed = ""
        return found


async def talk(
    call: Call, other: AnyLeg, dial: Dial, matched: Matched, called_away: Callable[[], Coroutine[Any, Any, None]]
) -> Ending | None:
    """Bridge the call with a leg until that leaves, the time is over, or the caller presses ``*`` where that is meant to end it.

    Args:
        called_away: returns when the API wants something else of the B leg.

    Returns:
        How it ended for the B leg; ``None`` where it was called away. That the A leg leaves is for the caller of this to notice.

    Raises:
        LegGone: one of them had left before it began.
    """
    now = asyncio.get_running_loop().time
    a_patterns, b_patterns = Patterns(dial.digits_match, now), Patterns(dial.digits_match_b_leg, now)
    limit_s = min(dial.time_limit, LONGEST_S)
    with call.leg.bridge(other), call.leg.listen() as a_keys, other.listen() as b_keys:
        over = await first(
            other.ended(),
            _keys(a_keys, other, "ALeg", a_patterns, matched, call, star=dial.hangup_on_star),
            asyncio.sleep(limit_s),
            _keys(b_keys, call.leg, "BLeg", b_patterns, matched, call, star=False),
            _music_on_hold(call.leg, other, call),
            _music_on_hold(other, call.leg, call),
            called_away(),
        )
    if over == 0:
        return await other.ended()
    if over == 1:
        return causes.CALLER_HUNG_UP.because("the caller pressed *")
    if over == CALLED_AWAY:
        return None
    return causes.TIME_LIMIT.because(f"connected for {limit_s} s")


async def _keys(keys: Digits, other: AnyLeg, whose: str, patterns: Patterns, matched: Matched, call: Call, *, star: bool) -> None:
    """Take the keys of one party: pass them on, look for patterns; returns at ``*`` where that hangs up."""
    passing: asyncio.Queue[Digit] = asyncio.Queue()
    relay = asyncio.create_task(_pass_on(passing, other), name=f"keys of {call.uuid}")
    try:
        with suppress(LegGone):
            while True:
                digit = await keys.get()
                call.note(DigitReceived(digit.key, digit.duration_ms, f"{digit.via}, {whose}"))
                if star and digit.key == "*":
                    return
                passing.put_nowait(digit)
                found = patterns.press(digit.key)
                if found is not None:
                    matched(found, whose)
        await asyncio.Event().wait()  # whoever has left, its leg says so
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)


async def _pass_on(keys: asyncio.Queue[Digit], other: AnyLeg) -> None:
    with suppress(LegGone):
        while True:
            await other.relay(await keys.get())


async def _music_on_hold(party: AnyLeg, other: AnyLeg, call: Call) -> None:
    """Whom the other party puts on hold hears music."""
    held = False
    with suppress(LegGone):
        while True:
            held = await party.hold_changes(held)
            while held:
                music = await prompts.hold_music(call)
                playback = other.play(Playlist(music)) if music else None
                held = await party.hold_changes(held)
                if playback is not None:
                    playback.stop()
    await asyncio.Event().wait()
