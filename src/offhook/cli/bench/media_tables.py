"""The tables of ``offhook bench media``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from offhook.cli.bench.media_cases import PACING_AIM_MS, PACING_LIMIT_MS, CaseResult, Check, quantile

COLUMNS = (
    "case",
    "legs",
    "ratio",
    "low – high",
    "µs",
    "floor µs",
    "kB a leg",
    f"wire ±{PACING_AIM_MS:g} ms",
    f"±{PACING_LIMIT_MS:g} ms",
    "key p50",
    "p99",
)


def row(result: CaseResult) -> tuple[str, ...]:
    """The figures of one case, in the order of ``COLUMNS``."""
    ratio, engine, floor = (result.spread(name) for name in ("ratio", "engine_us", "floor_us"))
    return (
        result.case.name,
        f"{result.case.legs:,}",
        f"{ratio.median:.2f}",
        f"{ratio.low:.2f} – {ratio.high:.2f}",
        f"{engine.median:.2f}",
        f"{floor.median:.2f}",
        f"{result.memory_kb_per_leg:.1f}",
        f"{result.wire.share(PACING_AIM_MS):.2f} %",
        f"{result.wire.share(PACING_LIMIT_MS):.2f} %",
        f"{quantile(result.keys_ms, 0.5):.1f} ms",
        f"{quantile(result.keys_ms, 0.99):.1f} ms",
    )


def show(results: Sequence[CaseResult], console: Console) -> None:
    """Figures, phases, budgets, and what is to be known about them."""
    figures = Table(title="The media engine, and the floor of the same sockets in the same run", title_justify="left")
    for name in COLUMNS:
        figures.add_column(name, justify="left" if name == "case" else "right")
    for result in results:
        figures.add_row(*row(result))
    console.print(figures)
    names = list(results[0].phases())
    phases = Table(title="CPU time per leg and 20 ms tick, µs, by step of the tick", title_justify="left")
    for name in ("case", "legs", *names):
        phases.add_column(name, justify="left" if name == "case" else "right")
    for result in results:
        phases.add_row(result.case.name, f"{result.case.legs:,}", *(f"{us:.2f}" for us in result.phases().values()))
    console.print(phases)
    for line in _verdicts(results):
        console.print(f"[green]{line}[/]" if line.endswith("ok") else f"[bold red]{line}[/]", highlight=False)
    for line in _notes(results):
        console.print(f"[yellow]{line}[/]", highlight=False)


def markdown(results: Sequence[CaseResult]) -> str:
    """The same as Markdown, for ``docs/performance.md``."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(row(result)) + " |" for result in results]
    lines += ["", *(f"- {line}" for line in _verdicts(results)), *(f"- {line}" for line in _notes(results))]
    return "\n".join(lines)


def _verdicts(results: Sequence[CaseResult]) -> Iterator[str]:
    for result in results:
        for check in result.checks():
            yield f"{result.case.name}, {result.case.legs:,} legs: {_verdict(check)}"


def _verdict(check: Check) -> str:
    aim = "" if check.aim is None else f", aim {check.aim:g}"
    return f"{check.what} {check.value:.2f} {check.unit} (budget {check.limit:g}{aim}): {'ok' if check.ok else 'over'}"


def _notes(results: Sequence[CaseResult]) -> Iterator[str]:
    for result in results:
        where = f"{result.case.name}, {result.case.legs:,} legs"
        if result.disturbed:
            yield f"{where}: disturbed: {result.disturbed}"
        if result.ticks_skipped or result.packets_lost_percent >= 0.01:
            yield f"{where}: {result.ticks_skipped} ticks left out, {result.packets_lost_percent:.2f} % of the packets lost"
        if result.keys_unanswered:
            yield f"{where}: {result.keys_unanswered} keys did not stop their prompt"
