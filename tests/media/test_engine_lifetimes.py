"""Peers that move, hold, fall mute; legs, engines and machines that end or stop: over real sockets on the loopback interface."""

import asyncio
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from offhook.audio import PlaybackEnd, Playlist, Tone, Track
from offhook.errors import LegGone, NoMediaPort
from offhook.media import RtpPeer
from offhook.media.engine.reception import MUTE_TICKS
from offhook.media.ports import QUARANTINE_S

SOUND = bytes([0x20]) * 160
"""A frame of mu-law that is far from silence."""


def tone(frequency: float, ms: int, times: int = 1) -> Playlist:
    return Playlist((Track((Tone((frequency,), ms),), times),))


def wave_of(frequency: float, ms: int, level: float = 8000.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(8 * ms) / 8000)).astype(np.int16)


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def until(condition: object, limit_s: float = 2.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - what is waited for is the kernel's
            await asyncio.sleep(0.005)


def test_a_peer_behind_a_nat_is_found_and_strangers_are_not_heard_after_it(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, real = b.leg(connected=False)
            _, unused = b.leg()
            channel.connect(RtpPeer("127.0.0.1", unused.port, 0, "PCMU", 101))  # what the SDP said
            await real.talk(channel.port, SOUND * 10)
            before = len(real.packets)
            await until(lambda: len(real.packets) > before)
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with stranger, channel.listen() as digits:
                header = struct.pack("!BBHII", 0x80, 101, 1, 1, 1)
                for _ in range(10):
                    stranger.sendto(header + struct.pack("!BBH", 9, 10, 160), ("127.0.0.1", channel.port))
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await digits.get()

    asyncio.run(scenario())


def test_another_host_is_believed_only_after_several_packets_in_a_row(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg(connected=False)
            channel.connect(RtpPeer("127.0.0.2", 9, 0, "PCMU", 101))
            peer.packets.clear()
            await peer.talk(channel.port, SOUND * 4)
            await asyncio.sleep(0.05)
            assert peer.packets == []
            await peer.talk(channel.port, SOUND * 4)
            await until(lambda: len(peer.packets) > 3)

    asyncio.run(scenario())


def test_a_peer_that_moves_is_followed_when_it_says_so(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, first = b.leg()
            _, second = b.leg()
            await first.talk(channel.port, SOUND * 5)
            second.packets.clear()
            channel.connect(RtpPeer("127.0.0.1", second.port, 0, "PCMU", 101))
            await second.talk(channel.port, SOUND * 10)
            await until(lambda: len(second.packets) > 5)
            await asyncio.sleep(0.1)
            before = (await channel.statistics()).packets_received
            await first.talk(channel.port, SOUND * 5)
            await asyncio.sleep(0.1)
            assert (await channel.statistics()).packets_received == before

    asyncio.run(scenario())


def test_on_hold_nothing_is_sent_and_nothing_heard(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            await peer.talk(channel.port, SOUND * 10)
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, send=False, receive=False))
            await asyncio.sleep(0.05)
            peer.packets.clear()
            received = (await channel.statistics()).packets_received
            await peer.talk(channel.port, SOUND * 10)
            assert peer.packets == []
            assert (await channel.statistics()).packets_received == received
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101))
            await until(lambda: len(peer.packets) > 3)
            assert peer.packets[0][1]  # a marker: a talkspurt begins

    asyncio.run(scenario())


def test_closing_a_leg_ends_everything_that_waits_on_it(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            playback = channel.play(tone(400, 1000, times=0))
            waiting = [asyncio.create_task(channel.heard_silence(60_000)), asyncio.create_task(channel.send_digits("WWWW"))]
            with channel.listen() as digits:
                await asyncio.sleep(0.05)
                await channel.aclose()
                await channel.aclose()
                assert (await playback.wait()).why is PlaybackEnd.GONE
                for task in waiting:
                    with pytest.raises(LegGone):
                        await task
                with pytest.raises(LegGone):
                    await digits.get()
            assert (await channel.play(tone(400, 10)).wait()).why is PlaybackEnd.GONE
            with pytest.raises(LegGone):
                await channel.statistics()

    asyncio.run(scenario())


def test_nothing_is_left_of_500_legs(bench) -> None:
    async def scenario() -> None:
        async with bench(2000, 3999) as b:
            channel, _ = b.leg()
            await channel.statistics()

            def in_use() -> tuple[int, int, int]:
                gc.collect()
                return open_files(b.media.engine_pid), open_files(os.getpid()), b.media.free_ports

            before = in_use()
            for _ in range(10):
                channels = [b.media.open() for _ in range(50)]
                for number, each in enumerate(channels):
                    each.connect(RtpPeer("127.0.0.1", channels[number ^ 1].port, 0, "PCMU", 101))
                    each.play(tone(440, 1000, times=0))
                    each.join(number // 2)
                await asyncio.sleep(0.1)
                for each in channels[::2] + channels[1::2]:
                    await each.aclose()
            assert b.media.channels == 1
            assert (await b.media.figures()).legs == 1
            assert in_use() == before
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())


def test_when_all_ports_are_lent_out_it_says_so_and_a_port_comes_back(bench) -> None:
    async def scenario() -> None:
        async with bench(15200, 15203) as b:
            one, _ = b.leg()
            b.leg()
            with pytest.raises(NoMediaPort):
                b.media.open()
            await one.aclose()
            await asyncio.sleep(QUARANTINE_S + 0.05)
            assert b.media.open().port == one.port

    asyncio.run(scenario())


def test_an_engine_that_dies_is_replaced_and_the_legs_go_on(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            playback = channel.play(tone(1000.0, 1500))
            waiting = asyncio.create_task(channel.heard_silence(300))
            await peer.talk(channel.port, mulaw(wave_of(300, 300)))
            os.kill(b.media.engine_pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
            peer.packets.clear()
            await peer.talk(channel.port, mulaw(wave_of(300, 300)))
            await until(lambda: len(peer.packets) > 10)
            assert peer.heard()[-160:].any()
            assert (await playback.wait()).why is PlaybackEnd.FINISHED
            await waiting

    asyncio.run(scenario())


def test_after_a_sleep_of_the_machine_the_sound_goes_on(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.play(tone(1000.0, 100, times=0))
            await peer.talk(channel.port, mulaw(wave_of(300, 100)))
            os.kill(b.media.engine_pid, signal.SIGSTOP)
            await peer.talk(channel.port, mulaw(wave_of(300, 500)))
            os.kill(b.media.engine_pid, signal.SIGCONT)
            peer.packets.clear()
            await asyncio.sleep(0.2)
            assert len(peer.packets) < 16  # no burst
            async with channel.meter(100) as meter:
                await peer.talk(channel.port, mulaw(wave_of(300, 300)))
                levels = [await anext(meter) for _ in range(2)]
            assert max(levels) > -20
            assert (await b.media.figures()).ticks_skipped > 15

    asyncio.run(scenario())


def test_the_engine_ends_with_its_switch(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            b.leg()
            pid = b.media.engine_pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    asyncio.run(scenario())


def test_a_peer_that_has_fallen_mute_is_noticed_but_not_while_it_holds(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            lost = asyncio.create_task(channel.heard_nothing(1000))
            await peer.talk(channel.port, SOUND * 80)
            assert not lost.done()
            begun = time.monotonic()
            await lost
            assert 0.8 < time.monotonic() - begun < 1.7
            again = asyncio.create_task(channel.heard_nothing(500))
            await asyncio.sleep(0.05)
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, receive=False))
            await asyncio.sleep(1.2)
            assert not again.done()
            again.cancel()

    asyncio.run(scenario())


def test_a_peer_that_comes_back_from_another_address_after_a_silence_is_found_again(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, first = b.leg()
            _, second = b.leg()
            async with channel.tap() as heard:
                await first.talk(channel.port, SOUND * 10)
                await second.talk(channel.port, SOUND * 10)  # the kernel drops it: the peer is known
                statistics = await channel.statistics()
                assert statistics.packets_received == 10
                await asyncio.sleep(MUTE_TICKS / 50 + 1.5)
                second.packets.clear()
                await second.talk(channel.port, SOUND * 30)
                await until(lambda: len(second.packets) > 10)
                assert (await channel.statistics()).packets_received > 30
                loud = [
                    frame
                    for frame in [await anext(heard) for _ in range(heard.waiting)]
                    if frame[40:42] == frame[80:82] != b"\0\0"
                ]
                assert len(loud) > 25

    asyncio.run(scenario())


def test_legs_beyond_the_file_descriptors_are_refused_and_the_others_go_on() -> None:
    program = """
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
from offhook.clock import Clock
from offhook.errors import NoDescriptor
from offhook.media import Media

async def run():
    async with Media(ports=(4000, 4999), host="127.0.0.1", clock=Clock()) as media:
        channels = [media.open() for _ in range(media.capacity)]
        try:
            media.open()
        except NoDescriptor as error:
            print(error)
        print((await media.figures()).legs, len(channels) == media.channels == media.capacity > 0)
        await channels.pop().aclose()
        channels.append(media.open())
        print((await channels[-1].statistics()).packets_sent)

asyncio.run(run())
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "no file descriptor is left for another call, the limit is 100; raise it (ulimit -n, LimitNOFILE)",
        "0 True",
        "0",
    ]
