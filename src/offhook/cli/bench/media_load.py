"""Measures the media engine against the floor, in turns, in one run."""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from offhook.audio import RATE_HZ, Clip, Playlist, Track
from offhook.cli.bench.media_cases import Case, CaseResult, Gaps, Round, two_sided
from offhook.clock import Clock
from offhook.media import Channel, Figures, Media, RtpPeer

CLIPS = 20
CLIP_S = 10
SLICES = 20
"""Of the 20 ms, in which the peer sends the packets of its legs."""
TURN_S = 1.5
SETTLE_S = 0.5
"""After a turn of the other: until streams flow again, and what was late is forgotten."""
WARM_UP_S = 6.0
"""Until the playout delays have settled: streams begin anew after each turn of the floor."""
FEWEST_ROUNDS = 3
WATCHED = 500
"""Legs at most whose packets are timed one by one."""
PRESSED = 50
"""Legs whose keys are pressed in one go, within a second."""
KEY_OVER_S = 0.4
"""Until the last packet of the last key has gone, and what it did has come back."""
_PORTS = (10000, 32766)
"""Under those that the system gives to others (from 32768 on)."""
_LINE_LIMIT = 2**22
_TYPES = {"PCMU": 0, "PCMA": 8}


async def measure(case: Case, seconds: float, presses: int, *, together: bool = False) -> CaseResult:
    """Run the engine and the floor in turns against the same peer process.

    Args:
        case: what to measure.
        seconds: about how long: two thirds for the costs, one for the pacing; keys come on top.
        presses: how many keys.
        together: whether the peer sends the packets of all legs at once, instead of spread over the 20 ms.
    """
    async with AsyncExitStack() as stack:
        cores = sorted(os.sched_getaffinity(0))
        stack.callback(os.sched_setaffinity, 0, cores)
        os.sched_setaffinity(0, cores[1:2] or cores)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offhook-bench-")))
        types = ",".join(str(_TYPES[case.codec(number)]) for number in range(2))
        peer = await stack.enter_async_context(_script("media_peer.py", str(case.legs), types, str(1 if together else SLICES)))
        (engine_group, floor_group), reports_port = await _hear(peer)
        floor = await stack.enter_async_context(_script("media_floor.py", str(case.legs)))
        await _say(floor, floor_group)
        await _say(peer, {"connect": 1, "ports": await _hear(floor)})
        media = await stack.enter_async_context(Media(ports=_PORTS, host="127.0.0.1", clock=Clock()))
        for pid in (media.engine_pid, floor.pid):
            os.sched_setaffinity(pid, cores[:1])
        bench = _Bench(case, media, peer, floor, folder, reports_port)
        before = await bench.open(engine_group)
        return await bench.run(seconds, presses, before)


