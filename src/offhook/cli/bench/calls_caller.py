"""The caller of ``offhook bench calls``: INVITEs at a steady rate, on our own SIP stack; its audio goes nowhere."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.legs import Local, offer_answer
from offhook.sip import Answered, Ended, NameAddr, Stack, Uri

LIMIT_S = 15.0


async def _call(stack: Stack, target: str, setups_ms: list[float], sdp: bytes) -> bool:
    """One call; whether it was answered and ended by the other side."""
    now = time.perf_counter  # the loop's own time stands still within a turn
    began = now()
    invite = stack.invite(target, caller=NameAddr(Uri("bench.invalid", "bench")), body=sdp)
    answered = False
    try:
        async with asyncio.timeout(LIMIT_S):
            async for event in invite:
                if isinstance(event, Answered):
                    setups_ms.append((now() - began) * 1000)
                    answered = True
                elif isinstance(event, Ended):
                    return answered
    except TimeoutError:
        invite.bye()
    return False


async def _main(sip: str, calls: int, rate: float) -> None:
    stack = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda invite: invite.refuse(486))
    await stack.start()
    sdp = offer_answer.offer(Local("127.0.0.1", 9, 1)).to_bytes()  # port 9 discards
    setups_ms: list[float] = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    running = []
    for number in range(calls):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        running.append(asyncio.ensure_future(_call(stack, f"sip:100@{sip}", setups_ms, sdp)))
    good = await asyncio.gather(*running)
    await stack.aclose()
    print(json.dumps({"failed": good.count(False), "setups_ms": setups_ms}), flush=True)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
