from collections.abc import Callable

import numpy as np
import pytest

from offhook.media.engine import concealment
from offhook.media.engine.legs import Leg, Legs

RATE = 8000
Sound = Callable[[int], float]


def tone(frequency_hz: float, level: float = 8000) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency_hz / RATE * np.arange(RATE))).astype(np.int16)


def vowel(pitch_hz: float) -> np.ndarray:
    """Something like a voice: pulses, through two resonances."""
    period = round(RATE / pitch_hz)
    pulses = np.zeros(RATE)
    pulses[::period] = 1
    n = np.arange(200)
    ringing = np.exp(-n / 25) * np.sin(2 * np.pi * 700 / RATE * n) + 0.5 * np.exp(-n / 20) * np.sin(2 * np.pi * 1800 / RATE * n)
    return (9000 * np.convolve(pulses, ringing)[:RATE]).astype(np.int16)


def through(sound: np.ndarray, lost: set[int], ticks: int = 30, beside: np.ndarray | None = None) -> np.ndarray:
    """What is heard of a sound whose frames ``lost`` do not come. Another leg, which loses nothing, runs beside it."""
    legs = Legs()
    legs.admit(Leg(1, None))  # type: ignore[arg-type]
    legs.admit(Leg(2, None))  # type: ignore[arg-type]
    heard = []
    for tick in range(ticks):
        legs.turn(tick)
        frame = sound[tick * 160 : tick * 160 + 160]
        legs.pcm[0] = 12345 if tick in lost else frame
        legs.pcm[1] = frame
        concealment.conceal(legs, np.array([tick not in lost, True]), tick)
        heard.append(legs.pcm[0].copy())
        assert (legs.pcm[1] == frame).all()
    return np.concatenate(heard)


def deviation_db(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(float), b.astype(float)
    return float(10 * np.log10((a * a).sum() / max(((a - b) ** 2).sum(), 1)))


@pytest.mark.parametrize("sound", [tone(200), tone(440), tone(123.4), vowel(110), vowel(95), vowel(210)])
def test_one_lost_frame_of_something_periodic_is_hardly_heard(sound: np.ndarray) -> None:
    heard = through(sound, {10})
    assert deviation_db(sound[1600:1760], heard[1600:1760]) > 6
    assert (heard[:1600] == sound[:1600]).all()
    assert (heard[1800:4800] == sound[1800:4800]).all()


@pytest.mark.parametrize("sound", [tone(200), vowel(110), np.random.default_rng(3).normal(0, 3000, RATE).astype(np.int16)])
def test_neither_the_beginning_nor_the_end_of_a_gap_is_a_click(sound: np.ndarray) -> None:
    heard = through(sound, {10, 11}).astype(int)
    usual = np.abs(np.diff(sound[:1600].astype(int))).max()
    for edge in (1600, 1920):
        assert np.abs(np.diff(heard[edge - 2 : edge + 60])).max() <= 1.5 * usual


@pytest.mark.parametrize("sound", [tone(300), vowel(120)])
def test_a_long_gap_fades_to_silence_within_60_ms_and_does_not_buzz(sound: np.ndarray) -> None:
    heard = through(sound, set(range(10, 20))).astype(float)
    energy = [np.square(heard[at : at + 160]).mean() for at in range(1600, 3200, 160)]
    assert energy[0] > 0.4 * np.square(sound[1440:1600].astype(float)).mean()
    assert energy[0] > energy[1] > energy[2]
    assert energy[3:] == [0] * 7


def test_noise_is_not_repeated_in_pieces_shorter_than_10_ms() -> None:
    noise = np.random.default_rng(5).normal(0, 3000, (50, 320)).astype(np.int16)
    repeated = [period * -(-80 // period) for period in concealment.pitch(noise).tolist()]
    assert min(repeated) >= 80


@pytest.mark.parametrize("pitch_hz", [60, 80, 110, 150, 220, 320])
def test_the_pitch_is_found(pitch_hz: int) -> None:
    period = round(RATE / pitch_hz)
    found = int(concealment.pitch(vowel(pitch_hz)[np.newaxis, 4000:4320])[0])
    assert min(abs(found - period * times) for times in range(1, 8)) <= 1


def test_comfort_noise_stands_in_until_sound_comes_again() -> None:
    legs = Legs()
    legs.admit(Leg(1, None))  # type: ignore[arg-type]
    sound, heard = tone(300), []
    for tick in range(60):
        legs.turn(tick)
        legs.pcm[0] = sound[:160]
        if tick == 10:
            legs.noise[0] = concealment.noise_rms(50)
        concealment.conceal(legs, np.array([not 10 <= tick < 50]), tick)
        heard.append(legs.pcm[0].astype(float))
    level = 20 * np.log10(np.sqrt(np.square(np.concatenate(heard[10:50])).mean()) / 32768)
    assert level == pytest.approx(-50, abs=1)
    assert (heard[50] == sound[:160]).all()
    assert legs.noise[0] == 0


def test_a_leg_from_which_nothing_ever_came_is_silent() -> None:
    legs = Legs()
    legs.admit(Leg(1, None))  # type: ignore[arg-type]
    for tick in range(5):
        legs.turn(tick)
        legs.pcm[0] = 99
        concealment.conceal(legs, np.array([False]), tick)
        assert not legs.pcm[0].any()
