"""``DTMF``: press keys towards the far end (reference ``xml.md`` section 6)."""

from __future__ import annotations

import asyncio
import contextlib
import re

from offhook.audio import DIGITS
from offhook.calls.call import Call, Next
from offhook.errors import LegGone
from offhook.events import DigitsSent
from offhook.xml import DTMF

TONE_MS = 200
GAP_MS = 100
_TONE_LENGTH = re.compile(r"@(\d{1,5})\s*$")


def about(element: DTMF) -> str:
    """The keys."""
    return element.digits


async def run(element: DTMF, call: Call) -> Next | None:
    """Answer and send; with ``async`` the next element starts at once, and the document's end waits for the last key."""
    keys, tone_ms, skipped = read(element.digits)
    if skipped:
        call.warn(f"DTMF: {skipped!r} cannot be sent and is skipped; allowed are 0-9 * # A-D, w and W")
    if not await call.ready_for_audio() or not keys:
        return None
    if element.async_:
        call.beside(_send_meanwhile(keys, tone_ms, call), name="DTMF")
        await asyncio.sleep(0)  # it has begun when the next element does: keys leave in the order of their elements
    else:
        await _send(keys, tone_ms, call)
    return None


async def _send_meanwhile(keys: str, tone_ms: int, call: Call) -> None:
    with contextlib.suppress(LegGone):
        await _send(keys, tone_ms, call)


async def _send(keys: str, tone_ms: int, call: Call) -> None:
    await call.leg.send_digits(keys, tone_ms=tone_ms, gap_ms=GAP_MS)
    call.note(DigitsSent(keys, "leg"))


def read(text: str) -> tuple[str, int, str]:
    """Split the element's text.

    Returns:
        The keys and pauses that can be sent, the tone's length in ms, and the characters that were skipped.
    """
    tone_ms = TONE_MS
    length = _TONE_LENGTH.search(text)
    if length is not None:
        tone_ms = min(max(int(length[1]), 50), 10_000)
        text = text[: length.start()]
    text = "".join(text.split())
    keys = "".join(each.upper() if each in "abcd" else each for each in text if each in DIGITS + "abcdwW")
    return keys, tone_ms, "".join(each for each in text if each not in DIGITS + "abcdwW")
