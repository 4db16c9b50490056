"""The media engine is killed in the middle of many calls: another takes over, and no call notices more than a gap."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack

import numpy as np
import pytest

from offhook.legs import OutgoingLeg
from offhook.testing.live import Customer, NodeProcess, Reply, a_phone, document, tone_wav

pytestmark = pytest.mark.load
GAP_MS = 500
"""How long nothing may be heard. Concealment fills 60 ms of it."""
BETWEEN_S = 6.0
"""Three deaths within ten seconds would be more than an accident."""
FRAME_MS = 20


async def _longest_gap_ms(leg: OutgoingLeg, until: asyncio.Event) -> int:
    """The longest silence that this phone hears."""
    longest = silent = 0
    async with leg.tap() as frames:
        async for frame in frames:
            silent = 0 if np.abs(np.frombuffer(frame, np.int16)).max() > 500 else silent + 1
            longest = max(longest, silent)
            if until.is_set():
                break
    return longest * FRAME_MS


async def _killed_once(node: NodeProcess, legs: list[OutgoingLeg]) -> list[int]:
    """Kill the engine; the gap that each phone hears, ms."""
    over = asyncio.Event()
    listening = [asyncio.ensure_future(_longest_gap_ms(leg, over)) for leg in legs]
    await asyncio.sleep(0.5)
    ports, pid = node.bound_rtp_ports(), node.engine_pid
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(2)
    over.set()
    gaps = list(await asyncio.gather(*listening))
    assert node.engine_pid != pid
    assert node.bound_rtp_ports() == ports
    assert not any(leg.gone for leg in legs)
    return gaps


def test_a_killed_engine_is_a_short_gap_in_every_call_and_the_end_of_none(
    node: NodeProcess, customer: Customer, *, full: bool
) -> None:
    calls, kills = (200, 20) if full else (20, 1)
    customer.says("/tone.wav", Reply(tone_wav((500, 5.0)), content_type="audio/wav"))
    customer.says("/answer", document('<Play loop="0">/tone.wav</Play>'))

    async def story() -> list[int]:
        worst = []
        async with a_phone() as phone, AsyncExitStack() as opened:
            legs = []
            for _ in range(calls):
                leg = await opened.enter_async_context(phone.dial(node.uri()))
                await leg.wait_answered()
                legs.append(leg)
            await asyncio.sleep(1)
            for number in range(kills):
                began = time.monotonic()
                gaps = await _killed_once(node, legs)
                worst.append(max(gaps))
                print(f"kill {number + 1}: gaps {min(gaps)} to {max(gaps)} ms", file=sys.stderr)
                await asyncio.sleep(max(0.0, BETWEEN_S - (time.monotonic() - began)))
        return worst

    worst = asyncio.run(story())
    assert max(worst) <= GAP_MS
    customer.wait_for("/hangup", count=calls, timeout_s=30)
    records = node.records()
    assert Counter(each["CallUUID"] for each in customer.requests("/hangup")) == Counter(each.call_uuid for each in records)
    assert len(records) == calls
    assert {(each.hangup_cause_code, each.hangup_source) for each in records} == {(4000, "Caller")}
    node.await_free_ports()
