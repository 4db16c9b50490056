import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import miniaudio
import numpy as np
import pytest

from offhook.media.containers import open_sound

DECODER_DELAY = 1105
"""Samples that an MP3 comes out late."""


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-20000, 20000, (samples, channels), np.int16)


def tones(samples: int, *frequencies: float) -> np.ndarray:
    """One channel each."""
    time = np.arange(samples) / 8000
    return np.stack([9000 * np.sin(2 * np.pi * frequency * time) for frequency in frequencies], axis=-1).astype(np.int16)


def read_wav(path: Path) -> np.ndarray:
    """``[samples, channels]``, by a reader that believes the header."""
    with wave.open(str(path)) as wav:
        assert (wav.getframerate(), wav.getsampwidth()) == (8000, 2)
        return np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, wav.getnchannels())


def read_mp3(path: Path) -> np.ndarray:
    """``[samples, channels]``."""
    info = miniaudio.get_file_info(str(path))
    assert (info.file_format, info.sample_rate) == (miniaudio.FileFormat.MP3, 8000)
    decoded = miniaudio.decode_file(str(path), nchannels=info.nchannels, sample_rate=8000)
    return np.frombuffer(decoded.samples, np.int16).reshape(-1, info.nchannels)


def frequency_of(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * 8000 / len(samples)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_is_whole_after_every_write(tmp_path: Path, channels: int) -> None:
    path, samples = tmp_path / "a" / "b.wav", noise(4000, channels)
    sound = open_sound(str(path), channels, "wav", resumed=False)
    for at in range(0, 4000, 500):
        assert np.array_equal(read_wav(path), samples[:at])
        sizes = np.frombuffer(path.read_bytes(), "<u4", 2, 0)[1], np.frombuffer(path.read_bytes(), "<u4", 1, 40)[0]
        assert sizes == (path.stat().st_size - 8, path.stat().st_size - 44)
        assert sound.octets == path.stat().st_size
        sound.write(samples[at : at + 500].tobytes())
    sound.close()
    assert np.array_equal(read_wav(path), samples)


@pytest.mark.parametrize("tail", [b"", b"\x01", b"\x01\x02\x03\x04\x05"])
def test_a_wav_goes_on_where_a_killed_writer_left_it(tmp_path: Path, tail: bytes) -> None:
    path, samples = tmp_path / "a.wav", noise(3000, 2)
    first = open_sound(str(path), 2, "wav", resumed=False)
    first.write(samples[:1000].tobytes())
    first.close()
    with path.open("ab") as file:
        file.write(tail)  # written, but the sizes in the header were not any more
    assert np.array_equal(read_wav(path), samples[:1000])
    second = open_sound(str(path), 2, "wav", resumed=True)
    kept = second.samples
    assert kept == 1000 + len(tail) // 4
    second.write(samples[kept:].tobytes())
    second.close()
    assert np.array_equal(read_wav(path)[kept:], samples[kept:])
    assert len(read_wav(path)) == 3000


def test_what_is_there_is_only_gone_on_with_when_it_is_the_same_recording(tmp_path: Path) -> None:
    for name, channels, kind in (("mono.wav", 1, "wav"), ("letter.txt", 2, "wav"), ("letter.txt", 1, "mp3")):
        path = tmp_path / name
        path.write_bytes(b"Dear all, " * 200)
        if name == "mono.wav":
            open_sound(str(path), 1, "wav", resumed=False).close()
        before = path.read_bytes()
        with pytest.raises(OSError, match="not the recording"):
            open_sound(str(path), 3 - channels if name == "mono.wav" else channels, kind, resumed=True)
        assert path.read_bytes() == before


def test_a_file_that_is_being_written_is_not_touched_by_whatever_name(tmp_path: Path) -> None:
    path, alias = tmp_path / "a.wav", tmp_path / "b.wav"
    sound = open_sound(str(path), 1, "wav", resumed=False)
    sound.write(b"\x01\x00" * 100)
    alias.symlink_to(path)
    for name in (path, alias):
        with pytest.raises(OSError, match="being written"):
            open_sound(str(name), 1, "wav", resumed=False)
    sound.close()
    assert len(read_wav(path)) == 100
    open_sound(str(alias), 1, "wav", resumed=False).close()


@pytest.mark.parametrize(("what", "reason"), [("folder", "directory"), ("fifo", "regular"), ("below-a-file", "directory|exists")])
def test_what_is_no_file_is_refused(tmp_path: Path, what: str, reason: str) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.write_text("a file")
        path /= "a.wav"
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(OSError, match=f"(?i){reason}"):
        open_sound(str(path), 1, "wav", resumed=False)
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208


@pytest.mark.parametrize("frequencies", [(700.0,), (700.0, 1500.0)])
def test_an_mp3_holds_what_was_written_in_step_and_in_its_channels(tmp_path: Path, frequencies: tuple[float, ...]) -> None:
    path, samples = tmp_path / "a.mp3", tones(24000, *frequencies)
    sound = open_sound(str(path), len(frequencies), "mp3", resumed=False)
    for at in range(0, len(samples), 1600):
        sound.write(samples[at : at + 1600].tobytes())
    sound.close()
    decoded = read_mp3(path)
    assert len(samples) + DECODER_DELAY <= len(decoded) < len(samples) + DECODER_DELAY + 576
    assert path.stat().st_size == sound.octets == pytest.approx(4000 * len(frequencies) * len(decoded) / 8000)
    inside = decoded[DECODER_DELAY : DECODER_DELAY + len(samples)].astype(float)
    for channel, frequency in enumerate(frequencies):
        assert abs(frequency_of(inside[1000:-1000, channel]) - frequency) < 1
        error = (inside[1000:-1000, channel] - samples[1000:-1000, channel]).std()
        assert error < 0.05 * samples[:, channel].std()  # in step, and nothing of the other side in it


def test_an_mp3_is_playable_after_every_write_but_for_the_last_moment(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.mp3", tones(16000, 700.0)
    sound = open_sound(str(path), 1, "mp3", resumed=False)
    for at in range(1600, len(samples) + 1, 1600):
        sound.write(samples[at - 1600 : at].tobytes())
        assert path.stat().st_size % 288 == 0
        assert at - 2 * DECODER_DELAY < len(read_mp3(path)) <= at + DECODER_DELAY
    sound.close()


def test_an_mp3_goes_on_where_a_killed_writer_left_it_in_step(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.mp3", tones(40000, 700.0)
    killed = open_sound(str(path), 1, "mp3", resumed=False)
    killed.write(samples[:20000].tobytes())  # not closed: what LAME has not given out yet is lost
    cut = path.read_bytes() + b"\xff\xe3\x48"
    second_path = tmp_path / "b.mp3"
    second_path.write_bytes(cut)
    second = open_sound(str(second_path), 1, "mp3", resumed=True)
    assert 20000 - 2 * DECODER_DELAY < second.samples <= 20000
    kept = second.samples
    second.write(samples[kept:].tobytes())
    second.close()
    killed.close()
    decoded = read_mp3(second_path)[DECODER_DELAY:, 0]
    assert len(decoded) >= len(samples)
    for inside in (slice(2000, kept - 2 * DECODER_DELAY), slice(kept + 2 * DECODER_DELAY, 38000)):
        assert np.abs(decoded[inside].astype(int) - samples[inside, 0]).max() < 1200
    silent = np.abs(decoded[: len(samples)].reshape(-1, 160)).max(axis=1) < 1000
    assert silent.sum() * 160 <= 2 * DECODER_DELAY


@pytest.mark.parametrize("file_format", ["wav", "mp3"])
def test_a_recording_of_nothing_is_a_file(tmp_path: Path, file_format: str) -> None:
    sound = open_sound(str(tmp_path / "a"), 1, file_format, resumed=False)
    sound.close()
    assert sound.samples == 0
    assert (tmp_path / "a").stat().st_size == sound.octets


@pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox")
def test_others_can_read_an_mp3_of_8000_hz(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    sound = open_sound(str(path), 2, "mp3", resumed=False)
    sound.write(tones(16000, 500.0, 900.0).tobytes())
    sound.close()
    done = subprocess.run(["sox", path, "-t", "raw", "-"], capture_output=True, check=False)
    if b"no handler" in done.stderr:
        pytest.skip("this sox has no MP3")
    assert len(done.stdout) // 4 >= 16000


@pytest.mark.parametrize("file_format", ["wav", "mp3"])
def test_a_full_disk_leaves_what_fitted(tmp_path: Path, file_format: str) -> None:
    limit = 20_000
    child = f"""
import resource, signal, sys
from offhook.media.containers import open_sound
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sound = open_sound(sys.argv[1], 1, {file_format!r}, resumed=False)
try:
    for _ in range(100):
        sound.write(b"\\x00\\x10" * 1600)
except OSError as error:
    print(error.strerror, sound.octets)
"""
    path = tmp_path / f"a.{file_format}"
    done = subprocess.run([sys.executable, "-c", child, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["File", "too", "large", str(path.stat().st_size)]
    length = len(read_wav(path) if file_format == "wav" else read_mp3(path))
    assert length == (limit - 44) // 2 if file_format == "wav" else limit // 288 * 576
