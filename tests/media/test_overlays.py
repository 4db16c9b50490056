"""Sound over what a leg hears anyway: as arrays, and over a real engine."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.audio import Clip, PlaybackEnd, PlaybackEnded, Playlist, Tone, Track
from offhook.media import wire
from offhook.media.engine.arena import Arena
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.overlays import Overlays
from offhook.media.engine.playing import Playing

ARENA = Arena()
UNDER, OVER, OTHER = 600.0, 1300.0, 2100.0
WINDOW = 1600
"""Samples: a fifth of a second."""


# --- as arrays ----------------------------------------------------------------------------------------------------------------


def clip(folder: Path, count: int, value: int) -> wire.ClipSound:
    path = folder / f"{count}-{value}.pcm"
    if not path.exists():
        path.write_bytes(np.full(count, value, np.int16).tobytes())
    return wire.ClipSound(str(path))


def place(legs: int) -> tuple[Legs, list[Leg], Overlays, list[wire.PlaybackOver]]:
    table, rows, told = Legs(), [Leg(number, None) for number in range(legs)], []  # type: ignore[arg-type,var-annotated]
    for leg in rows:
        table.admit(leg)
    return table, rows, Overlays(told.append), told


def begin(playback: int, *sounds: wire.Sound, times: int = 1, limit_ms: int | None = None, skip_ms: int = 0) -> Playing:
    return Playing.begin(wire.Play(0, playback, (wire.Track(sounds, times),), False, skip_ms, limit_ms=limit_ms), ARENA)


one = st.tuples(
    st.integers(0, 4), st.integers(1, 900), st.booleans(), st.sampled_from([100, 7000, 30000]), st.none() | st.integers(1, 80)
)
"""Whose, samples, mixed, which value, limit in ms."""


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(one, max_size=9), st.permutations(range(5)))
def test_each_leg_hears_exactly_what_is_over_it(tmp_path: Path, wanted: list[Any], leaving: list[int]) -> None:
    legs, rows, overlays, told = place(5)
    lasting: dict[int, int] = {}
    for number, (whose, samples, mix, value, limit_ms) in enumerate(wanted):
        overlays.add(rows[whose], begin(number, clip(tmp_path, samples, value), limit_ms=limit_ms), mix=mix)
        lasting[number] = samples if limit_ms is None else min(samples, limit_ms * 8)
    for tick in range(7):
        if tick == 3:
            overlays.close(rows[leaving[0]])
            legs.dismiss(rows[leaving[0]])  # the last leg moves into its row
        legs.out[: legs.count] = 1000
        overlays.mix(legs, ARENA)
        for leg in rows:
            if leg.slot < 0:
                continue
            mine = [(number, each) for number, each in enumerate(wanted) if rows[each[0]] is leg and lasting[number] > tick * 160]
            frame = np.full(160, 0 if any(not each[2] for _, each in mine) else 1000, np.int64)
            for number, (_, _, _, value, _) in mine:
                sound = np.zeros(160, np.int64)
                sound[: max(0, lasting[number] - tick * 160)] = value
                frame = np.clip(frame + sound, -32768, 32767)
            assert np.array_equal(legs.out[leg.slot], frame), (tick, leg.number)
    ends = {each.playback: (each.why, each.played_ms) for each in told}
    for number, (whose, *_) in enumerate(wanted):
        if whose == leaving[0] and lasting[number] > 480:
            assert ends[number] == (PlaybackEnd.GONE, 60)
        else:
            assert ends[number] == (PlaybackEnd.FINISHED, lasting[number] // 8)
    assert overlays.count == len(overlays.rows) == 0
    assert not any(extent.users for extent in ARENA._extents.values())


def test_a_limit_counts_over_repetitions_and_from_where_another_engine_was(tmp_path: Path) -> None:
    legs, (leg,), overlays, told = place(1)
    overlays.add(leg, begin(1, clip(tmp_path, 100, 5), times=0, limit_ms=90, skip_ms=40), mix=False)
    heard = 0
    for _ in range(5):
        legs.out[0] = 3
        overlays.mix(legs, ARENA)
        heard += int((legs.out[0] == 5).sum())
    assert heard == 400
    assert told == [wire.PlaybackOver(0, 1, PlaybackEnd.FINISHED, 90)]
    assert legs.out[0].tolist() == [3] * 160


def test_a_leg_that_is_away_misses_what_goes_by(tmp_path: Path) -> None:
    legs, (leg, _), overlays, _ = place(2)
    overlays.add(leg, begin(1, clip(tmp_path, 480, 5)), mix=True)
    legs.dismiss(leg)
    legs.out[:2] = 0
    overlays.mix(legs, ARENA)
    assert not legs.out[:2].any()
    legs.admit(leg)
    for left in (5, 5, 0):
        legs.out[:2] = 0
        overlays.mix(legs, ARENA)
        assert legs.out[:2].any(axis=1).tolist() == [False, left > 0]


# --- over a real engine -------------------------------------------------------------------------------------------------------


def tone(frequency: float, ms: int = 200, times: int = 0) -> Playlist:
    return Playlist((Track((Tone((frequency,), ms),), times),))


def strength(samples: np.ndarray, frequency: float) -> float:
    return float(2 * abs((samples * np.exp(-2j * np.pi * frequency / 8000 * np.arange(samples.size))).mean()))


async def hears(peer: Any, *frequencies: float, limit_s: float = 30) -> None:
    """Wait until just these are heard, for a whole window of which nothing came before."""
    wanted = [frequency in frequencies for frequency in (UNDER, OVER, OTHER)]
    found: list[bool] = []
    try:
        async with asyncio.timeout(limit_s):
            while found != wanted:
                begun = len(peer.heard())
                while len(peer.heard()) < begun + WINDOW:  # noqa: ASYNC110 - it is the peer's socket that changes it
                    await asyncio.sleep(0.02)
                window = peer.heard()[begun : begun + WINDOW]
                found = [strength(window, frequency) > 1500 for frequency in (UNDER, OVER, OTHER)]
    except TimeoutError:
        raise AssertionError(f"heard {found}, not {wanted}") from None


def test_it_is_mixed_or_alone_and_ends_without_a_trace(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            other, untouched = b.leg()
            under = channel.play(tone(UNDER))
            other.play(tone(UNDER))
            mixed = channel.play_over(tone(OVER), mix=True)
            await hears(peer, UNDER, OVER)
            alone = channel.play_over(tone(OTHER), mix=False)
            await hears(peer, OVER, OTHER)
            await hears(untouched, UNDER)
            mixed.stop()
            assert (await mixed.wait()).why is PlaybackEnd.STOPPED
            await hears(peer, OTHER)
            alone.stop()
            await hears(peer, UNDER)
            under.stop()
            await under.wait()
            await hears(peer)
            assert (await channel.play_over(tone(OVER), mix=True, limit_ms=70).wait()) == PlaybackEnded(PlaybackEnd.FINISHED, 70)
            gone = channel.play_over(tone(OVER), mix=True)
            await channel.aclose()
            assert (await gone.wait()).why is PlaybackEnd.GONE
            assert (await channel.play_over(tone(OVER), mix=True).wait()).why is PlaybackEnd.GONE

    asyncio.run(story())


def test_the_prompt_goes_on_in_time_underneath(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            over = channel.play_over(tone(OVER), mix=False)
            under = channel.play(Playlist((Track((Tone((UNDER,), 600), Tone((OTHER,), 60_000))),)), stop_on_key=True)
            await hears(peer, OVER)
            while under.position_ms < 900:  # noqa: ASYNC110 - it is the engine that plays it
                await asyncio.sleep(0.02)
            over.stop()
            await over.wait()
            await hears(peer, OTHER)
            channel.play_over(tone(OVER), mix=True)
            channel.pressed("5", 100, "info")
            assert (await under.wait()).why is PlaybackEnd.KEY
            await hears(peer, OVER)

    asyncio.run(story())


def test_it_is_heard_over_a_conversation_and_only_by_its_leg(bench: Any, mulaw: Any) -> None:
    voice = (8000 * np.sin(2 * np.pi * OTHER * np.arange(160) / 8000)).astype(np.int16)  # 42 whole waves: no seam

    async def story() -> None:
        async with bench() as b:
            (alice, at_alice), (bob, at_bob) = b.leg(), b.leg()
            alice.join(1)
            bob.join(1)

            async def speak() -> None:
                while True:
                    await asyncio.gather(
                        *(peer.talk(to.port, mulaw(voice) * 50) for peer, to in ((at_alice, alice), (at_bob, bob)))
                    )

            speaking = asyncio.create_task(speak())
            await hears(at_bob, OTHER)
            over = bob.play_over(tone(OVER), mix=True)
            await hears(at_bob, OVER, OTHER)
            await hears(at_alice, OTHER)
            over.stop()
            bob.play_over(tone(OVER), mix=False)
            await hears(at_bob, OVER)
            await hears(at_alice, OTHER)
            speaking.cancel()

    asyncio.run(story())


def test_it_survives_the_death_of_the_engine(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.play(tone(UNDER))
            mixed = channel.play_over(tone(OVER), mix=True)
            ending = channel.play_over(tone(OTHER, 300), mix=False, limit_ms=2500)
            stopped = channel.play_over(tone(OTHER), mix=True)
            await hears(peer, OVER, OTHER)
            dead = b.media.engine_pid
            os.kill(dead, signal.SIGSTOP)
            stopped.stop()
            os.kill(dead, signal.SIGKILL)
            assert (await stopped.wait()).why is PlaybackEnd.STOPPED
            peer.packets.clear()
            async with asyncio.timeout(60):
                assert await ending.wait() == PlaybackEnded(PlaybackEnd.FINISHED, 2500)
            await hears(peer, UNDER, OVER)
            mixed.stop()
            await hears(peer, UNDER)

    asyncio.run(story())


def test_what_was_sent_is_recorded_with_it(bench: Any, tmp_path: Path) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.play(tone(UNDER))
            channel.play_over(tone(OVER), mix=True)
            await hears(peer, UNDER, OVER)
            recording = await channel.record(tmp_path / "sent.wav", what="sent", max_ms=400)
            async with asyncio.timeout(60):
                await recording.wait()
            sound = np.frombuffer(recording.path.read_bytes()[44:], np.int16)[-2400:]
            assert min(strength(sound, frequency) for frequency in (UNDER, OVER)) > 1500

    asyncio.run(story())


def test_a_file_that_cannot_be_read_fails_and_leaves_the_prompt(bench: Any, tmp_path: Path) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.play(tone(UNDER))
            gone = channel.play_over(Playlist((Track((Clip(str(tmp_path / "nowhere.pcm")),)),)), mix=False)
            assert (await gone.wait()).why is PlaybackEnd.FAILED
            await hears(peer, UNDER)

    asyncio.run(story())


def test_it_is_paused_and_moved_like_any_playback(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            over = channel.play_over(Playlist((Track((Tone((OVER,), 60_000), Tone((OTHER,), 60_000))),)), mix=True)
            await hears(peer, OVER)
            over.pause()
            await hears(peer)
            over.seek(60_000)
            over.resume()
            await hears(peer, OTHER)

    asyncio.run(story())


@pytest.mark.parametrize("mix", [True, False])
def test_a_leg_without_a_peer_has_it_too(bench: Any, mix: bool) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, _ = b.leg(connected=False)
            _, ticking = b.leg()
            over = channel.play_over(tone(OVER, 100, times=2), mix=mix)
            assert (await over.wait()) == PlaybackEnded(PlaybackEnd.FINISHED, 200)
            assert ticking.packets

    asyncio.run(story())
