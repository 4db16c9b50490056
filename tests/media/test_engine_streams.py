"""Taps, injected sound, seats, gains, pauses: over a real engine."""

import asyncio
from typing import Any

import numpy as np
import pytest

from offhook.audio import PlaybackEnd, Playlist, Silence, Tone, Track
from offhook.errors import LegGone, MediaBusy
from offhook.media import wire


def tone(frequency_hz: float, duration_ms: int, level: int = 8000) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency_hz / 8000 * np.arange(duration_ms * 8))).astype(np.int16)


def strength(samples: np.ndarray, frequency_hz: float) -> float:
    """The amplitude of one frequency."""
    wave = np.exp(-2j * np.pi * frequency_hz / 8000 * np.arange(samples.size))
    return float(2 * abs((samples * wave).mean())) if samples.size else 0.0


async def until(condition: Any, timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - it is the peer's socket that changes it
            await asyncio.sleep(0.01)


def test_a_tap_gives_every_frame_of_what_comes_and_of_what_goes(bench: Any, mulaw: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            async with channel.tap() as received, channel.tap("sent") as sent:
                channel.play(Playlist((Track((Tone((500.0,), 400),)),)))
                await peer.talk(channel.port, mulaw(tone(1000, 400)))
                await until(lambda: received.waiting >= 30)
                for tap, frequency in ((received, 1000), (sent, 500)):
                    frames = [await anext(tap) for _ in range(30)]
                    assert {len(frame) for frame in frames} == {320}
                    sound = np.frombuffer(b"".join(frames), np.int16)
                    loud = np.flatnonzero(np.abs(sound) > 500)
                    assert 3000 < loud[-1] - loud[0] < 3900  # a missing frame fades out
                    assert strength(sound[loud[0] + 200 : loud[0] + 2200], frequency) > 1000
            assert {len(frame) async for frame in received} <= {320}
            await asyncio.sleep(0.1)
            assert received.waiting == 0

    asyncio.run(story())


def test_a_tap_that_nobody_reads_loses_the_oldest_and_ends_with_its_leg(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            tap = channel.tap()
            for number in range(2003):
                tap.put(number.to_bytes(2, "big"))
            assert tap.lost == 3
            assert int.from_bytes(await anext(tap), "big") >= 3
            await channel.aclose()
            left = [frame async for frame in tap]
            assert left
            with pytest.raises(StopAsyncIteration):
                await anext(channel.tap())

    asyncio.run(story())


def test_injected_sound_is_heard_in_order_and_its_marks_come_when_it_was(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            injection = channel.injection
            injection.write(tone(600, 205).tobytes())
            first = injection.mark()
            injection.write(tone(900, 300).tobytes())
            assert 450 < injection.waiting_ms <= 505
            assert await first is True
            assert strength(peer.heard()[-1600:], 600) > 2000
            assert await injection.mark() is True
            assert injection.waiting_ms == 0
            await until(lambda: strength(peer.heard()[-800:], 900) < 100)
            sound = peer.heard()
            loud = np.flatnonzero(np.abs(sound.astype(int)) > 1000)
            assert loud[-1] - loud[0] == pytest.approx(505 * 8, abs=40)
            with pytest.raises(ValueError, match="no whole number"):
                injection.write(b"abc")

    asyncio.run(story())


def test_what_is_cleared_is_silent_at_once_and_its_marks_are_told_so(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            injection = channel.injection
            injection.write(tone(600, 20_000).tobytes())
            mark = injection.mark()
            await until(lambda: strength(peer.heard()[-800:], 600) > 2000)
            await injection.clear()
            assert await mark is False
            before = len(peer.packets)
            await until(lambda: len(peer.packets) > before + 12)
            assert not peer.heard()[-800:].any()
            injection.write(tone(900, 200).tobytes())
            assert await injection.mark() is True
            await channel.aclose()
            assert await injection.mark() is False
            with pytest.raises(LegGone):
                injection.write(b"ab")

    asyncio.run(story())


def test_injected_sound_goes_beside_what_is_played(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.play(Playlist((Track((Tone((500.0,), 1000, -20),)),)))
            channel.injection.write(tone(900, 1000, 3000).tobytes())
            await until(lambda: min(strength(peer.heard()[-1600:], f) for f in (500, 900)) > 500)

    asyncio.run(story())


def test_a_playback_pauses_seeks_and_says_where_it_is(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            playback = channel.play(Playlist((Track((Tone((500.0,), 3000), Tone((900.0,), 30_000))),)))
            await until(lambda: strength(peer.heard()[-800:], 500) > 1000)
            playback.pause()
            await until(lambda: not peer.heard()[-800:].any())
            there = playback.position_ms
            await asyncio.sleep(0.1)
            assert playback.paused
            assert playback.position_ms == there
            playback.resume()
            await until(lambda: strength(peer.heard()[-800:], 500) > 1000)
            playback.skip(4000)
            await until(lambda: strength(peer.heard()[-800:], 900) > 1000)
            playback.seek(0)
            await until(lambda: strength(peer.heard()[-800:], 500) > 1000)
            playback.seek(60_000)
            ended = await playback.wait()
            assert (ended.why, ended.played_ms) == (PlaybackEnd.FINISHED, 60_000)

    asyncio.run(story())


def test_a_gain_makes_what_is_sent_and_what_others_hear_louder_or_softer(bench: Any, mulaw: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            (channel, peer), (other, its_peer) = b.leg(), b.leg()
            channel.play(Playlist((Track((Tone((500.0,), 60_000, -20),)),)))
            await until(lambda: strength(peer.heard()[-800:], 500) > 1000)
            usual = strength(peer.heard()[-800:], 500)
            channel.gain(sent_db=-12, received_db=-20)
            await until(lambda: strength(peer.heard()[-800:], 500) == pytest.approx(usual / 4, rel=0.1))
            for each in (channel, other):
                each.join(5)
            await peer.talk(channel.port, mulaw(tone(1000, 600)))
            assert strength(its_peer.heard()[-3200:-1600], 1000) == pytest.approx(800, rel=0.15)
            with pytest.raises(ValueError, match="between -60 and 30"):
                channel.gain(sent_db=40)

    asyncio.run(story())


def test_a_seat_plays_into_its_room_and_is_played_again_by_a_new_engine(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            (one, his), (two, hers) = b.leg(), b.leg()
            seat = b.media.open_seat()
            free = b.media.free_ports
            for channel in (one, two, seat):
                channel.join(9)
            two.route(seat, False)
            seat.play(Playlist((Track((Tone((700.0,), 1000),), 0),)))
            tap = seat.tap("sent")
            await until(lambda: strength(his.heard()[-800:], 700) > 1000)
            assert strength(hers.heard()[-800:], 700) < 50
            one.play(Playlist((Track((Silence(1000),), 0),)))
            b.media._engine._process.kill()
            await asyncio.sleep(0.3)
            his.packets.clear()
            hers.packets.clear()
            await until(lambda: strength(his.heard()[-800:], 700) > 1000)
            assert strength(hers.heard()[-800:], 700) < 50
            await until(lambda: tap.waiting > 10)
            await seat.aclose()
            assert b.media.free_ports == free
            await until(lambda: not his.heard()[-800:].any())

    asyncio.run(story())


def test_while_the_engine_is_busy_no_leg_is_opened_and_running_ones_go_on(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            b.leg()
            b.media._hear([wire.Busy(busy=True)])
            with pytest.raises(MediaBusy, match="running calls go first"):
                b.media.open()
            b.media._hear([wire.Busy(busy=False)])
            b.leg()

    asyncio.run(story())
