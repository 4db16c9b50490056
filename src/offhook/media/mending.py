"""Recordings that were left in the middle: made whole, and measured."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from offhook.audio import RATE_HZ

PATIENCE_S = 10.0
"""How long the process that still writes the file may take to end: nobody speaks to it any more."""
_PAUSE_S = 0.05


def mend(path: Path, file_format: str, channels: int) -> tuple[int, int] | None:
    """Complete a file that nobody writes any more: its sizes are told, half a frame at its end goes. It blocks.

    Returns:
        How long it is, ms, and how large, octets; ``None``: there is no sound in it, or no file.

    Raises:
        OSError: it cannot be read, is something else, or somebody writes to it for longer than ``PATIENCE_S``.
    """
    from offhook.media.containers import open_sound  # noqa: PLC0415 - it loads the encoder, which the switch else never needs

    until = time.monotonic() + PATIENCE_S  # of the machine: this runs in a thread, for a process that is not ours
    while True:
        if not path.exists() or path.stat().st_size == 0:
            return None
        try:
            sound = open_sound(str(path), channels, file_format, resumed=True)
            break
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
    samples, octets = sound.samples, sound.octets
    sound.close()
    os.truncate(path, octets)
    return (samples * 1000 // RATE_HZ, octets) if samples else None
