"""Rendered speech on disk, by what was said and how."""

from __future__ import annotations

import hashlib
from pathlib import Path

from offhook import files

SWEEP_EVERY = 200
"""Look at the folder's size after so many new files."""
_VERSION = "1"
"""Part of every key: another rendering of the same words is another file."""


class Cache:
    """A bounded folder of raw PCM files."""

    def __init__(self, folder: Path, *, limit_bytes: int = 1 << 30) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._added = 0

    def path(self, *key: str) -> Path:
        """Where the sound of these words is, or will be."""
        name = hashlib.sha256("\0".join((_VERSION, *key)).encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.pcm"

    def has(self, path: Path) -> bool:
        """Whether it is there; it counts as used now."""
        return files.used(path)

    def added(self) -> None:
        """A file came in; now and then the folder is brought below its limit."""
        self._added += 1
        if self._added % SWEEP_EVERY == 0:
            files.sweep(self._folder, limit_bytes=self._limit_bytes)
