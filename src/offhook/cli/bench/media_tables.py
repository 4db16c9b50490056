"""The tables of ``offhook bench media``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from offhook.cli.bench.media_cases import PACING_AIM_MS, PACING_LIMIT_MS, CaseResult, Check, quantile

COSTS = ("case", "legs", "ratio", "low – high", "µs", "floor, µs", "kB a leg")
TIMES = ("case", "legs", f"±{PACING_AIM_MS:g} ms", f"±{PACING_LIMIT_MS:g} ms", "key p50", "p99", "most")


def costs(result: CaseResult) -> tuple[str, ...]:
    """What one case costs, in the order of ``COSTS``."""
    ratio, engine, floor = result.spread("ratio"), result.spread("engine_us"), result.spread("floor_us")
    return (
        *_which(result),
        f"{ratio.median:.2f}",
        f"{ratio.low:.2f} – {ratio.high:.2f}",
        f"{engine.median:.2f}",
        f"{floor.median:.2f}",
        f"{result.memory_kb_per_leg:.1f}",
    )


def times(result: CaseResult) -> tuple[str, ...]:
    """How punctual one case is, in the order of ``TIMES``."""
    shares = (f"{result.wire.share(limit):.2f} %" for limit in (PACING_AIM_MS, PACING_LIMIT_MS))
    return (*_which(result), *shares, *(f"{quantile(result.keys_ms, share):.1f} ms" for share in (0.5, 0.99, 1.0)))


def _which(result: CaseResult) -> tuple[str, str]:
    return result.case.name, f"{result.case.legs:,}"


def show(results: Sequence[CaseResult], console: Console) -> None:
    """Figures, phases, budgets, and what is to be known about them."""
    names = list(results[0].phases())
    phases = [(*_which(result), *(f"{us:.2f}" for us in result.phases().values())) for result in results]
    _table(console, "The engine, and the floor of the same sockets: CPU time per leg and 20 ms tick", COSTS, map(costs, results))
    _table(console, "Where the time goes: µs per leg and 20 ms tick", ("case", "legs", *names), phases)
    _table(console, "Gaps on the wire that are 20 ms within …; key to silence on the wire", TIMES, map(times, results))
    for line in _verdicts(results):
        console.print(f"[green]{line}[/]" if line.endswith("ok") else f"[bold red]{line}[/]", highlight=False)
    for line in _notes(results):
        console.print(f"[yellow]{line}[/]", highlight=False)


def _table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="left" if name == "case" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def markdown(results: Sequence[CaseResult]) -> str:
    """The same as Markdown, for ``docs/performance.md``."""
    columns, rows = (*COSTS, *TIMES[2:]), ((*costs(result), *times(result)[2:]) for result in results)
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns), *("| " + " | ".join(row) + " |" for row in rows)]
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
