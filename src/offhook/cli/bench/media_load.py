"""Measures the media engine against the floor, in turns, in one run."""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import signal
import statistics
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook.audio import RATE_HZ, Clip, Playlist, Track
from offhook.clock import Clock
from offhook.media import Channel, Figures, Media, RtpPeer

CLIPS = 20
CLIP_S = 10
TURN_S = 0.6
SETTLE_S = 0.3
_PORTS = (20000, 65534)
_LINE_LIMIT = 2**22


@dataclass(frozen=True, slots=True)
class Turn:
    """The engine's turn, and the floor's before and after it. CPU time in µs per leg and tick."""

    engine_us: float
    """Everything that the process does."""
    floor_us: float
    asking_us: float
    """What it would cost the floor to ask epoll who is readable; it is not part of the floor."""
    phases_us: dict[str, float]
    """By step of the tick."""

    @property
    def ratio(self) -> float:
        return self.engine_us / self.floor_us


@dataclass(frozen=True, slots=True)
class MediaResult:
    """What the benchmark found."""

    legs: int
    plain: tuple[Turn, ...]
    bridged: tuple[Turn, ...]
    memory_kb_per_leg: float
    gaps: tuple[int, ...]
    ticks_skipped: int
    packets_lost_percent: float

    def within_ms(self) -> dict[str, float]:
        """Which part of the ticks, in percent, began so close to 20 ms after the one before."""
        total = sum(self.gaps) or 1
        return {
            str(limit): round(100 * sum(self.gaps[: int(limit * 4)]) / total, 2) for limit in (0.25, 0.5, 0.75, 1.0, 2.0, 5.0)
        }

    def as_json(self) -> dict[str, object]:
        return {
            "legs": self.legs,
            "ratio": round(median(self.plain, "ratio"), 3),
            "ratios": [round(turn.ratio, 3) for turn in self.plain],
            "us_per_leg_tick": round(median(self.plain, "engine_us"), 3),
            "phases_us_per_leg_tick": {name: round(us, 3) for name, us in phases(self.plain).items()},
            "bridged_ratio": round(median(self.bridged, "ratio"), 3),
            "bridged_us_per_leg_tick": round(median(self.bridged, "engine_us"), 3),
            "floor_us_per_leg_tick": round(median(self.plain + self.bridged, "floor_us"), 3),
            "epoll_us_per_leg_tick": round(median(self.plain + self.bridged, "asking_us"), 3),
            "memory_kb_per_leg": round(self.memory_kb_per_leg, 1),
            "ticks_within_ms": self.within_ms(),
            "ticks_skipped": self.ticks_skipped,
            "packets_lost_percent": round(self.packets_lost_percent, 3),
        }


def median(turns: tuple[Turn, ...], name: str) -> float:
    """The median over some turns of one of their figures."""
    return float(statistics.median(getattr(turn, name) for turn in turns))


def phases(turns: tuple[Turn, ...]) -> dict[str, float]:
    """The medians of the steps of the tick."""
    return {name: statistics.median(turn.phases_us[name] for turn in turns) for name in turns[0].phases_us}


async def measure(legs: int, seconds: float) -> MediaResult:
    """Run the engine and the floor in turns against the same peer process.

    Args:
        legs: how many, PCMU both ways, each playing a clip; in every second turn they are also bridged in pairs.
        seconds: about how long.
    """
    async with AsyncExitStack() as stack:
        cores = sorted(os.sched_getaffinity(0))
        stack.callback(os.sched_setaffinity, 0, cores)
        os.sched_setaffinity(0, cores[1:2] or cores)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offhook-bench-")))
        peer = await stack.enter_async_context(_script("media_peer.py", legs))
        engine_group, floor_group = await _hear(peer)
        floor = await stack.enter_async_context(_script("media_floor.py", legs))
        await _say(floor, floor_group)
        await _say(peer, {"connect": 1, "ports": await _hear(floor)})
        media = await stack.enter_async_context(Media(ports=_PORTS, host="127.0.0.1", clock=Clock()))
        for pid in (media.engine_pid, floor.pid):
            os.sched_setaffinity(pid, cores[:1])
        before = await media.figures()
        channels = _open(media, engine_group, folder)
        await _say(peer, {"connect": 0, "ports": [channel.port for channel in channels]})
        return await _Bench(media, peer, floor, channels).run(seconds, before)


