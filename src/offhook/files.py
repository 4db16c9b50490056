"""Folders of raw PCM files that are kept bounded: the oldest use goes first, and nothing goes while a call may still play it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

SAFE_S = 3600.0
"""A file that was used so lately stays: the documents of running calls have it by name."""
PRESSED_SAFE_S = 120.0
"""Where even that leaves twice the limit, this must do: what plays already goes on, the engine has it mapped."""
NOTES_S = 8 * 86_400.0
"""Other files than sounds, which are what is known about a URL, go when they were not written for so long."""
MAX_NOTES = 100_000
_BLOCK_BYTES = 4096


def used(path: Path) -> bool:
    """Whether the file is there; it counts as used now."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


class Keeper:
    """Keeps a folder below its limit. It belongs into the worker that writes there: to look through a large folder takes time."""

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._unseen_bytes = limit_bytes  # what the last process left is looked at with the first file

    def added(self, size_bytes: int) -> None:
        """A file came in, or a request for one; now and then the folder is brought below its limit."""
        self._unseen_bytes += size_bytes + _BLOCK_BYTES
        if self._unseen_bytes >= self._limit_bytes // 20:
            self._unseen_bytes = 0
            sweep(self._folder, limit_bytes=self._limit_bytes)


def sweep(folder: Path, *, limit_bytes: int) -> int:
    """Remove the sounds that were not used for longest, down to the limit, and what else is too old.

    Returns:
        How many sounds went.
    """
    now = time.time()  # held against the times of files, which no virtual clock makes
    sounds: list[tuple[float, int, Path]] = []
    notes: list[tuple[float, Path]] = []
    for path, status in _files(folder):
        if path.suffix == ".pcm":
            sounds.append((status.st_mtime, status.st_size, path))
        elif path.suffix == ".part" and status.st_mtime < now - SAFE_S:
            path.unlink(missing_ok=True)  # whoever wrote it died over it
        elif path.suffix == ".json":
            notes.append((status.st_mtime, path))
    _forget(notes, now)
    return _evict(sounds, limit_bytes, now)


def _evict(sounds: list[tuple[float, int, Path]], limit_bytes: int, now: float) -> int:
    total = sum(size for _, size, _ in sounds)
    removed = 0
    for used_at, size, path in sorted(sounds):
        safe_s = PRESSED_SAFE_S if total > 2 * limit_bytes else SAFE_S
        if total <= limit_bytes or used_at > now - safe_s:
            break
        path.unlink(missing_ok=True)
        total -= size
        removed += 1
    return removed


def _forget(notes: list[tuple[float, Path]], now: float) -> None:
    too_many = len(notes) - MAX_NOTES
    for position, (written_at, path) in enumerate(sorted(notes)):
        if position >= too_many and written_at > now - NOTES_S:
            break
        path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except OSError:  # gone meanwhile
            continue
        yield path, status
