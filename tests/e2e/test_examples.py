"""The examples do what their first lines say: each runs as a program, and a phone calls it through a node.

Those that connect calls are in ``test_dial_examples.py``.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.legs import NotAnswered
from offhook.testing.live import NodeProcess, a_phone, call

EXAMPLES = Path(__file__).parents[2] / "examples"
Start = Callable[..., int]


def _routed(node: NodeProcess, number: str, port: int, path: str = "/answer") -> str:
    url = f"http://127.0.0.1:{port}"
    return node.route(number, url + path, hangup_url=f"{url}/none")


def _ended(node: NodeProcess, number: str) -> tuple[int, str]:
    """How the call to a number ended, by its record."""
    record = node.record_of(number)
    return record.hangup_cause_code, record.hangup_source


def test_the_pin_is_asked_for_until_it_is_right(node: NodeProcess, start: Start, tmp_path: Path) -> None:
    target = _routed(node, "15551000001", start("pin"))
    ending = call(target, keys="WWW12#WWW4711#", limit_s=30)
    assert not isinstance(ending, NotAnswered)
    assert (tmp_path / "pin.log").read_text().splitlines() == ["PIN wrong", "PIN right"]
    assert _ended(node, "15551000001") == (4000, "Answer XML")


def test_three_wrong_pins_are_enough(node: NodeProcess, start: Start, tmp_path: Path) -> None:
    target = _routed(node, "15551000002", start("pin"))
    call(target, keys="W1#W2#W3#W4711#", limit_s=30)
    assert (tmp_path / "pin.log").read_text().splitlines() == ["PIN wrong"] * 3


def test_the_announcement_is_heard_before_an_answer_that_never_comes(node: NodeProcess, start: Start) -> None:
    target = _routed(node, "15551000003", start("announcement"), "/")

    async def story() -> float:
        loudest = -127.0
        async with a_phone() as phone, phone.dial(target) as leg, asyncio.timeout(20):
            await leg.early_media.wait()
            async with leg.meter(100) as levels:
                async for level_dbov in levels:
                    loudest = max(loudest, level_dbov)
                    if loudest > -30:
                        break
            with pytest.raises(NotAnswered) as refused:
                await leg.wait_answered()
            assert refused.value.status == 486
        return loudest

    assert asyncio.run(story()) > -30
    assert _ended(node, "15551000003") == (3010, "Answer XML")


def test_a_caller_is_on_hold_until_somebody_is_free(node: NodeProcess, start: Start) -> None:
    port = start("hold", "--round", "1")
    target = _routed(node, "15551000006", port)

    async def story() -> None:
        async with a_phone() as phone, phone.dial(target) as leg, asyncio.timeout(30):
            await leg.wait_answered()
            await asyncio.sleep(4)
            request = urllib.request.Request(f"http://127.0.0.1:{port}/free", method="POST")
            await asyncio.to_thread(urllib.request.urlopen, request)
            await leg.ended()

    asyncio.run(story())
    assert _ended(node, "15551000006") == (4000, "Answer XML")
    rows = node.timeline(node.record_of("15551000006").call_uuid)
    assert any(row.facts.get("what") == "hold music" for row in rows)


def test_the_demo_shows_a_whole_call(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "offhook", "demo", "--out", str(tmp_path)],
        cwd=EXAMPLES.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in (
        "call-arrived",
        "GetDigits",
        "Digits=1",
        "4000 Normal Hangup",
        "sound for",
        "heard.wav",
        "offhook call sip:",
    ):
        assert expected in done.stdout
    assert (tmp_path / "heard.wav").stat().st_size > 50_000
