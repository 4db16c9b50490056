"""A node that notes what it spends its CPU time on: ``python -m offhook.cli.bench.calls_sampled FILE serve …``.

From one SIGUSR2 to the next the system interrupts it again and again, by CPU time and not by the clock; each time the room that
is at work is noted. The counts go to FILE as JSON when it ends.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.001
"""Of CPU time; the system may round it up to its tick (4 ms)."""
ROOMS = {
    "sip": "SIP",
    "xml": "XML",
    "hooks": "HTTP",
    "api": "HTTP",
    "store": "store",
    "media": "media",
    "legs": "legs",
    "calls": "calls",
    "speech": "speech",
    "node": "node",
}
HTTP_PACKAGES = frozenset({"aiohttp", "yarl", "multidict"})
_found: Counter[str] = Counter()


def part_of(frame: FrameType | None) -> str:
    """Whose work this is: the innermost room of ours on the stack; else aiohttp's, or that of the loop and other threads."""
    web = False
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith("offhook."):
            room = ROOMS.get(name.split(".")[1])
            if room is not None:
                return room
        web = web or name.partition(".")[0] in HTTP_PACKAGES
        frame = frame.f_back
    return "HTTP" if web else "loop and threads"


def _sample(_number: int, frame: FrameType | None) -> None:
    _found[part_of(frame)] += 1


def _toggle(_number: int, _frame: FrameType | None) -> None:
    running = signal.getitimer(signal.ITIMER_PROF)[1] > 0
    signal.setitimer(signal.ITIMER_PROF, 0 if running else EVERY_S, 0 if running else EVERY_S)


def main() -> None:
    """Run the command line with the sampler beside it."""
    file = Path(sys.argv.pop(1))
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR2, _toggle)
    from offhook.cli import main as offhook  # noqa: PLC0415 - what it loads is not to be counted

    try:
        offhook()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        file.write_text(json.dumps(_found))


if __name__ == "__main__":
    main()
