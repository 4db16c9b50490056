"""The file formats of recordings: WAV and MP3, at 8000 Hz, of one channel or two.

Both are playable at every moment: whoever writes them may be killed between any two system calls.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from pathlib import Path
from typing import Protocol

import lameenc

from offhook.audio import RATE_HZ

SAMPLE_OCTETS = 2
MP3_KBIT_PER_CHANNEL = 32
_SIZE = struct.Struct("<I")
_RIFF = struct.Struct("<4sI4s4sIHHIIHH4sI")
_RIFF_SIZE_AT, _DATA_SIZE_AT = 4, 40
_RIFF_LIMIT = 2**32 - 1
"""Octets: sizes are 32 bits wide."""
_LAYER_3_SAMPLES = 576
"""Of a frame of MPEG-2.5 layer III (ISO/IEC 13818-3 section 2.4.2.3)."""
_LAYER_3_SYNC = b"\xff\xe3"
"""MPEG-2.5, layer III, no check sum."""
_QUALITY = 5
"""Of LAME, 0 the best and slowest. At 8000 Hz 2 sounds no better, and costs three times as much."""


class SoundFile(Protocol):
    """A file that grows. All methods raise ``OSError``, after which what was written before is still playable."""

    samples: int
    """How many it holds of each channel."""

    @property
    def octets(self) -> int:
        """How long the file is."""

    def write(self, pcm: bytes) -> None:
        """Append samples: 16 bits, little-endian, channels interleaved."""

    def close(self) -> None:
        """Complete it."""


def open_sound(path: str, channels: int, file_format: str, *, resumed: bool) -> SoundFile:
    """Open a file for writing, in a folder that is made.

    Args:
        path: of a regular file; emptied, unless ``resumed``.
        channels: 1 or 2.
        file_format: ``wav`` or ``mp3``.
        resumed: go on at the end of what is there, if anything is.

    Raises:
        OSError: it cannot be opened, or somebody writes to it: also by another name, also in another process.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        _lock(descriptor)
        if not resumed:
            os.ftruncate(descriptor, 0)
        return Wav(descriptor, channels) if file_format == "wav" else Mp3(descriptor, channels)
    except BaseException:
        os.close(descriptor)
        raise


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, "is being written already") from None
    except OSError:
        return  # a file system without locks: the switch's own book must do


class Wav:
    """16-bit PCM behind a RIFF header of 44 octets, whose two sizes follow every write.

    The samples go first and the sizes after them: whatever happens in between, the header speaks of nothing that is not there.
    """

    def __init__(self, descriptor: int, channels: int) -> None:
        self._descriptor, self._block = descriptor, SAMPLE_OCTETS * channels
        size, header = os.fstat(descriptor).st_size, self._header(channels)
        self.samples = max(0, size - len(header)) // self._block
        if size >= len(header):
            there = os.pread(descriptor, len(header), 0)
            if there[8:_DATA_SIZE_AT] != header[8:_DATA_SIZE_AT]:
                raise _not_ours()
            self._patch()
        else:
            _, error = _write(descriptor, header, 0)
            if error is not None:
                raise error

    @property
    def octets(self) -> int:
        return _RIFF.size + self.samples * self._block

    def write(self, pcm: bytes) -> None:
        if self.octets + len(pcm) > _RIFF_LIMIT:
            raise OSError(errno.EFBIG, "a WAV file holds no more than 4 GiB")
        written, error = _write(self._descriptor, pcm, self.octets)
        self.samples += written // self._block
        self._patch()
        if error is not None:
            raise error

    def close(self) -> None:
        os.close(self._descriptor)

    def _patch(self) -> None:
        data = self.samples * self._block
        os.pwrite(self._descriptor, _SIZE.pack(data), _DATA_SIZE_AT)
        os.pwrite(self._descriptor, _SIZE.pack(data + _RIFF.size - 8), _RIFF_SIZE_AT)

    def _header(self, channels: int) -> bytes:
        rates = (RATE_HZ, RATE_HZ * self._block, self._block, 8 * SAMPLE_OCTETS)
        return _RIFF.pack(b"RIFF", _RIFF.size - 8, b"WAVE", b"fmt ", 16, 1, channels, *rates, b"data", 0)


class Mp3:
    """MPEG-2.5 layer III of constant bit rate: all frames are of one size, so that a file cut anywhere can be gone on with.

    Only whole frames are written. LAME gives them about 0.15 s late, and out of a decoder the sound comes 1105 samples late; an
    encoder that goes on in a file of n frames is therefore fed from sample n * 576 on, as if it had been there before.
    """

    def __init__(self, descriptor: int, channels: int) -> None:
        self._descriptor, self._block = descriptor, SAMPLE_OCTETS * channels
        kbit = MP3_KBIT_PER_CHANNEL * channels
        self._frame_octets = _LAYER_3_SAMPLES * kbit * 1000 // 8 // RATE_HZ
        self._frames = os.fstat(descriptor).st_size // self._frame_octets
        if self._frames and os.pread(descriptor, 2, 0) != _LAYER_3_SYNC:
            raise _not_ours()
        os.ftruncate(descriptor, self.octets)
        self.samples = self._frames * _LAYER_3_SAMPLES
        self._part = b""
        """The beginning of a frame that is not whole yet."""
        self._fed = False
        self._encoder = lameenc.Encoder()
        self._encoder.silence()
        self._encoder.set_bit_rate(kbit)
        self._encoder.set_in_sample_rate(RATE_HZ)
        self._encoder.set_out_sample_rate(RATE_HZ)
        self._encoder.set_channels(channels)
        self._encoder.set_quality(_QUALITY)

    @property
    def octets(self) -> int:
        return self._frames * self._frame_octets

    def write(self, pcm: bytes) -> None:
        self._fed = True
        self._append(bytes(self._encoder.encode(pcm)))
        self.samples += len(pcm) // self._block

    def close(self) -> None:
        try:
            if self._fed:  # else it complains
                self._append(bytes(self._encoder.flush()))
        finally:
            os.close(self._descriptor)

    def _append(self, encoded: bytes) -> None:
        encoded = self._part + encoded
        whole = len(encoded) // self._frame_octets * self._frame_octets
        self._part = encoded[whole:]
        written, error = _write(self._descriptor, encoded[:whole], self.octets)
        self._frames += written // self._frame_octets
        if error is not None:
            os.ftruncate(self._descriptor, self.octets)
            raise error


def _write(descriptor: int, octets: bytes, at: int) -> tuple[int, OSError | None]:
    """Write as much as goes: how much that was, and why it was not all."""
    written = 0
    try:
        while written < len(octets):
            written += os.pwrite(descriptor, memoryview(octets)[written:], at + written)
    except OSError as error:
        return written, error
    return written, None


def _not_ours() -> OSError:
    return OSError(errno.EEXIST, "is not the recording that was begun")
