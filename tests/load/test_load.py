"""Many calls: all succeed, each leaves exactly one record and one hangup request, and nothing grows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.testing.live import Customer, NodeProcess, Reply, document, free_port, tone_wav

pytestmark = [pytest.mark.load, pytest.mark.interop]
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
        str(9_000 + os.getpid() % 1_000 * 4),
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
    calls, warm = (1000, 50) if full else (60, 20)
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
    # What grows with the calls themselves would be 1,000 times something; SQLite's page cache and malloc's arenas are not.
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
    time.sleep(1)
    before = node.holdings()
    took = _load(node, scenario, tmp_path / "sipp", calls=calls, at_once=calls, rate=100)
    _accounted_for(node, customer, 2 * calls)
    after = node.settle(before, timeout_s=25)
    print(f"{calls} calls at once in {took:.1f} s; before {before}, after {after}", file=sys.stderr)
    assert took < 2 * (6.0 if full else 3.0) + 5, "they did not run at the same time"
    assert after.rtp_sockets == 0
    assert after.rss_kb - before.rss_kb < 12_000
