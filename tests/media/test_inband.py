"""Keys as tones, on material that is made here: what has to be heard, and what must not be (ITU-T Q.24)."""

import asyncio
import itertools
from typing import Any

import numpy as np
import pytest

from offhook.audio import DIGITS, PlaybackEnd, Playlist, Tone, Track
from offhook.media import RtpPeer
from offhook.media.engine import codecs
from offhook.media.engine.codecs import Codec
from offhook.media.engine.dialling import COLUMNS_HZ, ROWS_HZ, frequencies_hz
from offhook.media.engine.inband import State

RATE = 8000


def sine(frequency_hz: float, ms: float, level_dbov: float, phase: float = 0.0) -> np.ndarray:
    amplitude = 32768 * np.sqrt(2) * 10 ** (level_dbov / 20)
    return amplitude * np.sin(2 * np.pi * frequency_hz / RATE * np.arange(round(ms * 8)) + phase)


def press(
    key: str, ms: float = 40, *, level: float = -15, twist: float = 0, off: tuple[float, float] = (0, 0), seed: int = 0
) -> np.ndarray:
    low, high = frequencies_hz(key)
    phases = np.random.default_rng(seed).uniform(0, 6.28, 2)
    return sine(low * (1 + off[0]), ms, level, phases[0]) + sine(high * (1 + off[1]), ms, level + twist, phases[1])


def silence(ms: float) -> np.ndarray:
    return np.zeros(round(ms * 8))


