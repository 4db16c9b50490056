"""The worker process of the English voice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from hibari import Hibari

from offhook import pcm
from offhook.workers import serve

_LONG_NUMBER = re.compile(r"\d{16,}")


def main() -> None:
    """Render texts until the node is gone."""
    voice = Hibari()
    rate_hz = float(voice.sample_rate)

    def render(request: dict[str, Any]) -> dict[str, Any]:
        # The voice stumbles over endless numbers; read digit by digit they are also what the listener wants.
        text = _LONG_NUMBER.sub(lambda found: " ".join(found[0]), request["text"])
        parts = list(voice.stream(text, speed=min(max(request["rate"], 0.5), 2.0)))
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        sound = pcm.levelled(pcm.to_telephone(samples.astype(np.float32), rate_hz), pcm.SPEECH_DBOV + request["volume_db"])
        return {"samples": pcm.write(sound, Path(request["path"]))}

    serve(render)


if __name__ == "__main__":
    main()
