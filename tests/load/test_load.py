"""Many calls: all succeed, each leaves exactly one record and one hangup request, and nothing grows."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.node import running
from offhook.settings import load
from offhook.testing.live import Customer, NodeProcess, Reply, document, free_port, tone_wav

pytestmark = [pytest.mark.load, pytest.mark.interop]
TRANSACTION_S = 35
"""After so long no transaction is left (RFC 3261: 64 * T1)."""
Scenario = Callable[[str], tuple[str, Path]]


def _load(node: NodeProcess, scenario: tuple[str, Path], folder: Path, *, calls: int, at_once: int, rate: int) -> float:
    """Make the calls; all must succeed. Returns how long it took, s."""
    program, file = scenario
    folder.mkdir(exist_ok=True)
    began = time.monotonic()
    command = [
        program,
        f"127.0.0.1:{node.sip_port}",
        "-sf",
        str(file),
        "-s",
        "14155550199",
        "-i",
        "127.0.0.1",
        "-p",
        str(free_port()),
    ]
    options = [
        "-m",
        str(calls),
        "-l",
        str(at_once),
        "-r",
        str(rate),
        "-mi",
        "127.0.0.1",
        "-nostdin",
        "-trace_err",
        "-mp",
        str(8_000 + os.getpid() % 200 * 4),
    ]
    limits = ["-timeout", "600", "-timeout_error", "-recv_timeout", "30000"]
    done = subprocess.run([*command, *options, *limits], cwd=folder, check=False, capture_output=True, text=True, timeout=700)
    errors = "".join(each.read_text() for each in folder.glob("*errors.log"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:] + errors[-3000:]
    return time.monotonic() - began


def _accounted_for(node: NodeProcess, customer: Customer, calls: int) -> None:
    """One record and one hangup request for each call, no more and no less."""
    customer.wait_for("/hangup", count=calls, timeout_s=30)
    records = node.records()
    assert len(records) == calls
    assert Counter(each["CallUUID"] for each in customer.requests("/hangup")) == Counter(each.call_uuid for each in records)
    assert Counter(each.path for each in customer.seen if each.path == "/answer")["/answer"] == calls
    assert {(each.hangup_cause_code, each.hangup_source) for each in records} == {(4000, "Answer XML")}


def test_calls_one_after_another_leave_nothing_behind(
    node: NodeProcess, customer: Customer, sipp_scenario: Scenario, tmp_path: Path, *, full: bool
) -> None:
    # Transactions live on for 32 s to answer repeats (RFC 3261 section 17): only after that does a node use what it will use.
    calls, warm = (1000, 500) if full else (60, 20)
    customer.says("/tone.wav", Reply(tone_wav((500, 0.1)), content_type="audio/wav"))
    customer.says("/answer", document("<Play>/tone.wav</Play><Hangup/>"))
    scenario = sipp_scenario("short.xml")
    _load(node, scenario, tmp_path / "warm", calls=warm, at_once=1, rate=50)
    _accounted_for(node, customer, warm)
    before = node.holdings()
    took = _load(node, scenario, tmp_path / "sipp", calls=calls, at_once=1, rate=50)
    _accounted_for(node, customer, warm + calls)
    after = node.settle(before)
    print(f"{calls} calls one after another in {took:.1f} s; before {before}, after {after}", file=sys.stderr)
    assert after.rtp_sockets == 0
    assert after.processes == before.processes
    assert after.rss_kb - before.rss_kb < 12_000


def test_calls_all_at_once_are_all_served_and_leave_nothing_behind(
    node: NodeProcess, customer: Customer, sipp_scenario: Scenario, tmp_path: Path, *, full: bool
) -> None:
    calls = 200 if full else 40
    customer.says("/tone.wav", Reply(tone_wav((500, 6.0 if full else 3.0)), content_type="audio/wav"))
    customer.says("/answer", document("<Play>/tone.wav</Play><Hangup/>"))
    scenario = sipp_scenario("short.xml")
    _load(node, scenario, tmp_path / "warm", calls=calls, at_once=calls, rate=100)
    _accounted_for(node, customer, calls)
    time.sleep(TRANSACTION_S if full else 1)
    before = node.holdings()
    took = _load(node, scenario, tmp_path / "sipp", calls=calls, at_once=calls, rate=100)
    _accounted_for(node, customer, 2 * calls)
    after = node.settle(before, timeout_s=25)
    print(f"{calls} calls at once in {took:.1f} s; before {before}, after {after}", file=sys.stderr)
    assert took < 2 * (6.0 if full else 3.0) + 5, "they did not run at the same time"
    assert after.rtp_sockets == 0
    assert after.rss_kb - before.rss_kb < 12_000


def test_no_task_dialog_or_transaction_outlives_its_call(
    customer: Customer, sipp_scenario: Scenario, tmp_path: Path, *, full: bool
) -> None:
    """A node in this process, so that its tasks can be counted."""
    customer.says("/tone.wav", Reply(tone_wav((500, 0.1)), content_type="audio/wav"))
    customer.says("/answer", document("<Play>/tone.wav</Play><Hangup/>"))
    options = {
        "data": str(tmp_path / "data"),
        "sip": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "rtp_ports": "5000-6998",
        "answer_url": customer.url("/answer"),
        "hangup_url": customer.url("/hangup"),
        "allow_private_urls": "true",
    }
    program, file = sipp_scenario("short.xml")

    async def story() -> None:
        async with running(load(environment={}, flags=options)) as node:
            before = asyncio.all_tasks()
            uri = f"127.0.0.1:{node.parts.stack.port}"
            command = [
                program,
                uri,
                "-sf",
                str(file),
                "-i",
                "127.0.0.1",
                "-p",
                str(free_port()),
                "-m",
                "30",
                "-r",
                "30",
                "-nostdin",
            ]
            media = ["-mi", "127.0.0.1", "-mp", str(8_800 + os.getpid() % 200 * 4)]
            silent = asyncio.subprocess.DEVNULL
            sipp = await asyncio.create_subprocess_exec(*command, *media, cwd=tmp_path, stdout=silent, stderr=silent)
            assert await sipp.wait() == 0
            for _ in range(100):
                if asyncio.all_tasks() <= before and not node.live_calls:
                    break
                await asyncio.sleep(0.1)
            assert asyncio.all_tasks() <= before
            assert (node.live_calls, node.parts.stack.dialogs, node.parts.media.channels) == (0, 0, 0)
            if full:
                await asyncio.sleep(TRANSACTION_S)
                assert node.parts.stack.transactions == 0

    asyncio.run(story())
