"""The examples do what their first lines say: each runs as a program, and a phone calls it through a node."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offhook.legs import NotAnswered
from offhook.testing.live import NodeProcess, a_phone, call, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an example; returns its port."""
    running: list[subprocess.Popen[bytes]] = []

    def run(name: str, *arguments: str) -> int:
        port = free_port()
        with (tmp_path / f"{name}.log").open("wb") as log:
            command = [sys.executable, str(EXAMPLES / name / "app.py"), "--port", str(port), *arguments]
            running.append(subprocess.Popen(command, stdout=log, stderr=log))
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.05)
        raise AssertionError((tmp_path / f"{name}.log").read_text())

    yield run
    for each in running:
        each.terminate()
        each.wait(5)


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


@pytest.mark.parametrize(
    ("number", "options", "status", "code"),
    [
        ("15551000004", ["--open", "0", "--close", "0"], 486, 3010),
        ("15551000014", ["--open", "0", "--close", "24", "--block", "14155550100"], 603, 3020),
    ],
    ids=["at night", "blocked"],
)
def test_who_calls_at_the_wrong_time_or_is_unwelcome_is_refused(
    number: str, options: list[str], status: int, code: int, node: NodeProcess, start: Start
) -> None:
    refused = call(_routed(node, number, start("after-hours", *options)))
    assert isinstance(refused, NotAnswered)
    assert refused.status == status
    assert _ended(node, number) == (code, "Answer XML")


def test_who_calls_in_time_is_spoken_to(node: NodeProcess, start: Start) -> None:
    ending = call(_routed(node, "15551000005", start("after-hours", "--open", "0", "--close", "24")))
    assert not isinstance(ending, NotAnswered)
    assert _ended(node, "15551000005") == (4010, "Plivo")


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
