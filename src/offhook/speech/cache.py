"""Rendered speech on disk: bounded, the oldest use goes first, and nothing goes while a call may still play it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

SAFE_S = 3600.0
"""A file that was used so lately is never removed: calls that play it have it open by name."""
SWEEP_EVERY = 200
"""Look at the folder's size after so many new files."""
_VERSION = b"1"
"""Part of every key: another rendering of the same words is another file."""


class Cache:
    """A folder of raw PCM files."""

    def __init__(self, folder: Path, *, limit_bytes: int = 1 << 30) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._added = 0

    def path(self, *key: str) -> Path:
        """Where the sound of these words is, or will be."""
        name = hashlib.sha256(_VERSION + "\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.pcm"

    def has(self, path: Path) -> bool:
        """Whether it is there; it counts as used now."""
        try:
            os.utime(path)
        except OSError:
            return False
        return True

    def added(self) -> None:
        """A file came in; now and then the folder is brought below its limit."""
        self._added += 1
        if self._added % SWEEP_EVERY == 0:
            self.sweep()

    def sweep(self) -> int:
        """Remove what was not used for longest, down to the limit; returns how many files."""
        files = []
        for path in self._folder.glob("??/*.pcm"):
            try:
                status = path.stat()
            except OSError:
                continue
            files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        oldest_safe = time.time() - SAFE_S
        removed = 0
        for used_at, size, path in sorted(files):
            if total <= self._limit_bytes or used_at > oldest_safe:
                break
            path.unlink(missing_ok=True)
            total -= size
            removed += 1
        return removed