def keys_in(sounds: list[np.ndarray], codec: Codec | None = Codec.PCMU) -> list[str]:
    """What is heard on each of so many legs, through a codec as a real call has it."""
    longest = max(sound.size for sound in sounds) + 800
    ticks = -(-longest // 160)
    together = np.zeros((len(sounds), (ticks + 1) * 160))
    for row, sound in enumerate(sounds):
        together[row, 160 : 160 + sound.size] = sound
    samples = np.clip(together, -32768, 32767).astype(np.int16)
    if codec is not None:
        octets = np.empty(samples.shape, np.uint8)
        kinds = np.full(len(samples), codec, np.uint8)
        codecs.encode(samples, kinds, octets)
        codecs.decode(octets, kinds, samples)
    state, heard = State(len(sounds)), [""] * len(sounds)
    for tick in range(1, ticks + 1):
        for row, key in state.advance(samples[:, tick * 160 - 80 : tick * 160 + 160]):
            heard[row] += chr(key)
    return heard


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
@pytest.mark.parametrize("ms", [40, 45, 60, 100])
def test_every_key_is_heard_once_wherever_it_lies_between_the_frames(ms: int, codec: Codec) -> None:
    cases = [(key, shift) for key in DIGITS for shift in np.arange(0, 20, 1.25)]
    sounds = [np.concatenate([silence(shift), press(key, ms, seed=i)]) for i, (key, shift) in enumerate(cases)]
    assert keys_in(sounds, codec) == [key for key, _ in cases]


@pytest.mark.parametrize("level", [-3, -10, -20, -30, -35])
@pytest.mark.parametrize("twist", [-8, -4, 0, 4])
def test_levels_and_twist_that_a_network_may_have_are_heard(level: int, twist: int) -> None:
    weaker = min(level, level + twist)
    if weaker < -35 or max(level, level + twist) > -6:
        level += (-35 - weaker) if weaker < -35 else -6 - max(level, level + twist)
    cases = [(key, shift) for key in DIGITS for shift in (0, 3, 7, 11, 16)]
    sounds = [
        np.concatenate([silence(shift), press(key, 50, level=level, twist=twist, seed=i)]) for i, (key, shift) in enumerate(cases)
    ]
    assert keys_in(sounds) == [key for key, _ in cases]


@pytest.mark.parametrize("off", list(itertools.product([-0.015, 0, 0.015], repeat=2)))
def test_tones_that_are_off_by_up_to_one_and_a_half_percent_are_heard(off: tuple[float, float]) -> None:
    cases = [(key, shift) for key in DIGITS for shift in (0, 4, 9, 15)]
    sounds = [np.concatenate([silence(shift), press(key, 50, off=off, seed=i)]) for i, (key, shift) in enumerate(cases)]
    assert keys_in(sounds) == [key for key, _ in cases]


@pytest.mark.parametrize("off", [(0.035, 0), (-0.035, 0), (0, 0.035), (0, -0.035), (0.05, 0.05), (-0.05, 0.05)])
def test_tones_that_are_off_by_three_and_a_half_percent_are_no_keys(off: tuple[float, float]) -> None:
    cases = [(key, shift) for key in DIGITS for shift in (0, 4, 9, 15)]
    assert set(keys_in([np.concatenate([silence(s), press(key, 100, off=off, seed=i)]) for i, (key, s) in enumerate(cases)])) == {
        ""
    }


def test_keys_in_noise_of_15_db_are_heard() -> None:
    chance = np.random.default_rng(5)
    cases = [(key, shift) for key in DIGITS for shift in np.arange(0, 20, 2.5)]
    sounds = [np.concatenate([silence(shift), press(key, 60, seed=i)]) for i, (key, shift) in enumerate(cases)]
    noise = 32768 * 10 ** ((-12 - 15) / 20)
    heard = keys_in([sound + chance.normal(0, noise, sound.size) for sound in sounds])
    assert sum(a == b for a, (b, _) in zip(heard, cases, strict=True)) >= 0.99 * len(cases)


def test_a_row_of_keys_is_heard_in_order_doubled_ones_included() -> None:
    row = "1123580*#ADD9007"
    for pause in (40, 50, 100):
        sound = np.concatenate([part for i, key in enumerate(row) for part in (press(key, 45, seed=i), silence(pause))])
        assert keys_in([np.concatenate([silence(shift), sound]) for shift in (0, 6, 13)]) == [row] * 3


@pytest.mark.parametrize("gap", [2, 5, 10])
def test_an_interruption_of_up_to_10_ms_makes_no_second_key(gap: int) -> None:
    whole = [press("5", 100, seed=1) for _ in range(8)]
    for i, sound in enumerate(whole):
        sound[300 + i * 20 : 300 + i * 20 + gap * 8] = 0
    assert keys_in(whole) == ["5"] * 8


@pytest.mark.parametrize("ms", [5, 10, 15])
def test_what_is_too_short_is_no_key(ms: int) -> None:
    cases = [np.concatenate([silence(shift), press(key, ms, seed=1)]) for key in DIGITS for shift in np.arange(0, 20, 1.25)]
    assert set(keys_in(cases)) == {""}


def steady(*frequencies: float, level: float = -15) -> np.ndarray:
    return sum((sine(each, 2000, level) for each in frequencies), start=np.zeros(16000))


def test_the_tones_of_a_network_are_no_keys() -> None:
    tones = [
        (350, 440),
        (440, 480),
        (480, 620),
        (425,),
        (1004,),
        (2100,),
        (400, 450),
        (950,),
        (1400,),
        (1800,),
        (2130, 2750),
        (1100,),
    ]
    single = [(each,) for each in (*ROWS_HZ, *COLUMNS_HZ)]
    same_group = [*itertools.combinations(ROWS_HZ, 2), *itertools.combinations(COLUMNS_HZ, 2)]
    three = [(697, 1209, 1477), (697, 852, 1336), (941, 1336, 1633, 770)]
    assert set(keys_in([steady(*each) for each in (*tones, *single, *same_group, *three)])) == {""}
    too_much = [press(key, 200, level=-20, twist=twist) for key in "159D" for twist in (-14, 10)]
    too_soft = [press(key, 200, level=-42) for key in DIGITS]
    assert set(keys_in([*too_much, *too_soft])) == {""}


def test_noise_and_chords_are_no_keys() -> None:
    chance = np.random.default_rng(11)
    noise = [chance.normal(0, 4000, 80_000) for _ in range(6)]
    pitches = 220 * 2 ** (np.arange(36) / 12)
    chords = []
    for _ in range(12):
        notes = [steady(*chance.choice(pitches, 3, replace=False), level=-22)[:4000] for _ in range(20)]
        chords.append(np.concatenate(notes))
    assert set(keys_in([*noise, *chords])) == {""}


def voiced(seed: int, seconds: int) -> np.ndarray:
    """Something with the spectrum of speech: gliding pitch, wandering resonances."""
    chance = np.random.default_rng(seed)
    count = seconds * RATE
    steps = seconds * 6

    def path(low: float, high: float) -> np.ndarray:
        return np.interp(np.arange(count), np.linspace(0, count, steps), chance.uniform(low, high, steps))

    pitch = np.cumsum(path(85, 260)) / RATE
    total = np.zeros(count)
    resonances = [path(300, 850), path(900, 2300), path(2300, 3300)]
    for harmonic in range(1, 30):
        frequency = harmonic * np.gradient(pitch) * RATE
        strength = sum(1 / (1 + ((frequency - resonance) / 90) ** 2) for resonance in resonances)
        total += strength * np.sin(2 * np.pi * harmonic * pitch) * (frequency < 3800)
    loudness = np.clip(path(-0.4, 1), 0, 1)
    return 5000 * total * loudness


def test_ten_minutes_of_gliding_resonances_hold_hardly_a_key() -> None:
    """Harder than speech: it holds its vowels longer, and never stops. (In real voices none was found: docs/media.md.)"""
    assert sum(len(keys) for keys in keys_in([voiced(seed, 30) for seed in range(20)])) <= 3


def test_state_follows_its_legs_when_others_come_and_go() -> None:
    state = State(2)
    state.down[:] = [49, 50]
    moved = state.rearranged([1, -1, 0])
    assert moved.down.tolist() == [50, 0, 49]


def test_a_peer_without_telephone_events_is_heard_and_stops_the_prompt(bench: Any, mulaw: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg(event_payload_type=None)
            playback = channel.play(
                Playlist(
                    (
                        Track(
                            (Tone((400.0,), 60_000),),
                        ),
                    )
                ),
                stop_on_key=True,
            )
            row = "4711#"
            sound = np.concatenate([part for key in row for part in (press(key, 80), silence(80))])
            with channel.listen() as digits:
                await peer.talk(channel.port, mulaw(np.concatenate([silence(200), sound, silence(100)])))
                heard = [await digits.get() for _ in row]
            assert "".join(each.key for each in heard) == row
            assert {each.via for each in heard} == {"inband"}
            assert (await playback.wait()).why is PlaybackEnd.KEY

    asyncio.run(story())


def test_where_there_are_telephone_events_tones_are_no_keys_unless_both_are_wanted(bench: Any, mulaw: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            (plain, one), (both, two) = b.leg(), b.leg()
            both.connect(RtpPeer("127.0.0.1", two.port, 0, "PCMU", 101, inband_digits=True))
            sound = mulaw(np.concatenate([press("7", 100), silence(200)]))
            with plain.listen() as never, both.listen() as once:
                await asyncio.gather(one.talk(plain.port, sound), two.talk(both.port, sound))
                assert (await once.get()).via == "inband"
                two.send(both.port, bytes([8, 0x0A, 0, 160]), 101, marker=True)
                await two.talk(both.port, mulaw(np.concatenate([press("8", 100), silence(100)])))
                assert (await once.get()).via == "rfc4733"
                await two.talk(both.port, mulaw(np.concatenate([silence(1200), press("6", 100), silence(100)])))
                two.send(both.port, bytes([6, 0x0A, 0, 160]), 101, marker=True)  # the same key, told once more
                assert (await once.get()).via == "inband"
                for digits in (never, once):
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.1):
                            await digits.get()

    asyncio.run(story())
