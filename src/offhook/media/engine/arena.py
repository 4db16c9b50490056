"""All clips in one range of addresses, so that a single gather reads the next frame of every leg, whichever clip it plays.

A large range is reserved once (it costs nothing: it reads as zeros and holds no memory), and each clip's file is mapped into a
part of it. Clips that several legs play are mapped once; those that nobody plays stay mapped until room or their number asks
for it.

The files must not be cut short or rewritten while they are mapped: whoever replaces a clip puts a new file in its place.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offhook.media.engine.arrays import FRAME_SAMPLES, Matrix, Samples

_RESERVED = 2**38
"""Octets of address space: 190 days of audio."""
_PAGE = mmap.PAGESIZE
_IDLE_LIMIT = 4096
"""Clips that stay mapped although nobody plays them. Linux allows 65,530 mappings a process."""
_MAP_NORESERVE = 0x4000
_MAP_FIXED = 0x10
_SAMPLE_OCTETS = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


@dataclass(eq=False, slots=True)
class Extent:
    """A clip's place in the arena."""

    key: object
    at: int
    """The index of its first sample."""
    samples: int
    octets: int
    """Whole pages."""
    users: int = 0


class Arena:
    """The range of addresses and what is mapped where. Index 0 to 159 is silence, and is nobody's."""

    SILENCE = 0

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _RESERVED, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, prot=mmap.PROT_READ)
        self.samples: Samples = np.frombuffer(self._memory, np.int16)
        self._base = self.samples.ctypes.data
        self.windows: Matrix = np.lib.stride_tricks.as_strided(
            self.samples, (len(self.samples) - FRAME_SAMPLES, FRAME_SAMPLES), (_SAMPLE_OCTETS, _SAMPLE_OCTETS), writeable=False
        )
        """``windows[i]`` are the 160 samples from index ``i`` on."""
        self._extents: dict[object, Extent] = {}
        self._idle: OrderedDict[object, Extent] = OrderedDict()
        self._free: list[tuple[int, int]] = [(_PAGE, _RESERVED - _PAGE)]

    def clip(self, path: str) -> Extent:
        """Map a file of raw PCM, or take it once more, until ``release``. Raises ``OSError`` when it cannot be read."""
        found = os.stat(path)  # noqa: PTH116 - for every clip of every prompt
        # Not its time: that says when it was last used. The inode is not given away again while the file is mapped.
        key = (path, found.st_dev, found.st_ino, found.st_size)
        return self._take(key, lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def sound(self, key: object, render: Callable[[], Samples]) -> Extent:
        """Samples that are computed, under a name by which they are found again."""

        def descriptor() -> int:
            memory = os.memfd_create("offhook-tone")
            os.write(memory, render().tobytes())
            return memory

        return self._take(("sound", key), descriptor)

    def release(self, extent: Extent) -> None:
        """One user less."""
        extent.users -= 1
        if extent.users == 0:
            self._idle[extent.key] = extent
            while len(self._idle) > _IDLE_LIMIT:
                self._unmap(self._idle.popitem(last=False)[1])

    def _take(self, key: object, descriptor: Callable[[], int]) -> Extent:
        extent = self._extents.get(key)
        if extent is None:
            fd = descriptor()
            try:
                extent = self._map(key, fd)
            finally:
                os.close(fd)
            self._extents[key] = extent
        self._idle.pop(key, None)
        extent.users += 1
        return extent

    def _map(self, key: object, fd: int) -> Extent:
        size = os.fstat(fd).st_size
        octets = max(1, -(-size // _PAGE)) * _PAGE
        at = self._allocate(octets)
        # The file may be empty: then the zeros that are there already will do.
        if size and self._mmap(at, octets, mmap.MAP_SHARED | _MAP_FIXED, fd) is None:
            self._free.append((at, octets))
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        if size:
            os.posix_fadvise(fd, 0, size, os.POSIX_FADV_WILLNEED)
        return Extent(key, at // _SAMPLE_OCTETS, size // _SAMPLE_OCTETS, octets)

    def _mmap(self, at: int, octets: int, flags: int, fd: int) -> int | None:
        address: int | None = _libc.mmap(self._base + at, octets, mmap.PROT_READ, flags, fd, 0)
        return None if address in {None, ctypes.c_void_p(-1).value} else address

    def _unmap(self, extent: Extent) -> None:
        """Put zeros in its place, so that the range stays whole."""
        at = extent.at * _SAMPLE_OCTETS
        del self._extents[extent.key]
        self._mmap(at, extent.octets, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_FIXED, -1)
        self._free.append((at, extent.octets))

    def _allocate(self, octets: int) -> int:
        """First fit. When nothing fits, the clips that nobody plays go, and neighbouring gaps are joined."""
        while True:
            for i, (at, size) in enumerate(self._free):
                if size >= octets:
                    self._free[i : i + 1] = [(at + octets, size - octets)] if size > octets else []
                    return at
            if not self._idle:
                raise OSError(12, "the arena is full")
            while self._idle:
                self._unmap(self._idle.popitem(last=False)[1])
            self._join()

    def _join(self) -> None:
        joined: list[tuple[int, int]] = []
        for at, size in sorted(self._free):
            if joined and joined[-1][0] + joined[-1][1] == at:
                joined[-1] = (joined[-1][0], joined[-1][1] + size)
            else:
                joined.append((at, size))
        self._free = joined
