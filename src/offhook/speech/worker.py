"""What the worker processes of all engines have in common: requests in, levelled files out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offhook import pcm
from offhook.files import Keeper
from offhook.workers import serve

Speak = Callable[[dict[str, Any]], tuple[pcm.Samples, float]]
"""The request's ``text`` as samples and their rate, Hz; it reads ``voice``, ``rate`` and ``pitch`` too."""


def render(speak: Speak) -> None:
    """Serve until the node is gone. Command line: the folder of rendered speech, and its limit in octets."""
    keeper = Keeper(Path(sys.argv[1]), limit_bytes=int(sys.argv[2]))

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        samples, rate_hz = speak(request)
        sound = pcm.levelled(pcm.to_telephone(samples, rate_hz), pcm.SPEECH_DBOV + request["volume_db"])
        written = pcm.write([sound], Path(request["path"]))
        keeper.added(2 * written)
        return {"samples": written}

    serve(handle)