class _Bench:
    def __init__(self, case: Case, media: Media, peer: Process, floor: Process, folder: Path, reports_port: int) -> None:
        self._case, self._media, self._peer, self._floor, self._folder = case, media, peer, floor, folder
        self._reports_port = reports_port
        self._channels: list[Channel] = []
        self._playlists: list[Playlist] = []
        self._turn_s = TURN_S

    async def open(self, ports: list[int]) -> Figures:
        """Open all legs. Returns the figures from before all but the first few, for whom the engine has loaded what it needs."""
        clips = [_clip(self._folder / f"{number}.pcm", 200 + 37 * number) for number in range(CLIPS)]
        self._playlists = [Playlist((Track((clip,), times=0),)) for clip in clips]
        few = min(2 * CLIPS, len(ports) // 2)
        for number in range(few):
            await self._open_one(number, ports[number])
        await asyncio.sleep(SETTLE_S)
        before = await self._media.figures()
        for number in range(few, len(ports)):
            await self._open_one(number, ports[number])
        await _say(self._peer, {"connect": 0, "ports": [channel.port for channel in self._channels]})
        await self._media.figures()  # the answer comes when all of them are open
        await asyncio.sleep(SETTLE_S)
        return before

    async def _open_one(self, number: int, port: int) -> None:
        codec = self._case.codec(number)
        channel = self._media.open()
        channel.play(self._playlists[number % CLIPS])
        channel.connect(RtpPeer("127.0.0.1", port, _TYPES[codec], codec, 101, rtcp_port=self._reports_port))
        room = self._case.room(number)
        if room is not None:
            channel.join(room)
        if self._case.scenario == "recording":
            await channel.record(self._folder / f"{number}.wav", what="received")
        self._channels.append(channel)

    async def run(self, seconds: float, presses: int, before: Figures) -> CaseResult:
        self._turn_s = min(TURN_S, seconds)
        lost_before, own_before, all_before = await self._loss(), self._own_cpu_s(), _all_cpu_s()
        began, skipped = asyncio.get_running_loop().time(), 0
        await self._told()
        rounds: list[Round] = []
        floor = await self._floor_turn()
        for _ in range(max(FEWEST_ROUNDS, round(seconds * 2 / 3 / (2 * TURN_S + WARM_UP_S + SETTLE_S)))):
            first, last = await self._engine_turn(min(WARM_UP_S, seconds))
            after = await self._floor_turn()
            floor_us, asking_us = ((a + b) / 2 for a, b in zip(floor, after, strict=True))
            rounds.append(Round(_us_each(first, last), floor_us, asking_us, _phases_us(first, last)))
            skipped += last.ticks_skipped - first.ticks_skipped
            floor = after
        grown = (last.rss_bytes - before.rss_bytes) / 1024
        wire, ticks, more_skipped = await self._pacing(seconds / 3)
        keys_ms, unanswered, told = await self._keys(presses)
        lost, received = (b - a for a, b in zip(lost_before, await self._loss(), strict=True))
        took = asyncio.get_running_loop().time() - began
        others_s = (_all_cpu_s() - all_before) - (self._own_cpu_s() - own_before)
        return CaseResult(
            case=self._case,
            rounds=tuple(rounds),
            memory_kb_per_leg=grown / (len(self._channels) - min(2 * CLIPS, len(self._channels) // 2)),
            wire=wire,
            ticks=ticks,
            keys_ms=tuple(keys_ms),
            keys_unanswered=unanswered,
            ticks_skipped=skipped + more_skipped,
            packets_lost_percent=100 * lost / max(1, lost + received),
            peer_behind_percent=100 * told["left_out"] / max(1, told["left_out"] + told["served"]),
            others_percent=100 * max(0.0, others_s) / took,
        )

    async def _engine_turn(self, warm_up_s: float) -> tuple[Figures, Figures]:
        """The figures at the beginning and at the end."""
        await self._serve()
        await asyncio.sleep(warm_up_s)
        before = await self._media.figures()
        await asyncio.sleep(self._turn_s)
        after = await self._media.figures()
        await _say(self._peer, {"serve": None})
        return before, after

    async def _floor_turn(self) -> tuple[float, float]:
        """CPU time of the floor's two loops, and of asking epoll. The engine stands still meanwhile."""
        os.kill(self._media.engine_pid, signal.SIGSTOP)
        try:
            await _say(self._peer, {"serve": 1})
            await _say(self._floor, [SETTLE_S, self._turn_s])
            found = await _hear(self._floor)
            await _say(self._peer, {"serve": None})
        finally:
            os.kill(self._media.engine_pid, signal.SIGCONT)
        return found["floor_us"], found["asking_us"]

    async def _pacing(self, seconds: float) -> tuple[Gaps, Gaps, int]:
        """The gaps between the packets on the wire, those between the ticks, and how many ticks were left out."""
        await self._serve()
        await _say(self._peer, {"watch": _spread(len(self._channels), min(WATCHED, len(self._channels)))})
        await asyncio.sleep(2 * SETTLE_S)
        await self._told()
        before = await self._media.figures()
        await asyncio.sleep(seconds)
        wire, after = await self._told(), await self._media.figures()
        ticks = [end - begin for begin, end in zip(before.gaps, after.gaps, strict=True)]
        return Gaps(tuple(wire["gaps"])), two_sided(ticks), after.ticks_skipped - before.ticks_skipped

    async def _keys(self, presses: int) -> tuple[list[float], int, dict[str, Any]]:
        """Press keys on legs all over the engine, each in the middle of a prompt; the phones are quiet, so that what is heard is
        the prompt alone.

        Returns:
            From key to silence, ms; how many keys did not stop their prompt; what the peer told last.
        """
        delays_ms: list[float] = []
        unanswered, told = 0, await self._told()
        count = min(PRESSED, len(self._channels))
        for first in range(0, presses, count):
            some = _spread(len(self._channels), count, offset=first // count)[: presses - first]
            for leg in some:
                self._channels[leg].play(self._playlists[leg % CLIPS], stop_on_key=True)
            await self._serve(quiet=True)
            await _say(self._peer, {"watch": some})
            await asyncio.sleep(SETTLE_S)
            within_s = len(some) / PRESSED
            await _say(self._peer, {"press": some, "within_s": within_s})
            await asyncio.sleep(within_s + KEY_OVER_S)
            found = await self._told()
            told = {**found, **{name: told[name] + found[name] for name in ("left_out", "served")}}
            delays_ms += found["keys_ms"]
            unanswered += found["keys_unanswered"]
            for leg in some:
                self._channels[leg].play(self._playlists[leg % CLIPS])
        return delays_ms, unanswered, told

    async def _serve(self, *, quiet: bool = False) -> None:
        await _say(self._peer, {"serve": 0, "quiet": quiet})

    async def _told(self) -> dict[str, Any]:
        await _say(self._peer, {"tell": 1})
        found: dict[str, Any] = await _hear(self._peer)
        return found

    async def _loss(self) -> tuple[int, int]:
        """Packets lost and received so far, of some of the legs."""
        found = [await channel.statistics() for channel in self._channels[:50]]
        return sum(each.packets_lost for each in found), sum(each.packets_received for each in found)

    def _own_cpu_s(self) -> float:
        """CPU time so far of everything that belongs to the benchmark."""
        return sum(_cpu_s(pid) for pid in (os.getpid(), *_children(os.getpid())))


def _us_each(first: Figures, last: Figures) -> float:
    return (last.cpu_ns - first.cpu_ns) / (last.leg_ticks - first.leg_ticks) / 1000


def _phases_us(first: Figures, last: Figures) -> dict[str, float]:
    leg_ticks = last.leg_ticks - first.leg_ticks
    return {name: (ns - first.phases_ns[name]) / leg_ticks / 1000 for name, ns in last.phases_ns.items()}


def _spread(legs: int, count: int, offset: int = 0) -> list[int]:
    """So many of the legs, evenly spread over all of them; with another offset others."""
    return [(number * legs // count + offset * 7) % legs for number in range(count)]


def _clip(path: Path, frequency_hz: float) -> Clip:
    """A hum whose strength changes, so that its samples are not always the same few."""
    angles = (2 * math.pi * i / RATE_HZ for i in range(CLIP_S * RATE_HZ))
    path.write_bytes(array.array("h", (int(9000 * math.sin(frequency_hz * a) * math.sin(a)) for a in angles)).tobytes())
    return Clip(str(path))


def _children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _all_cpu_s() -> float:
    """CPU time of everything on this machine so far, what the host took away included (proc(5): all but idle and iowait)."""
    user, nice, system, _, _, irq, softirq, steal = (int(each) for each in Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def _script(name: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a script that stands beside this file: it loads nothing of ours, so that it costs what it does itself."""
    script = str(Path(__file__).with_name(name))
    process = await asyncio.create_subprocess_exec(sys.executable, script, *arguments, stdin=PIPE, stdout=PIPE, limit=_LINE_LIMIT)
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
