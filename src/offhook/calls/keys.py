"""Keys that are pressed towards a party: ``DTMF``, ``sendDigits``, ``send_digits`` (reference ``xml.md`` section 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.audio import DIGITS, DIGITS_HZ, Playlist, Silence, Sound, Tone, Track
from offhook.calls.ports import AnyLeg

TONE_MS = 200
GAP_MS = 100
PAUSES_MS = {"w": 500, "W": 1000}
_TONE_LENGTH = re.compile(r"@(\d{1,5})\s*$")


@dataclass(frozen=True, slots=True)
class Row:
    """Keys and pauses in their order."""

    keys: str
    """``DIGITS``, ``w`` and ``W``."""
    tone_ms: int
    """How long each is held."""
    skipped: str = ""
    """What the text had besides, which cannot be sent."""


def read(text: str, tone_ms: int = TONE_MS) -> Row:
    """Split a text; ``@ms`` at its end says how long each key is held, else ``tone_ms`` does."""
    length = _TONE_LENGTH.search(text)
    if length is not None:
        tone_ms = min(max(int(length[1]), 50), 10_000)
        text = text[: length.start()]
    text = "".join(text.split())
    keys = "".join(each.upper() if each in "abcd" else each for each in text if each in DIGITS + "abcdwW")
    return Row(keys, tone_ms, "".join(each for each in text if each not in DIGITS + "abcdwW"))


async def press(leg: AnyLeg, row: Row, *, inband: bool = False) -> None:
    """Press them; returns when the last was sent.

    Args:
        inband: as tones, whatever was agreed: for whom telephone events do not reach.

    Raises:
        LegGone: the far end has left.
    """
    if inband:
        await leg.play(Playlist((Track(_tones(row)),))).wait()
    else:
        await leg.send_digits(row.keys, tone_ms=row.tone_ms, gap_ms=GAP_MS)


def _tones(row: Row) -> tuple[Sound, ...]:
    sounds: list[Sound] = []
    for key in row.keys:
        if key in PAUSES_MS:
            sounds.append(Silence(PAUSES_MS[key]))
        else:
            sounds += [Tone(DIGITS_HZ[key], row.tone_ms), Silence(GAP_MS)]
    return tuple(sounds)
