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
ROUND_S = 0.6
SETTLE_S = 0.3
_PORTS = (20000, 65534)
_LINE_LIMIT = 2**22


@dataclass(frozen=True, slots=True)
class Round:
    """The engine's turn and the floor's turns around it."""

    engine_us: float
    """CPU time per leg and tick, everything that the process does."""
    floor_us: float
    asking_us: float
    """What it would cost the floor to ask epoll who is readable; it is not part of the floor."""

    @property
    def ratio(self) -> float:
        return self.engine_us / self.floor_us


@dataclass(frozen=True, slots=True)
class MediaResult:
    """What the benchmark found."""

    legs: int
    rooms: bool
    rounds: tuple[Round, ...]
    phases_us: dict[str, float]
    """Per leg and tick, by step of the tick."""
    memory_kb_per_leg: float
    gaps: tuple[int, ...]
    ticks_skipped: int
    packets_lost_percent: float
    misses_percent: float
    """Of a leg's ticks: in how many it was read in vain."""

    def middle(self, name: str) -> float:
        """The median over the rounds of one of their figures."""
        return float(statistics.median(getattr(turn, name) for turn in self.rounds))

    def within_ms(self) -> dict[str, float]:
        """Which part of the ticks, in percent, began so close to 20 ms after the one before."""
        total = sum(self.gaps) or 1
        return {
            str(limit): round(100 * sum(self.gaps[: int(limit * 4)]) / total, 2) for limit in (0.25, 0.5, 0.75, 1.0, 2.0, 5.0)
        }

    def as_json(self) -> dict[str, object]:
        return {
            "legs": self.legs,
            "rooms": self.rooms,
            "ratio": round(self.middle("ratio"), 3),
            "ratios": [round(turn.ratio, 3) for turn in self.rounds],
            "us_per_leg_tick": round(self.middle("engine_us"), 3),
            "floor_us_per_leg_tick": round(self.middle("floor_us"), 3),
            "epoll_us_per_leg_tick": round(self.middle("asking_us"), 3),
            "phases_us_per_leg_tick": {name: round(us, 3) for name, us in self.phases_us.items()},
            "misses_percent": round(self.misses_percent, 2),
            "memory_kb_per_leg": round(self.memory_kb_per_leg, 1),
            "ticks_within_ms": self.within_ms(),
            "ticks_skipped": self.ticks_skipped,
            "packets_lost_percent": round(self.packets_lost_percent, 3),
        }


async def measure(legs: int, seconds: float, *, rooms: bool) -> MediaResult:
    """Run the engine and the floor in turns against the same peer process.

    Args:
        legs: plain legs, PCMU both ways, each playing a clip.
        seconds: about how long.
        rooms: put the legs into rooms of two, so that each also hears another.
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
        channels = _open(media, engine_group, folder, rooms=rooms)
        await _say(peer, {"connect": 0, "ports": [channel.port for channel in channels]})
        bench = _Bench(media, peer, floor, legs)
        return await bench.run(channels, seconds, before, rooms=rooms)


class _Bench:
    def __init__(self, media: Media, peer: Process, floor: Process, legs: int) -> None:
        self._media, self._peer, self._floor, self._legs = media, peer, floor, legs
        self._turns: list[tuple[Figures, Figures]] = []

    async def run(self, channels: list[Channel], seconds: float, before: Figures, *, rooms: bool) -> MediaResult:
        await self._engine_turn()  # the first one warms up
        self._turns.clear()
        first = [await channel.statistics() for channel in channels[:50]]
        floors, engines = [await self._floor_turn()], []
        for _ in range(max(3, round(seconds / (2 * ROUND_S + 2 * SETTLE_S)))):
            engines.append(await self._engine_turn())
            floors.append(await self._floor_turn())
        rounds = []
        for i, engine_us in enumerate(engines):
            floor_us, asking_us = ((a + b) / 2 for a, b in zip(floors[i], floors[i + 1], strict=True))
            rounds.append(Round(engine_us, floor_us, asking_us))
        last = [await channel.statistics() for channel in channels[:50]]
        lost = sum(b.packets_lost - a.packets_lost for a, b in zip(first, last, strict=True))
        received = sum(b.packets_received - a.packets_received for a, b in zip(first, last, strict=True))
        after = self._turns[-1][1]
        return MediaResult(
            self._legs,
            rooms,
            tuple(rounds),
            {name: statistics.median(_phase(turn, name) for turn in self._turns) for name in after.phases_ns},
            (after.rss_bytes - before.rss_bytes) / 1024 / self._legs,
            tuple(sum(b.gaps[i] - a.gaps[i] for a, b in self._turns) for i in range(len(after.gaps))),
            sum(b.ticks_skipped - a.ticks_skipped for a, b in self._turns),
            100 * lost / max(1, lost + received),
            statistics.median(100 * (b.misses - a.misses) / (b.leg_ticks - a.leg_ticks) for a, b in self._turns),
        )

    async def _engine_turn(self) -> float:
        """CPU time of the engine process, µs per leg and tick."""
        os.kill(self._media.engine_pid, signal.SIGCONT)
        await _say(self._peer, {"serve": 0})
        await asyncio.sleep(SETTLE_S)
        before = await self._media.figures()
        await asyncio.sleep(ROUND_S)
        after = await self._media.figures()
        await _say(self._peer, {"serve": None})
        self._turns.append((before, after))
        return (after.cpu_ns - before.cpu_ns) / (after.leg_ticks - before.leg_ticks) / 1000

    async def _floor_turn(self) -> tuple[float, float]:
        """CPU time of the floor's two loops, and of asking epoll, µs per leg and tick."""
        os.kill(self._media.engine_pid, signal.SIGSTOP)
        try:
            await _say(self._peer, {"serve": 1})
            await _say(self._floor, ROUND_S + SETTLE_S)
            found = await _hear(self._floor)
            await _say(self._peer, {"serve": None})
        finally:
            os.kill(self._media.engine_pid, signal.SIGCONT)
        per_read = found["reading_ns"] / max(1, found["read"])
        return (found["sending_ns"] / found["sent"] + per_read) / 1000, found["asking_ns"] / found["sent"] / 1000


def _phase(turn: tuple[Figures, Figures], name: str) -> float:
    before, after = turn
    return (after.phases_ns[name] - before.phases_ns[name]) / (after.leg_ticks - before.leg_ticks) / 1000


def _open(media: Media, ports: list[int], folder: Path, *, rooms: bool) -> list[Channel]:
    clips = [_clip(folder / f"{number}.pcm", 200 + 37 * number) for number in range(CLIPS)]
    channels = []
    for number, port in enumerate(ports):
        channel = media.open()
        channel.play(Playlist((Track((clips[number % CLIPS],), times=0),)))
        if rooms:
            channel.join(number // 2)
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
