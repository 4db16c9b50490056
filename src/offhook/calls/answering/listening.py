"""A leg and a judge: what is heard goes to the one, until it knows who has answered."""

from __future__ import annotations

import asyncio

from offhook.audio import BeepPattern
from offhook.calls.answering.judge import PAUSE_MS, START_MS, Judge, Tuning, Verdict
from offhook.calls.ports import AnyLeg
from offhook.errors import LegGone
from offhook.tasks import first

EVERY_MS = 100
"""How often the judge is told the time: so late may a verdict be that time brings about."""
STUCK_S = 90.0
"""The time of the sound may fall back so far behind ours: a busy machine, an engine that had to be started again. Then nobody
waits any longer."""


async def judged(leg: AnyLeg, tuning: Tuning) -> Verdict:
    """Listen until it is known who has answered: at most ``tuning.time_ms`` of sound. The leg hears nothing of it.

    Raises:
        LegGone: the leg was freed meanwhile. That its far end has left is for the caller of this to notice.
    """
    judge = Judge(tuning)
    verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
    how = await first(_listen(leg, judge, verdict), leg.heard_beep(BeepPattern()), asyncio.sleep(tuning.time_ms / 1000 + STUCK_S))
    if how == 0:
        return verdict.result()
    return judge.beep() if how == 1 else judge.out_of_time()


async def _listen(leg: AnyLeg, judge: Judge, verdict: asyncio.Future[Verdict]) -> None:
    with leg.voice(start_ms=START_MS, stop_ms=PAUSE_MS, every_ms=EVERY_MS) as voice:
        async for heard in voice:
            found = judge.hear(heard)
            if found is not None:
                verdict.set_result(found)
                return
    raise LegGone("the leg has ended")
