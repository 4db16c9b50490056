"""Audio files of every kind become the same sound on the telephone; what is none is refused with its name."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import ClipUnavailable
from offhook.media.clips import Clips, worker
from offhook.workers import Worker, WorkerBroke, WorkerFailed

HALF_SCALE_SINE_DBOV = -9.03


def decoded(data: bytes, hint: str = "") -> np.ndarray:
    return np.concatenate(list(worker.decode(data, hint)))


@pytest.mark.parametrize("kind", ["u8", "s16", "s24", "s32", "f32", "f64", "mulaw", "alaw"])
def test_every_sample_format_of_a_wav_file_sounds_the_same(library: Any, make_wav: Any, reply: Any, kind: str) -> None:
    library.server.reply = reply(make_wav(kind))

    async def test(clips: Clips) -> None:
        heard = await library.get(clips)
        assert heard.seconds == 1.0
        assert heard.hz == pytest.approx(440, abs=1)
        assert heard.level_dbov == pytest.approx(HALF_SCALE_SINE_DBOV, abs=0.3)

    library.run(test)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", [4000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_every_rate_and_number_of_channels_sounds_the_same(make_wav: Any, rate_hz: int, channels: int) -> None:
    samples = decoded(make_wav(rate_hz=rate_hz, channels=channels))
    assert samples.size == pytest.approx(8000, abs=2)
    assert 20 * np.log10(np.abs(samples[500:-500]).max()) == pytest.approx(-6.02, abs=0.5)


@pytest.mark.parametrize("name", ["tone.mp3", "tone.flac", "tone.ogg"])
@pytest.mark.parametrize("content_type", ["text/plain", None, "audio/wav"])
def test_other_formats_are_told_by_their_bytes_whatever_the_server_says(
    library: Any, files: Path, reply: Any, name: str, content_type: str | None
) -> None:
    library.server.reply = reply((files / name).read_bytes(), content_type=content_type)

    async def test(clips: Clips) -> None:
        heard = await library.get(clips, "https://example.com/sound.wav")
        assert heard.seconds == pytest.approx(1.0, abs=0.12)
        assert heard.hz == pytest.approx(440, abs=2)
        assert heard.level_dbov == pytest.approx(HALF_SCALE_SINE_DBOV, abs=0.5)

    library.run(test)


@pytest.mark.parametrize(
    ("content_type", "url"),
    [
        ("audio/mpeg", "https://example.com/x"),
        ("audio/x-mp3; a=b", "https://example.com/x"),
        (None, "https://example.com/x.MP3?a=1"),
    ],
)
def test_where_the_bytes_say_nothing_the_type_and_then_the_extension_do(
    library: Any, files: Path, reply: Any, content_type: str | None, url: str
) -> None:
    library.server.reply = reply(bytes(64) + (files / "tone.mp3").read_bytes(), content_type=content_type)

    async def test(clips: Clips) -> None:
        assert (await library.get(clips, url)).seconds == pytest.approx(1.0, abs=0.12)

    library.run(test)


def test_an_mp3_with_a_picture_in_front_plays(files: Path) -> None:
    picture = bytes(5000)
    size = bytes((len(picture) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    assert decoded(b"ID3\x04\0\0" + size + picture + (files / "tone.mp3").read_bytes()).size == pytest.approx(8000, abs=1000)


def test_what_lies_above_the_telephone_band_is_gone_and_does_not_fold_back(make_wav: Any) -> None:
    assert np.abs(decoded(make_wav(rate_hz=44100, hz=6000))[400:-400]).max() < 0.001
    assert np.abs(decoded(make_wav(rate_hz=44100, hz=3300))[400:-400]).max() == pytest.approx(0.5, abs=0.02)


def test_a_file_that_was_cut_off_plays_as_far_as_it_goes(make_wav: Any, files: Path) -> None:
    assert decoded(make_wav()[: 44 + 8000]).size == 4000
    assert decoded((files / "tone.mp3").read_bytes()[:4000]).size > 2000


def test_a_wav_that_was_streamed_has_no_length_and_plays(make_wav: Any) -> None:
    data = bytearray(make_wav())
    data[40:44] = data[4:8] = b"\xff\xff\xff\xff"
    assert decoded(bytes(data)).size == 8000


BAD = [
    (b"<!DOCTYPE html><html>Not found</html>", "it is a page or a document"),
    (b'  {"error": "no such file"}', "it is a page or a document"),
    (b"\0\0\0\x20ftypM4A \0\0\0\0", "it is an MP4 or M4A file"),
    (b"OggS\0\x02" + bytes(22) + b"OpusHead" + bytes(30), "it is Ogg Opus"),
    (b"\xff\xf1\x50\x80" + bytes(60), "it is AAC"),
    (b"#!AMR\n" + bytes(60), "it is AMR"),
    (b"\x1aE\xdf\xa3" + bytes(60), "it is a WebM or Matroska file"),
    (b"just some words", "it is no audio"),
    (b"", "it is empty"),
    (b"RIFF\x24\0\0\0WAVE", "it cannot be decoded as wav"),
    (b"fLaC" + bytes(40), "it cannot be decoded as flac"),
    (b"OggS" + bytes(60), "it cannot be decoded as vorbis"),
]


@pytest.mark.parametrize(("data", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_is_no_audio_is_refused_and_named(library: Any, reply: Any, data: bytes, reason: str) -> None:
    library.server.reply = reply(data, content_type=None)

    async def test(clips: Clips) -> None:
        with pytest.raises(ClipUnavailable, match=f"https://example.com/a: {reason}"):
            await library.get(clips, "https://example.com/a")

    library.run(test)
    assert not list(library.folder.rglob("*.p*"))


def test_a_wav_without_a_sample_is_refused(make_wav: Any) -> None:
    with pytest.raises(ValueError, match="it holds no sound"):
        decoded(make_wav(seconds=0))


@pytest.mark.parametrize("rate_hz", [1, 400, 0, 4_000_000])
def test_a_rate_that_nobody_means_is_refused(make_wav: Any, rate_hz: int) -> None:
    data = bytearray(make_wav())
    data[24:28] = struct.pack("<I", rate_hz)
    with pytest.raises(ValueError, match=r"its rate is|cannot be decoded"):
        decoded(bytes(data))


def test_a_small_file_that_unpacks_to_hours_is_refused(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_SECONDS", 0.9)
    for name in ("tone.flac", "tone.mp3", "tone.ogg"):
        with pytest.raises(ValueError, match="it is longer than"):
            decoded((files / name).read_bytes())


def _damaged(draw: Any, files: Path) -> bytes:
    whole = bytearray((files / draw(st.sampled_from(["tone.ogg", "tone.mp3"]))).read_bytes())
    if draw(st.booleans()):
        whole = bytearray(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0") + whole
    for _ in range(draw(st.integers(1, 12))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(1, len(whole)))])


def test_no_bytes_whatever_do_anything_but_fail(files: Path, tmp_path: Path) -> None:
    """In a process of its own, as in a node: the decoder for Vorbis ends the process it is in over a few damaged files."""
    decoder = Worker("offhook.media.clips.worker", str(tmp_path), str(1 << 30))
    with asyncio.Runner() as runner:

        @settings(max_examples=150, deadline=None)
        @given(st.data())
        def decode(data: st.DataObject) -> None:
            hint = data.draw(st.sampled_from(["", "mp3", "wav", "vorbis"]))
            try:
                runner.run(decoder.ask({"do": "decode", "data": _damaged(data.draw, files), "hint": hint}))
            except WorkerBroke as broke:
                assert "died twice" in str(broke)
            except WorkerFailed as failed:
                assert str(failed).startswith("ValueError: it ")

        try:
            decode()
        finally:
            runner.run(decoder.aclose())
