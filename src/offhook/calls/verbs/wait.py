"""``Wait``: pause the document, with music or in silence, until time, silence or a beep (reference ``xml.md`` section 14)."""

from __future__ import annotations

import asyncio

from offhook.calls.call import Call, Next
from offhook.calls.verbs import prompts
from offhook.events import Noted
from offhook.tasks import first
from offhook.xml import Wait


def about(element: Wait) -> str:
    """How long, and what may end it early."""
    early = " or silence" if _waits_for_silence(element) else " or a beep" if _waits_for_beep(element) else ""
    return f"{element.length} s{early}"


async def run(element: Wait, call: Call) -> Next | None:
    """Unanswered, go on ringing for ``length`` seconds; answered, play hold music or nothing and listen for the early end."""
    if call.answered_at is None and not call.before_answer:
        call.leg.ring()
        await asyncio.sleep(element.length)
        return None
    if not await call.ready_for_audio():
        await asyncio.sleep(element.length)
        return None
    async with call.playing("hold music", [] if element.silence else await prompts.hold_music(call)):
        await _wait(element, call)
    return None


async def _wait(element: Wait, call: Call) -> None:
    if _waits_for_silence(element):
        early = call.leg.heard_silence(element.min_silence or 0)
        heard = "silence"
    elif _waits_for_beep(element) and element.beep is not None:
        early = call.leg.heard_beep(element.beep)
        heard = "a beep"
    else:
        await asyncio.sleep(element.length)
        return
    if await first(early, asyncio.sleep(element.length)) == 0:
        call.note(Noted(f"heard {heard}", level="info"))


def _waits_for_silence(element: Wait) -> bool:
    """Only in a silent wait, and only with a length of its own (section 14, Differences)."""
    return element.silence and element.min_silence is not None


def _waits_for_beep(element: Wait) -> bool:
    return element.beep is not None and not element.silence and element.min_silence is None
