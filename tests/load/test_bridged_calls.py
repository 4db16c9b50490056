"""Many bridged calls at once: every frame arrives, nothing is left behind, and each lasts as long as its records say.

100 calls of ten minutes with ``OFFHOOK_LOAD=full`` (``OFFHOOK_BRIDGED_S`` says otherwise), else 10 of a few seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter

import pytest

from offhook.cli.bench.bridge_lines import Talk
from offhook.cli.bench.bridge_load import BridgeResult, a_switchboard, bridge, document
from offhook.testing.live import Customer, NodeProcess, Reply

pytestmark = pytest.mark.load
TRANSACTION_S = 35
"""After so long no transaction is left (RFC 3261: 64 * T1)."""
DELAY_BUDGET_MS = 80.0


def _talk(node: NodeProcess, customer: Customer, calls: int, seconds: float) -> BridgeResult:
    async def story() -> BridgeResult:
        async with a_switchboard(calls) as (stack, talks):
            customer.says("/answer", lambda seen: Reply(document(seen["To"], stack.port)))
            return await bridge(stack, talks, f"127.0.0.1:{node.sip_port}", seconds=seconds)

    return asyncio.run(story())


def _accounted_for(node: NodeProcess, customer: Customer, talks: list[Talk], earlier: set[str]) -> set[str]:
    """Two records for each talk, of the right length to a second, and one hangup request.

    A call that a busy machine refused may have a record too, and was tried again.

    Returns:
        The calls that there have been until now.
    """
    for _ in range(300):
        records = [each for each in node.records() if each.call_uuid not in earlier]
        talked = [each for each in records if each.answer_time is not None]
        a_legs = {each.call_uuid: each for each in records if each.parent_call_uuid is None}
        told = [each["CallUUID"] for each in customer.requests("/hangup") if each["CallUUID"] not in earlier]
        if len(talked) >= 2 * len(talks) and len(told) >= len(a_legs):
            break
        time.sleep(0.2)
    assert sorted(told) == sorted(a_legs)
    lasted = {talk.number: talk.over_at - talk.answered_at for talk in talks}
    numbers = Counter(a_legs[each.parent_call_uuid or each.call_uuid].to_number for each in talked)
    assert numbers == dict.fromkeys(lasted, 2)
    for each in talked:
        wanted = lasted[a_legs[each.parent_call_uuid or each.call_uuid].to_number]
        assert abs(each.duration_s - wanted) <= 1.5, (each, wanted)  # whole seconds, rounded down
        assert each.hangup_cause == "NORMAL_CLEARING"
    return {each.call_uuid for each in node.records()}


def _measured(node: NodeProcess) -> tuple[int, int]:
    """Packets that came to the node, and those that were lost on the way to it, as it says itself."""
    rows = [row.facts for each in node.records() for row in node.timeline(each.call_uuid) if row.kind == "media-measured"]
    return sum(int(str(each["packets_received"])) for each in rows), sum(int(str(each["packets_lost"])) for each in rows)


def test_many_bridged_calls_lose_nothing_and_leave_nothing(node: NodeProcess, customer: Customer, *, full: bool) -> None:
    calls, seconds = (100, float(os.environ.get("OFFHOOK_BRIDGED_S", "600"))) if full else (10, 8.0)
    warm = _talk(node, customer, calls, 2.0)
    assert warm.failed == []
    earlier = _accounted_for(node, customer, warm.talks, set())
    time.sleep(TRANSACTION_S if full else 1)
    before = node.holdings()
    result = _talk(node, customer, calls, seconds)
    assert result.failed == []
    _accounted_for(node, customer, result.talks, earlier)
    after = node.settle(before, timeout_s=60)
    received, lost = _measured(node)
    print(f"{result.as_json()}; {received} packets came, {lost} lost; before {before}, after {after}", file=sys.stderr)
    sent, heard, twice = result.frames
    assert twice == 0
    # A socket that begins to listen drops what was queued before its peer was known: at most a packet or two of a leg.
    assert lost <= 4 * calls
    # Playout that becomes shorter fades two frames into one, and on a machine that is too busy the phones themselves send late.
    assert heard >= 0.98 * sent
    assert result.delay_ms(0.5) <= DELAY_BUDGET_MS
    assert after.rtp_sockets == 0
    assert after.processes == before.processes
    assert after.rss_kb - before.rss_kb < 12_000
