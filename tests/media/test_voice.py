import asyncio
import os
import signal
from typing import Any

import numpy as np
import pytest

from offhook.audio import VoiceEvent
from offhook.media import wire
from offhook.media.engine import levels
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.voice import VoiceWatches
from offhook.media.listening import Voice

TICK_MS = 20


def bursts(spans_ms: list[tuple[int, int]], total_ms: int, noise_dbov: float, voice_dbov: float, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    sound = chance.normal(0, 32768 * 10 ** (noise_dbov / 20), total_ms * 8)
    for begin, end in spans_ms:
        sound[begin * 8 : end * 8] += chance.normal(0, 32768 * 10 ** (voice_dbov / 20), (end - begin) * 8)
    return np.clip(sound, -32768, 32767).astype(np.int16)


def heard(sound: np.ndarray, start_ms: int = 60, stop_ms: int = 400) -> list[tuple[bool, int]]:
    legs, watches, scratch = Legs(), VoiceWatches(), levels.scratch()
    leg = Leg(1, None)  # type: ignore[arg-type]
    legs.admit(leg)
    watches.add(leg, 5, start_ms, stop_ms)
    told: list[tuple[bool, int]] = []
    for tick in range(sound.size // 160):
        legs.pcm[0] = sound[tick * 160 : tick * 160 + 160]
        levels.measure(legs, scratch)
        told += [(event.speaking, event.at_ms) for event in watches.check(legs)]  # type: ignore[union-attr]
    return told


@pytest.mark.parametrize("noise", [-75, -60, -45, -35, -30])
def test_voice_is_told_from_the_noise_of_its_line_however_loud_that_is(noise: int) -> None:
    sound = bursts([(2000, 3500), (5000, 5800)], 7000, noise, max(noise + 16, -40))
    told = heard(sound)
    told = [event for event in told if event[1] >= 1500]  # a loud line may look like a voice until it is known
    assert [speaking for speaking, _ in told] == [True, False, True, False]
    assert [at for _, at in told] == pytest.approx([2000, 3500, 5000, 5800], abs=TICK_MS)


def test_a_click_is_no_voice_and_a_short_pause_no_end() -> None:
    assert heard(bursts([(1000, 1040)], 3000, -65, -20)) == []
    told = heard(bursts([(1000, 2000), (2300, 3000)], 5000, -65, -20))
    assert told == [(True, 1000), (False, 3000)]


def test_a_long_monologue_does_not_become_the_background() -> None:
    told = heard(bursts([(1000, 21_000)], 23_000, -60, -25))
    assert [speaking for speaking, _ in told] == [True, False]
    assert told[1][1] == pytest.approx(21_000, abs=TICK_MS)


def test_a_quiet_line_has_no_voice() -> None:
    assert heard(bursts([], 10_000, -60, 0)) == []
    assert heard(np.zeros(80_000, np.int16)) == []


def test_over_a_real_engine_with_its_times_and_its_end(bench: Any, mulaw: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            with channel.voice(stop_ms=200) as voice:
                await peer.talk(channel.port, mulaw(bursts([(400, 900)], 1600, -70, -20)))
                began, ended = await anext(voice), await anext(voice)
                assert (began.speaking, ended.speaking) == (True, False)
                assert 400 <= ended.at_ms - began.at_ms <= 640
                await channel.aclose()
                assert [event async for event in voice] == []
            with channel.voice() as over:
                assert [event async for event in over] == []

    asyncio.run(story())
    assert VoiceEvent(speaking=True, at_ms=3).speaking


def test_a_noisy_line_that_begins_late_is_no_voice() -> None:
    line = bursts([(1000, 1700)], 4000, -42, -18)
    late = np.concatenate([np.zeros(8 * 600, np.int16), line])
    assert heard(late) == [(True, 1600), (False, 2300)]


def test_the_time_of_the_sound_is_told_as_often_as_asked() -> None:
    legs, watches, scratch = Legs(), VoiceWatches(), levels.scratch()
    legs.admit(Leg(1, None))  # type: ignore[arg-type]
    watches.add(legs.rows[0], 5, 60, 400, 100)
    watches.add(legs.rows[0], 6, 60, 400)
    told: list[Any] = []
    sound = bursts([(210, 700)], 2000, -65, -20)
    for tick in range(100):
        legs.pcm[0] = sound[tick * 160 : tick * 160 + 160]
        levels.measure(legs, scratch)
        told += [event for event in watches.check(legs) if event.request == 5]  # type: ignore[union-attr]
    assert [each.now_ms for each in told if isinstance(each, wire.VoiceWatched)] == list(range(100, 2001, 100))
    begun, ended = (each for each in told if isinstance(each, wire.VoiceChanged))
    assert (begun.at_ms, begun.now_ms) == (200, 260)
    assert (ended.at_ms, ended.now_ms) == (700, 1100)


def test_a_watch_goes_on_where_the_engine_that_died_left_it() -> None:
    async def story() -> None:
        voice = Voice(1)
        voice.changed(True, 300, 360)
        voice.watched(900)
        voice.restarted()
        voice.watched(100)
        voice.changed(True, 150, 210)
        voice.end()
        told = [(each.speaking, each.at_ms, each.now_ms) async for each in voice]
        assert told == [(True, 300, 360), (True, 300, 900), (False, 900, 900), (False, 900, 1000), (True, 1050, 1110)]

    asyncio.run(story())


def test_the_time_goes_on_when_another_engine_takes_over(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            with channel.voice(every_ms=20) as voice:
                told = [await anext(voice) for _ in range(5)]
                os.kill(b.media.engine_pid, signal.SIGKILL)
                while told[-1].now_ms < 300:
                    told.append(await anext(voice))
                times = [each.now_ms for each in told]
                assert times == sorted(set(times))
                assert not any(each.speaking for each in told)

    asyncio.run(asyncio.wait_for(story(), 120))
