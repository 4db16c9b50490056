"""The command line of the fuzzer."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from offhook.testing.sip_fuzz.fuzzing import MAX_GROWTH_BYTES, Report, fuzz, soak
from offhook.testing.sip_fuzz.watch import Finding

PROGRESS_S = 60.0


def main() -> int:
    """Fuzz for some minutes, or so many episodes; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m offhook.testing.sip_fuzz", description="Fuzz the SIP core, in virtual time.")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (1)")
    parser.add_argument("--episodes", type=int, help="stop after so many, e.g. 1 to see a finding again")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first episode (1); the next one has the next number")
    parser.add_argument("--corpus", type=Path, help="a folder of messages (*.sip) to cut pieces from")
    options = parser.parse_args()
    corpus = [path.read_bytes() for path in sorted(options.corpus.glob("*.sip"))] if options.corpus else []
    report = fuzz(options.seed, corpus=corpus, more=_watch(options.minutes, options.episodes))
    if options.episodes is None:
        _soak(options.seed, report, corpus)
    _say(report)
    return 1 if report.found else 0


def _watch(minutes: float, episodes: int | None) -> Callable[[Report], bool]:
    start = last = time.monotonic()
    seen = 0

    def more(report: Report) -> bool:
        nonlocal last, seen
        now = time.monotonic()
        for found in report.found[seen:]:
            _print(f"\n{found}\n")
        seen = len(report.found)
        if now - last >= PROGRESS_S:
            last = now
            _print(f"{(now - start) / 60:.0f} min: {_line(report.figures)}")
        return now - start < 60 * minutes if episodes is None else report.figures["episodes"] < episodes

    return more


def _soak(seed: int, report: Report, corpus: list[bytes]) -> None:
    try:
        grown = soak(seed, Counter(), corpus)
        _print(f"one core through many conversations: {grown} bytes of growth, {MAX_GROWTH_BYTES} allowed")
    except Finding as error:
        report.figures["findings"] += 1
        _print(f"{error}")


def _say(report: Report) -> None:
    _print(f"done: {_line(report.figures)}")


def _line(figures: Counter[str]) -> str:
    return ", ".join(f"{name} {figures[name]:,}" for name in sorted(figures))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
