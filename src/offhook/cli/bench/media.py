"""``offhook bench media``: CPU time of the media engine against the floor of the same run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from offhook.cli.bench.media_load import MediaResult

BUDGET = 1.45
AIM = 1.2
MEMORY_BUDGET_KB = 40.0


def run(
    legs: Annotated[int, typer.Option(min=2, max=8000, help="PCMU both ways, each playing a clip.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="About how long to measure.")] = 20.0,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write a chart to this file.")] = None,
) -> None:
    """Measure the media engine: CPU time per leg and 20 ms tick, as a ratio to the floor.

    The floor is a bare Python loop of send and recv_into on as many connected sockets, measured in turns with the engine
    against the same peer. Wants a machine with two cores and nothing else to do.
    """
    from offhook.cli.bench import chart, media_load  # noqa: PLC0415 - the rest of the command line starts without them

    result = asyncio.run(media_load.measure(legs, seconds))
    if svg is not None:
        svg.write_text(chart.media(result), encoding="utf-8")
    if json_:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        _show(result, Console())


def _show(result: MediaResult, console: Console) -> None:
    from offhook.cli.bench.media_load import median, phases  # noqa: PLC0415 - as above

    plain, bridged = phases(result.plain), phases(result.bridged)
    table = Table(
        title=f"{result.legs} legs, PCMU both ways, each playing a clip: CPU time per leg and 20 ms tick", title_justify="left"
    )
    table.add_column("µs")
    table.add_column("plain", justify="right")
    table.add_column("bridged", justify="right")
    for name, us in plain.items():
        table.add_row(f"  {name}", f"{us:.2f}", f"{bridged[name]:.2f}")
    table.add_section()
    engine, floor = ([median(turns, name) for turns in (result.plain, result.bridged)] for name in ("engine_us", "floor_us"))
    table.add_row("media engine, whole process", *(f"{us:.2f}" for us in engine))
    table.add_row("floor: bare send + recv_into", *(f"{us:.2f}" for us in floor))
    table.add_section()
    ratios = [median(turns, "ratio") for turns in (result.plain, result.bridged)]
    table.add_row("ratio, median of the turns", *(f"[bold]{ratio:.2f}[/]" for ratio in ratios))
    console.print(table)
    within = result.within_ms()
    console.print(f"budget   {BUDGET} × the floor for a plain leg, aim {AIM}")
    console.print(f"memory   {result.memory_kb_per_leg:.1f} kB per leg (budget {MEMORY_BUDGET_KB:.0f})")
    console.print(f"pacing   {within['0.75']} % of the ticks within ±0.75 ms, {within['2.0']} % within ±2 ms")
    console.print(f"packets  {result.packets_lost_percent:.2f} % lost, {result.ticks_skipped} ticks left out")
    cpu_us = engine[0] * 50
    console.print(f"so       {cpu_us:.0f} µs of CPU per leg-second: one core carries about {1e6 / cpu_us:,.0f} such legs")
