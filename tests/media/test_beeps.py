import subprocess

import numpy as np
import pytest

from offhook.media import wire
from offhook.media.engine import tones
from offhook.media.engine.beeps import BeepWatches, lines
from offhook.media.engine.codecs import Codec, decode, encode
from offhook.media.engine.legs import Leg, Legs

RANDOM = np.random.default_rng(4)


def silence(ms: int) -> np.ndarray:
    return (RANDOM.normal(0, 20, 8 * ms)).astype(np.int16)


def heard_at_ms(samples: np.ndarray, **pattern: int) -> int | None:
    """When the beep is found, after a trip through mu-law."""
    legs, leg, watches = Legs(), Leg(1, None), BeepWatches()  # type: ignore[arg-type]
    legs.admit(leg)
    shape = {"duration_ms": 300, "inter_silence_ms": 50, "intra_silence_ms": 500, "threshold": 256} | pattern
    watches.add(leg, wire.WatchBeep(1, 7, **shape))
    frames = np.resize(samples[: len(samples) // 160 * 160], (len(samples) // 160, 160))
    octets = np.empty(frames.shape, np.uint8)
    kinds = np.full(len(frames), Codec.PCMU, np.uint8)
    encode(frames, kinds, octets)
    decode(octets, kinds, frames)
    for number, frame in enumerate(frames):
        legs.pcm[0] = frame
        if watches.check(legs) == [wire.Done(1, 7)]:
            return number * 20
    return None


def spoken(words: str, voice: str) -> np.ndarray:
    """Speech at 8000 Hz, as loud as speech is."""
    wav = subprocess.run(["espeak-ng", "--stdout", "-v", voice, words], capture_output=True, check=True).stdout
    raw = ["sox", "-t", "wav", "-", "-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", "-", "gain", "-n", "-6"]
    return np.frombuffer(subprocess.run(raw, input=wav, capture_output=True, check=True).stdout, np.int16).copy()


@pytest.mark.parametrize("frequency", [440, 613.7, 850, 1000, 1137, 1400, 2000])
@pytest.mark.parametrize("duration", [300, 480, 1500])
@pytest.mark.parametrize("offset_ms", [0, 7, 13])
def test_a_beep_is_heard_when_half_a_second_of_silence_has_followed(frequency: float, duration: int, offset_ms: int) -> None:
    beep = tones.render((frequency,), duration, -18.0)
    samples = np.concatenate([silence(600 + offset_ms), beep, silence(1500)])
    at = heard_at_ms(samples)
    assert at is not None
    assert 460 <= at - (600 + offset_ms + duration) <= 580


def test_a_beep_after_an_announcement_is_heard() -> None:
    greeting = spoken("You have reached the answering machine of nobody. Please leave a message after the tone.", "en-us")
    samples = np.concatenate([greeting, silence(300), tones.render((1000.0,), 400, -15.0), silence(1000)])
    at = heard_at_ms(samples)
    assert at is not None
    assert at > len(greeting) / 8 + 700


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "de", "it+f2", "zh"])
def test_speech_is_no_beep(voice: str) -> None:
    words = (
        "Hello, you have reached us. Ooooh, aaaah, mmmmm, no no noooo. We are sorry that nobody can take your call right now. "
    )
    sentence = np.concatenate([np.concatenate([spoken(words, voice), silence(800)]) for _ in range(3)])
    assert heard_at_ms(sentence) is None


def test_two_tones_at_once_are_no_beep() -> None:
    ringing = np.concatenate([tones.render((440.0, 480.0), 2000, -15.0), silence(4000)])
    assert heard_at_ms(ringing) is None


def test_a_beep_that_is_too_short_does_not_count() -> None:
    assert heard_at_ms(np.concatenate([tones.render((1000.0,), 180, -15.0), silence(1500)])) is None


def test_a_tone_that_does_not_end_is_no_beep() -> None:
    assert heard_at_ms(tones.render((1000.0,), 5000, -15.0)) is None


def test_a_gap_as_short_as_allowed_does_not_break_a_beep() -> None:
    half = tones.render((1000.0,), 200, -15.0)
    assert heard_at_ms(np.concatenate([half, silence(40), half, silence(1000)])) is not None
    assert heard_at_ms(np.concatenate([half, silence(200), half, silence(1000)])) is None


def test_speech_right_after_a_tone_is_no_beep_yet() -> None:
    tone, words = tones.render((1000.0,), 400, -15.0), spoken("Please hold the line, we will be with you in a moment.", "en-us")
    assert heard_at_ms(np.concatenate([tone, silence(200), words])) is None


def test_what_is_below_the_threshold_is_silence() -> None:
    samples = np.concatenate([tones.render((1000.0,), 400, -45.0), silence(1000)])
    assert heard_at_ms(samples) is None
    assert heard_at_ms(samples, threshold=64) is not None


def test_the_line_of_a_tone_is_found_within_a_few_hertz() -> None:
    frames = tones.render((1013.0,), 200, -20.0, fade=False).reshape(-1, 160)
    frequency, tonality, _ = lines(frames)
    assert np.abs(frequency - 1013.0).max() < 3
    assert tonality.min() > 0.98


def test_silence_has_no_line() -> None:
    _, tonality, _ = lines(np.zeros((3, 160), np.int16))
    assert tonality.tolist() == [0, 0, 0]
