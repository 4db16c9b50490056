"""Calls that the API places: who answered is found out before their document, or beside it (``callbacks.md`` 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offhook import causes
from offhook.calls.answering.judge import Tuning, Verdict
from offhook.calls.answering.listening import judged
from offhook.calls.call import Call, CallOver
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import AnswererJudged


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What whoever places a call wants to know about who answers it."""

    hangup: bool = False
    """A call that a machine answers is over."""
    tuning: Tuning = field(default_factory=Tuning)
    url: str | None = None
    """Who is told; the document does not wait then. ``None``: it waits, and its request says it."""
    method: str = "POST"


async def before_the_document(call: Call, detection: Detection) -> Mapping[str, str]:
    """Find out while nothing else happens; the far end hears silence.

    Returns:
        What the answer request says of it.

    Raises:
        CallOver: a machine was to be hung up on.
        LegGone: nobody is there any more.
    """
    verdict = await _judged(call, detection)
    if verdict.machine and detection.hangup:
        raise CallOver(hung_up_on(verdict))
    return verdict.parameters


async def beside_the_document(call: Call, detection: Detection) -> None:
    """Find out while the document runs, tell the URL, and hang up on a machine where that is wanted."""
    try:
        verdict = await _judged(call, detection)
    except LegGone:
        return  # the leg says so itself
    told = {**verdict.parameters, "IfMachine": "hangup" if detection.hangup else "continue", "Event": "MachineDetection"}
    await call.notify("machine-detection", detection.url or "", detection.method, told)
    if verdict.machine and detection.hangup:
        call.hang_up(hung_up_on(verdict))


def hung_up_on(verdict: Verdict) -> Ending:
    """The end of a call or a leg that a machine has answered."""
    return causes.MACHINE.because(f"a machine answered: {verdict.why} after {verdict.after_ms} ms")


async def _judged(call: Call, detection: Detection) -> Verdict:
    verdict = await judged(call.leg, detection.tuning)
    call.note(AnswererJudged(verdict.machine, verdict.why, verdict.after_ms))
    if verdict.machine:
        call.say_always(verdict.parameters)
    return verdict
