"""``GetDigits``: prompt for keys and hand them to the action URL (reference ``xml.md`` section 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from offhook.audio import BEEP, Digit, PlaybackEnd, Track
from offhook.calls.call import Call, Next
from offhook.calls.ports import Digits
from offhook.calls.verbs import prompts
from offhook.events import DigitReceived, Noted
from offhook.xml import GetDigits

KEY_IS_LATE_S = 0.5
"""A key that stopped the prompt is reported within this time."""


def about(element: GetDigits) -> str:
    """How many, and how often it is asked."""
    return f"up to {element.num_digits} digit(s), {element.retries} attempt(s)"


async def run(element: GetDigits, call: Call) -> Next | None:
    """Ask up to ``retries`` times; with no digits at all, fall through to the next element."""
    if not await call.ready_for_audio():
        call.warn("GetDigits: without early media no key can be heard; it is passed over")
        return None
    async with prompts.preparing(element.children, call) as prompt:
        for attempt in range(element.retries):
            digits = await _attempt(element, prompt, call)
            if digits:
                break
            call.note(Noted(f"no input in attempt {attempt + 1} of {element.retries}", level="info"))
        else:
            return None
    if element.action is None:
        return None
    return await call.follow(element.action, element.method, redirect=element.redirect, results={"Digits": digits})


async def _attempt(element: GetDigits, prompt: prompts.Prompt, call: Call) -> str:
    """One prompt and what was pressed; empty when that was nothing, or something invalid."""
    with call.listen() as keys:
        key = await _key_before(prompt, keys)  # pressed while the prompt is being rendered or fetched: it is not wanted any more
        if key is None:
            key = await _during("prompt", prompt.result(), keys, call)
        if key is None and element.play_beep:
            key = await _during("beep", [Track((BEEP,))], keys, call)
        if key is None:
            key = await _next(keys, element.timeout)
        return await _collect(element, key, keys, call)


async def _during(what: str, tracks: Sequence[Track], keys: Digits, call: Call) -> Digit | None:
    """Play until the end or the first key; the engine stops the sound by itself, in the tick of the key."""
    async with call.playing(what, tracks, stop_on_key=True) as playback:
        if playback is None:
            return None
        over = asyncio.ensure_future(playback.wait())
        try:
            key = await _key_before(over, keys)
        finally:
            over.cancel()
        if key is None and over.result().why is PlaybackEnd.KEY:
            return await _next(keys, KEY_IS_LATE_S)
        return key


async def _key_before(end: asyncio.Future[Any], keys: Digits) -> Digit | None:
    """The first key until ``end`` is done, which it may be already; of both at once the key counts."""
    waiting = asyncio.ensure_future(keys.get())
    try:
        await asyncio.wait((waiting, end), return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()


async def _next(keys: Digits, limit_s: float) -> Digit | None:
    try:
        async with asyncio.timeout(limit_s):
            return await keys.get()
    except TimeoutError:
        return None


async def _collect(element: GetDigits, key: Digit | None, keys: Digits, call: Call) -> str:
    """Keys until the finish key, the number of digits or the pause that ends them."""
    collected = ""
    while key is not None:
        shown = key.key if element.log else "?"
        call.note(DigitReceived(shown, key.duration_ms, key.via))
        if key.key == element.finish_on_key:
            break
        if key.key not in element.valid_digits:
            await _invalid(element, shown, call)
            return ""
        collected += key.key
        if len(collected) == element.num_digits:
            break
        key = await _next(keys, element.digit_timeout)
    return collected


async def _invalid(element: GetDigits, shown: str, call: Call) -> None:
    """What was entered is thrown away, the sound for it played, the attempt used up."""
    call.note(Noted(f"{shown} is not one of validDigits: what was entered is thrown away", level="info"))
    if element.invalid_digits_sound:
        track = await prompts.played(element.invalid_digits_sound, 1, call)
        if track is not None:
            await call.play("invalid digit", [track])
