"""The worker process of espeak-ng, which is GPL-3 and keeps its state in globals: two reasons for a process of its own."""

from __future__ import annotations

import ctypes
import ctypes.util
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from offhook import pcm
from offhook.speech import phonemes, worker

_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _PITCH = 1, 3
_WORDS_PER_MINUTE = 165
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, with one voice at a time."""

    def __init__(self) -> None:
        library, data = _library()
        self._library = ctypes.CDLL(library)
        self.rate_hz = float(self._library.espeak_Initialize(_SYNCHRONOUS, 60, data, 0))
        if self.rate_hz <= 0:
            raise OSError("espeak-ng did not start")
        self._parts: list[bytes] = []
        self._callback = _CALLBACK(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
        return 0

    def speak(self, text: str, voice: str, rate: float, pitch: float) -> pcm.Samples:
        """Render a text.

        Args:
            rate: 1 is the usual speed.
            pitch: 1 is the usual height.
        """
        for name in (voice, voice.partition("+")[0]):
            if self._library.espeak_SetVoiceByName(name.encode()) == 0:
                break
        else:
            raise ValueError(f"espeak-ng has no voice {voice}")
        self._library.espeak_SetParameter(_RATE, int(min(max(_WORDS_PER_MINUTE * rate, 80), 450)), 0)
        self._library.espeak_SetParameter(_PITCH, int(min(max(50 * pitch, 0), 99)), 0)
        self._parts.clear()
        data = text.replace("\0", " ").encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return pcm.from_int16(b"".join(self._parts))


def _library() -> tuple[str, bytes | None]:
    """The library's path and its data's, from the Python package that brings both or from the system."""
    if find_spec("espeakng_loader") is not None:
        loader = import_module("espeakng_loader")
        return str(loader.get_library_path()), str(loader.get_data_path()).encode()
    found = ctypes.util.find_library("espeak-ng")
    if found is None:
        raise OSError("espeak-ng is not installed")
    return found, None


def main() -> None:
    """Render texts until the node is gone."""
    espeak = Espeak()

    def speak(request: dict[str, Any]) -> tuple[pcm.Samples, float]:
        return espeak.speak(
            phonemes.unmarked(request["text"]), request["voice"], request["rate"], request["pitch"]
        ), espeak.rate_hz

    worker.render(speak)


if __name__ == "__main__":
    main()
