"""The worker process of the English voice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from hibari import Hibari

from offhook import pcm
from offhook.speech import phonemes, worker

_LONG_NUMBER = re.compile(r"\d{16,}")
_SEED = 1
"""Of the noise in the voice: the same words sound the same each time they are rendered."""
_OUTPUTS = 6
"""Of the model; the last one is the melody, Hz for each frame."""


class Pitched:
    """The voice's model, with its melody moved up or down: the timbre stays, as it does when people raise their voice."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.pitch = 1.0

    def run(self, names: Any, inputs: Mapping[str, Any]) -> list[Any]:
        """As the model's own."""
        outputs = list(self._model.run(names, inputs))
        if len(outputs) == _OUTPUTS:
            outputs[-1] = outputs[-1] * np.float32(self.pitch)
        return outputs


def plain(text: str) -> str:
    """Text without what the engine would not read as text.

    It stumbles over endless numbers, which are better read digit by digit anyway, and takes ``[a](b)`` for a pronunciation.
    """
    text = _LONG_NUMBER.sub(lambda found: " ".join(found[0]), text)
    return phonemes.inline(text.replace("](", "] ("))


def main() -> None:
    """Render texts until the node is gone."""
    voice = Hibari()
    model = Pitched(voice.sess)
    voice.sess = model

    def speak(request: dict[str, Any]) -> tuple[pcm.Samples, float]:
        model.pitch = min(max(request["pitch"], 0.5), 2.0)
        speed = min(max(request["rate"], 0.5), 2.0)
        parts = list(voice.stream(plain(request["text"]), speed=speed, seed=_SEED))
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return samples.astype(np.float32), float(voice.sample_rate)

    worker.render(speak)


if __name__ == "__main__":
    main()
