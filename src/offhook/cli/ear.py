"""What a phone hears, as people read it: a live meter on a terminal, and when there was sound and when silence."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from offhook.clock import Clock
from offhook.legs import OutgoingLeg

SILENCE_DBOV = -50.0
"""Quieter than this is silence to the phone."""
GAP_S = 0.8
"""Pauses up to this long belong to the sound around them: words have gaps."""
INTERVAL_MS = 100
_BARS = " ▁▂▃▄▅▆▇█"


class Ear:
    """Follows the level of what is received."""

    def __init__(self, began: float, clock: Clock, console: Console, *, on_span: Callable[[str], None]) -> None:
        """Args:
        began: loop time that spans are counted from.
        on_span: told in words whenever a stretch of sound has ended.
        """
        self._began = began
        self._clock = clock
        self._live = console.is_terminal and not console.quiet
        self._console = console
        self._on_span = on_span
        self._from: float | None = None
        self._last = 0.0
        self.loudest_dbov: float | None = None
        self.spans: list[tuple[float, float]] = []

    @property
    def sound_s(self) -> float:
        """How long there was sound."""
        return round(sum(until - since for since, until in self.spans), 2)

    async def listen(self, leg: OutgoingLeg) -> None:
        """Until it is cancelled or the leg ends."""
        async with leg.meter(INTERVAL_MS) as levels:
            async for level_dbov in levels:
                self._hear(level_dbov, self._clock.now() - self._began)

    def _hear(self, level_dbov: float, at: float) -> None:
        if level_dbov > SILENCE_DBOV:
            if self._from is None:
                self._from = max(0.0, at - INTERVAL_MS / 1000)
            self._last = at
            self.loudest_dbov = round(max(level_dbov, self.loudest_dbov or -127.0), 1)
        elif self._from is not None and at - self._last > GAP_S:
            self.close()
        self._draw(level_dbov)

    def _draw(self, level_dbov: float) -> None:
        """A bar that grows with the level, -60 to 0 dBov, at the bottom of the terminal."""
        if not self._live:
            return
        eighths = round(max(0.0, min(1.0, (level_dbov + 60) / 60)) * 32 * 8)
        bar = "█" * (eighths // 8) + _BARS[eighths % 8 + (1 if eighths % 8 else 0)].strip()
        self._console.file.write(f"\r\x1b[2K         {bar:<33} {level_dbov:6.1f} dBov\r")
        self._console.file.flush()

    def close(self) -> None:
        """The sound that was being heard is over."""
        if self._live:
            self._console.file.write("\r\x1b[2K")
        if self._from is not None:
            span = (round(self._from, 2), round(self._last, 2))
            self.spans.append(span)
            self._from = None
            self._on_span(f"heard sound for {span[1] - span[0]:.1f} s (loudest {self.loudest_dbov:.0f} dBov)")
