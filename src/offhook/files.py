"""Folders of raw PCM files that are kept bounded: the oldest use goes first, and nothing goes while a call may still play it."""

from __future__ import annotations

import os
import time
from pathlib import Path

SAFE_S = 3600.0
"""A file that was used so lately is never removed: calls that play it have it open by name."""


def used(path: Path) -> bool:
    """Whether the file is there; it counts as used now."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def sweep(folder: Path, *, limit_bytes: int, suffix: str = ".pcm") -> int:
    """Remove what was not used for longest, down to the limit; returns how many files."""
    files = []
    for path in folder.rglob(f"*{suffix}"):
        try:
            status = path.stat()
        except OSError:
            continue
        files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    oldest_safe = time.time() - SAFE_S
    removed = 0
    for used_at, size, path in sorted(files):
        if total <= limit_bytes or used_at > oldest_safe:
            break
        path.unlink(missing_ok=True)
        total -= size
        removed += 1
    return removed