class _Bench:
    def __init__(self, media: Media, peer: Process, floor: Process, channels: list[Channel]) -> None:
        self._media, self._peer, self._floor, self._channels = media, peer, floor, channels
        self._figures: list[tuple[Figures, Figures]] = []

    async def run(self, seconds: float, before: Figures) -> MediaResult:
        await self._engine_turn(bridged=False)  # the first one warms up
        self._figures.clear()
        first = await self._loss()
        plain: list[Turn] = []
        bridged: list[Turn] = []
        floor = await self._floor_turn()
        for number in range(max(6, round(seconds / (2 * TURN_S + 2 * SETTLE_S)))):
            engine_us, phases_us = await self._engine_turn(bridged=number % 2 == 1)
            after = await self._floor_turn()
            floor_us, asking_us = ((a + b) / 2 for a, b in zip(floor, after, strict=True))
            (bridged if number % 2 else plain).append(Turn(engine_us, floor_us, asking_us, phases_us))
            floor = after
        lost, received = (b - a for a, b in zip(first, await self._loss(), strict=True))
        return MediaResult(
            len(self._channels),
            tuple(plain),
            tuple(bridged),
            (self._figures[-1][1].rss_bytes - before.rss_bytes) / 1024 / len(self._channels),
            tuple(sum(ends) - sum(begins) for begins, ends in zip(*self._gaps(), strict=True)),
            sum(end.ticks_skipped - begin.ticks_skipped for begin, end in self._figures),
            100 * lost / max(1, lost + received),
        )

    def _gaps(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """By bin: the counts at the beginnings of all turns, and at their ends."""
        begins, ends = ([figures.gaps for figures in side] for side in zip(*self._figures, strict=True))
        return list(zip(*begins, strict=True)), list(zip(*ends, strict=True))

    async def _loss(self) -> tuple[int, int]:
        """Packets lost and received so far, of some of the legs."""
        found = [await channel.statistics() for channel in self._channels[:50]]
        return sum(each.packets_lost for each in found), sum(each.packets_received for each in found)

    async def _engine_turn(self, *, bridged: bool) -> tuple[float, dict[str, float]]:
        """CPU time of the engine process, and of the steps of its tick."""
        for number, channel in enumerate(self._channels):
            channel.join(number // 2 if bridged else None)
        await _say(self._peer, {"serve": 0})
        await asyncio.sleep(SETTLE_S)
        before = await self._media.figures()
        await asyncio.sleep(TURN_S)
        after = await self._media.figures()
        await _say(self._peer, {"serve": None})
        self._figures.append((before, after))
        # The median of the ticks: whatever else the machine did meanwhile hits some of them hard, here as in the floor's turn.
        ticks = min(after.ticks - before.ticks, len(after.latest_ns))
        engine_us = statistics.median(after.latest_ns[-ticks:]) / len(self._channels) / 1000
        leg_ticks = after.leg_ticks - before.leg_ticks
        return engine_us, {name: (ns - before.phases_ns[name]) / leg_ticks / 1000 for name, ns in after.phases_ns.items()}

    async def _floor_turn(self) -> tuple[float, float]:
        """CPU time of the floor's two loops, and of asking epoll. The engine stands still meanwhile."""
        os.kill(self._media.engine_pid, signal.SIGSTOP)
        try:
            await _say(self._peer, {"serve": 1})
            await _say(self._floor, TURN_S + SETTLE_S)
            found = await _hear(self._floor)
            await _say(self._peer, {"serve": None})
        finally:
            os.kill(self._media.engine_pid, signal.SIGCONT)
        return found["floor_us"], found["asking_us"]


def _open(media: Media, ports: list[int], folder: Path) -> list[Channel]:
    clips = [_clip(folder / f"{number}.pcm", 200 + 37 * number) for number in range(CLIPS)]
    channels = []
    for number, port in enumerate(ports):
        channel = media.open()
        channel.play(Playlist((Track((clips[number % CLIPS],), times=0),)))
        channel.connect(RtpPeer("127.0.0.1", port, 0, "PCMU", 101))
        channels.append(channel)
    return channels


def _clip(path: Path, frequency_hz: float) -> Clip:
    """A hum whose strength changes, so that its samples are not always the same few."""
    angles = (2 * math.pi * i / RATE_HZ for i in range(CLIP_S * RATE_HZ))
    path.write_bytes(array.array("h", (int(9000 * math.sin(frequency_hz * a) * math.sin(a)) for a in angles)).tobytes())
    return Clip(str(path))


@asynccontextmanager
async def _script(name: str, legs: int) -> AsyncIterator[Process]:
    """Run a script that stands beside this file: it loads nothing of ours, so that it costs what it does itself."""
    script = str(Path(__file__).with_name(name))
    process = await asyncio.create_subprocess_exec(sys.executable, script, str(legs), stdin=PIPE, stdout=PIPE, limit=_LINE_LIMIT)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _say(process: Process, message: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    await process.stdin.drain()


async def _hear(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await process.stdout.readline())
