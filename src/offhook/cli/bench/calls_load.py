"""The load of ``offhook bench calls``: a node, a web server and a caller, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.store import Store

DOCUMENT = b'<Response><PreAnswer/><DTMF async="false">w</DTMF><Hangup/></Response>'
"""Answers, waits half a second, hangs up: the least that a call can be with an audio path of its own."""
START_S = 20.0
SETTLE_S = 2.0


class BenchFailed(OffhookError):
    """A part of the benchmark did not start or did not answer."""


@dataclass
class CallsResult:
    """What was measured."""

    calls: int
    rate: float
    failed: int
    records: int
    hangups: int
    switch_cpu_ms: float
    media_cpu_ms: float
    setups_ms: list[float] = field(repr=False)
    parts_ms: dict[str, float] = field(default_factory=dict)
    """The switch's CPU time a call by part: the shares of a second run, in which it was interrupted and looked at."""

    def setup_ms(self, quantile: float) -> float:
        """INVITE to 200, ms."""
        ordered = sorted(self.setups_ms)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else float("nan")

    def as_json(self) -> dict[str, Any]:
        """The figures by name."""
        return {
            "calls": self.calls,
            "rate": self.rate,
            "failed": self.failed,
            "records": self.records,
            "hangups": self.hangups,
            "setup_median_ms": round(self.setup_ms(0.5), 2),
            "setup_p99_ms": round(self.setup_ms(0.99), 2),
            "switch_cpu_ms_per_call": round(self.switch_cpu_ms, 3),
            "media_cpu_ms_per_call": round(self.media_cpu_ms, 3),
            "switch_cpu_ms_per_call_by_part": {name: round(ms, 3) for name, ms in self.parts_ms.items()},
        }


async def measure(calls: int, rate: float) -> CallsResult:
    """Run the load; a tenth of it beforehand, so that everything is warm.

    Raises:
        BenchFailed: a part did not start.
    """
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        async with python("offhook.cli.bench.calls_customer") as customer:
            web = f"http://127.0.0.1:{await _word(customer, 'port')}"
            async with a_node(folder, web) as node:
                sip = await ready(node)
                await _load(sip, max(10, calls // 10), rate)
                await asyncio.sleep(SETTLE_S)
                before = _cpu_ms(node.pid), _children_cpu_ms(node.pid)
                told = await _hangups(customer)
                reply = await _load(sip, calls, rate)
                await asyncio.sleep(SETTLE_S)
                after = _cpu_ms(node.pid), _children_cpu_ms(node.pid)
                hangups = await _hangups(customer) - told
        records = await _records(Path(folder)) - max(10, calls // 10)
    switch_cpu_ms = (after[0] - before[0]) / calls
    shares = await _shares(calls, rate)
    return CallsResult(
        calls=calls,
        rate=rate,
        failed=reply["failed"],
        records=records,
        hangups=hangups,
        switch_cpu_ms=switch_cpu_ms,
        media_cpu_ms=(after[1] - before[1]) / calls,
        setups_ms=reply["setups_ms"],
        parts_ms={name: share * switch_cpu_ms for name, share in shares.items()},
    )


async def _shares(calls: int, rate: float) -> dict[str, float]:
    """What the switch spends its CPU time on, the largest first, as shares of 1."""
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        found = Path(folder) / "parts.json"
        async with python("offhook.cli.bench.calls_customer") as customer:
            web = f"http://127.0.0.1:{await _word(customer, 'port')}"
            async with a_node(folder, web, "offhook.cli.bench.calls_sampled", str(found)) as node:
                sip = await ready(node)
                await _load(sip, max(10, calls // 10), rate)
                node.send_signal(signal.SIGUSR2)
                await _load(sip, calls, rate)
                node.send_signal(signal.SIGUSR2)
                await asyncio.sleep(SETTLE_S)
        counts: dict[str, int] = msgspec.json.decode(found.read_bytes())
    total = max(1, sum(counts.values()))
    return {name: count / total for name, count in sorted(counts.items(), key=lambda pair: -pair[1])}


@asynccontextmanager
async def python(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A module as a process of its own, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        limit=1 << 24,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def a_node(
    folder: str, web: str, module: str = "offhook", *more: str
) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    flags = ["--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", folder, "--log-level", "error"]
    return python(module, *more, "serve", "--dev", *flags, "--answer-url", f"{web}/answer", "--hangup-url", f"{web}/hangup")


async def _word(process: asyncio.subprocess.Process, name: str) -> str:
    """The rest of the line that begins with a word."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            async for line in process.stdout:
                head, _, rest = line.decode().strip().partition(" ")
                if head.rstrip(":") == name:
                    return rest
    except TimeoutError:
        pass
    raise BenchFailed(f"no {name!r} from a part of the benchmark within {START_S:g} s")


async def ready(node: asyncio.subprocess.Process) -> str:
    """Where the node's SIP is."""
    return (await _word(node, "ready")).split()[1]


async def _load(sip: str, calls: int, rate: float) -> dict[str, Any]:
    async with python("offhook.cli.bench.calls_caller", sip, str(calls), str(rate)) as caller:
        assert caller.stdout is not None
        reply: dict[str, Any] = msgspec.json.decode(await caller.stdout.readline())
        return reply


async def _hangups(customer: asyncio.subprocess.Process) -> int:
    """How many calls the customer heard the end of; one that is told twice counts as two."""
    assert customer.stdin is not None
    customer.stdin.write(b"?\n")
    return int(await _word(customer, "hangups"))


async def _records(folder: Path) -> int:
    store = await Store.open(folder / "offhook.db", clock=Clock())
    try:
        account, _ = await store.ensure_account(None, None)
        return len(await store.records(account.auth_id, limit=1_000_000))
    finally:
        await store.aclose()


def _cpu_ms(pid: int) -> float:
    """CPU time of a process so far, ms, by the system's account."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _children_cpu_ms(pid: int) -> float:
    """CPU time of the media engine, the one child that works during a call."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"offhook.media.engine" in Path(f"/proc/{child}/cmdline").read_bytes():
            return _cpu_ms(int(child))
    return 0.0
