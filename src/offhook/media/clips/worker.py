"""The worker process that decodes audio files and composes the hold music."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import miniaudio
import numpy as np

from offhook import pcm
from offhook.audio import RATE_HZ
from offhook.media.clips import music
from offhook.workers import serve

MAX_SECONDS = 2 * 3600
"""A small file can unpack to days of silence: longer than this is refused."""
_CHUNK_FRAMES = 1 << 16
_INFO = {
    "wav": miniaudio.wav_get_info,
    "flac": miniaudio.flac_get_info,
    "vorbis": miniaudio.vorbis_get_info,
    "mp3": miniaudio.mp3_get_info,
}


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


def decode(data: bytes, hint: str) -> pcm.Samples:
    """The samples of an audio file, mono at ``RATE_HZ``.

    Raises:
        ValueError: it is no audio of a known format, or too long.
    """
    kind = kind_of(data) or hint
    if kind not in _INFO:
        raise ValueError("it is no audio: neither WAV, MP3, FLAC nor Ogg Vorbis")
    try:
        info = _INFO[kind](data)
        rate_hz = info.sample_rate
        parts = []
        length = 0
        for chunk in miniaudio.stream_memory(
            data, output_format=miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=rate_hz, frames_to_read=_CHUNK_FRAMES
        ):
            length += len(chunk)
            if length > MAX_SECONDS * rate_hz:
                raise ValueError(f"it is longer than {MAX_SECONDS // 3600} hours")
            parts.append(np.array(chunk, dtype="<i2"))
    except miniaudio.MiniaudioError as error:
        raise ValueError(f"it cannot be decoded as {kind}: {error}") from error
    if not length:
        raise ValueError("it holds no sound")
    return pcm.to_telephone(pcm.from_int16(np.concatenate(parts).tobytes()), rate_hz)


def main() -> None:
    """Serve until the node is gone."""

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "music":
            samples = pcm.levelled(music.compose(RATE_HZ), pcm.MUSIC_DBOV)
        else:
            samples = decode(request["data"], request["hint"])
        return {"samples": pcm.write(samples, Path(request["path"]))}

    serve(handle)


if __name__ == "__main__":
    main()
