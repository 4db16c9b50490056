"""Makes static/chime.wav: two bell strokes, one second, 16-bit mono at 16 kHz."""

import math
import struct
import wave
from pathlib import Path

RATE = 16_000


def stroke(at: float, frequency: float, time: float) -> float:
    """A bell that was struck at a time, s."""
    if time < at:
        return 0.0
    decay = math.exp(-5 * (time - at))
    return decay * sum(math.sin(2 * math.pi * frequency * overtone * time) / overtone for overtone in (1, 2.01, 3.02))


def main() -> None:
    """Write the file."""
    samples = [0.25 * (stroke(0.0, 659.26, n / RATE) + stroke(0.35, 523.25, n / RATE)) for n in range(RATE)]
    with wave.open(str(Path(__file__).parent / "static" / "chime.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<h", round(20_000 * each)) for each in samples))


if __name__ == "__main__":
    main()
