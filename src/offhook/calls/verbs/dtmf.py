"""``DTMF``: press keys towards the far end (reference ``xml.md`` section 6)."""

from __future__ import annotations

import asyncio
import contextlib

from offhook.calls import keys
from offhook.calls.call import Call, Next
from offhook.calls.keys import Row
from offhook.errors import LegGone
from offhook.events import DigitsSent
from offhook.xml import DTMF


def about(element: DTMF) -> str:
    """The keys."""
    return element.digits


async def run(element: DTMF, call: Call) -> Next | None:
    """Answer and send; with ``async`` the next element starts at once, and the document's end waits for the last key."""
    row = keys.read(element.digits)
    if row.skipped:
        call.warn(f"DTMF: {row.skipped!r} cannot be sent and is skipped; allowed are 0-9 * # A-D, w and W")
    if not await call.ready_for_audio() or not row.keys:
        return None
    if element.async_:
        call.beside(_send_meanwhile(row, call), name="DTMF")
        await asyncio.sleep(0)  # it has begun when the next element does: keys leave in the order of their elements
    else:
        await _send(row, call)
    return None


async def _send_meanwhile(row: Row, call: Call) -> None:
    with contextlib.suppress(LegGone):
        await _send(row, call)


async def _send(row: Row, call: Call) -> None:
    await keys.press(call.leg, row)
    call.note(DigitsSent(row.keys, "leg"))
