"""What has waited in a socket while the engine could not run is a delay only until it is read."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from pathlib import Path

from offhook.cli.bench.bridge_lines import Line
from offhook.media import RtpPeer

LONGEST_MS = 300


def _engine() -> int:
    """The engine's process: a child of this one."""
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if b"offhook.media.engine" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("there is no engine")


def test_after_a_stall_of_a_second_the_delay_is_that_of_playout_again(bench) -> None:
    async def story() -> list[float]:
        async with bench() as b:
            lines = Line(0.0), Line(0.007)
            channels = [b.media.open(), b.media.open()]
            room = channels[0].next_number()
            for channel, line, other in zip(channels, lines, reversed(lines), strict=True):
                line.other = other
                channel.connect(RtpPeer("127.0.0.1", line.port, 0, "PCMU", None))
                channel.join(room)
                line.begin(channel.port, asyncio.get_running_loop().time())

            async def talk(seconds: float) -> None:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    for line in lines:
                        line.send_due(asyncio.get_running_loop().time())
                    await asyncio.sleep(0.004)

            engine = _engine()
            await talk(1.0)
            os.kill(engine, signal.SIGSTOP)
            try:
                await talk(1.0)
            finally:
                os.kill(engine, signal.SIGCONT)
            for _ in range(5):  # on a machine that is too busy the engine stalls by itself now and then
                await talk(1.0)
                for line in lines:
                    line.count_anew()
                await talk(1.5)
                found = [median(line.delays) for line in lines]
                if max(found) <= LONGEST_MS:
                    break
            for channel, line in zip(channels, lines, strict=True):
                line.close()
                await channel.aclose()
            return found

    # The longest playout is 200 ms. Before its socket was read to the end, such a leg stayed half a second behind for minutes.
    delays = asyncio.run(story())
    assert max(delays) <= LONGEST_MS, delays


def median(counts: list[int]) -> float:
    """Of delays that are counted in steps of 0.25 ms, ms."""
    every = [step / 4 for step, count in enumerate(counts) for _ in range(count)]
    return statistics.median(every)
