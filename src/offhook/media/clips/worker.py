"""The worker process that decodes audio files and composes the hold music."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import miniaudio
import numpy as np

from offhook import pcm
from offhook.audio import RATE_HZ
from offhook.files import Keeper, used
from offhook.media.clips import music
from offhook.workers import serve

MAX_SECONDS = 2 * 3600
"""A small file can unpack to days of silence: longer than this is refused."""
RATES_HZ = range(2_000, 384_001)
_CHUNK_FRAMES = 1 << 16
_INFO = {
    "wav": miniaudio.wav_get_info,
    "flac": miniaudio.flac_get_info,
    "vorbis": miniaudio.vorbis_get_info,
    "mp3": miniaudio.mp3_get_info,
}
_FORMATS = "WAV, MP3, FLAC or Ogg Vorbis"
_STRANGERS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (lambda head: head[4:8] == b"ftyp", "an MP4 or M4A file"),
    (lambda head: head[:4] == b"OggS" and b"OpusHead" in head, "Ogg Opus"),
    (lambda head: head[:2] in {b"\xff\xf1", b"\xff\xf9"}, "AAC"),
    (lambda head: head[:4] == b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (lambda head: head[:5] == b"#!AMR", "AMR"),
    (lambda head: head.lstrip()[:1] in {b"<", b"{"}, "a page or a document"),
)
"""What customers' servers send instead: the reason names it."""


def kind_of(data: bytes) -> str:
    """The format that the first bytes tell, or nothing."""
    if data[:4] in {b"RIFF", b"RIFX", b"RF64"} and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "vorbis"
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 in {0xE2, 0xE4, 0xE6}):
        return "mp3"
    return ""


def decode(data: bytes, hint: str) -> Iterator[pcm.Samples]:
    """The samples of an audio file, mono at ``RATE_HZ``, piece by piece.

    Args:
        hint: the format, where the bytes themselves do not tell it.

    Raises:
        ValueError: it is no audio of a known format, or too long.
    """
    if not data:
        raise ValueError("it is empty")
    stranger = next((name for is_it, name in _STRANGERS if is_it(data[:64])), None)
    if stranger is not None:
        raise ValueError(f"it is {stranger}, not {_FORMATS}")
    kind = kind_of(data) or hint
    if kind not in _INFO:
        raise ValueError(f"it is no audio: not {_FORMATS}")
    try:
        info = _INFO[kind](data)
        rate_hz = info.sample_rate
        if rate_hz not in RATES_HZ:
            raise ValueError(f"its rate is {rate_hz} Hz; allowed are {RATES_HZ.start} to {RATES_HZ.stop - 1}")
        yield from pcm.streamed_to_telephone(_frames(data, rate_hz, info.nchannels), rate_hz)
    except miniaudio.MiniaudioError as error:
        raise ValueError(f"it cannot be decoded as {kind}: {error.args[0]}") from error


def _frames(data: bytes, rate_hz: int, channels: int) -> Iterator[pcm.Samples]:
    """As the file has them, the mean of its channels: the decoder's own mix of more than two is a sum that clips."""
    length = 0
    share = np.full(channels, 1 / (32768 * channels), np.float32)
    for chunk in miniaudio.stream_memory(
        data,
        output_format=miniaudio.SampleFormat.SIGNED16,
        nchannels=channels,
        sample_rate=rate_hz,
        frames_to_read=_CHUNK_FRAMES,
    ):
        frames = np.frombuffer(chunk, dtype=np.int16).reshape(-1, channels)
        length += len(frames)
        if length > MAX_SECONDS * rate_hz:
            raise ValueError(f"it is longer than {MAX_SECONDS // 3600} hours")
        yield frames.astype(np.float32) @ share
    if not length:
        raise ValueError("it holds no sound")


def main() -> None:
    """Serve until the node is gone. Command line: the folder of clips, and its limit in octets."""
    folder = Path(sys.argv[1])
    keeper = Keeper(folder, limit_bytes=int(sys.argv[2]))

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "music":
            return {"samples": pcm.write([pcm.levelled(music.compose(RATE_HZ), pcm.MUSIC_DBOV)], folder / request["file"])}
        # Named by what it holds: a file that is being played never changes, and two URLs of one sound share it.
        digest = hashlib.sha256(request["data"]).hexdigest()
        name = f"{digest[:2]}/{digest[2:]}.pcm"
        written = 0
        if not used(folder / name):
            written = pcm.write(decode(request["data"], request["hint"]), folder / name)
        keeper.added(2 * written)
        return {"file": name}

    serve(handle)


if __name__ == "__main__":
    main()
