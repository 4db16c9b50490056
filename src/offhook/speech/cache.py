"""Rendered speech on disk, by what was said and how."""

from __future__ import annotations

import hashlib
from pathlib import Path

from offhook import files

LIMIT_BYTES = 1 << 30
"""About 18 hours of speech."""
_VERSION = "2"
"""Part of every key: another rendering of the same words is another file."""


class Cache:
    """A folder of raw PCM files. The workers that write them keep it bounded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, *key: str) -> Path:
        """Where the sound of these words is, or will be."""
        name = hashlib.sha256("\0".join((_VERSION, *key)).encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.pcm"

    def has(self, path: Path) -> bool:
        """Whether it is there; it counts as used now."""
        return files.used(path)
