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
    legs: Annotated[int, typer.Option(min=2, max=8000, help="Plain legs: PCMU both ways, each playing a clip.")] = 1000,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="About how long to measure.")] = 15.0,
    rooms: Annotated[bool, typer.Option(help="Bridge the legs in pairs, so that every leg is also mixed.")] = True,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write a chart to this file.")] = None,
) -> None:
    """Measure the media engine: CPU time per leg and 20 ms tick, as a ratio to the floor.

    The floor is a bare Python loop of send and recv_into on as many connected sockets, measured in turns with the engine
    against the same peer. Wants a machine with two cores and nothing else to do.
    """
    from offhook.cli.bench import chart, media_load  # noqa: PLC0415 - the rest of the command line starts without them

    result = asyncio.run(media_load.measure(legs, seconds, rooms=rooms))
    if svg is not None:
        svg.write_text(chart.media(result), encoding="utf-8")
    if json_:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        _show(result, Console())


def _show(result: MediaResult, console: Console) -> None:
    table = Table(
        title=f"{result.legs} legs, PCMU both ways, playing a clip{', bridged in pairs' if result.rooms else ''}",
        title_justify="left",
    )
    table.add_column("per leg and 20 ms tick")
    table.add_column("µs", justify="right")
    for name, us in result.phases_us.items():
        table.add_row(f"  {name}", f"{us:.2f}")
    table.add_section()
    table.add_row("media engine, whole process", f"{result.middle('engine_us'):.2f}")
    table.add_row("floor: bare send + recv_into", f"{result.middle('floor_us'):.2f}")
    console.print(table)
    ratio = result.middle("ratio")
    ratios = ", ".join(f"{turn.ratio:.2f}" for turn in result.rounds)
    console.print(f"ratio    [bold]{ratio:.2f}[/] × the floor (budget {BUDGET}, aim {AIM}; rounds: {ratios})")
    console.print(f"memory   {result.memory_kb_per_leg:.1f} kB per leg (budget {MEMORY_BUDGET_KB:.0f})")
    within = result.within_ms()
    console.print(f"pacing   {within['0.75']} % of the ticks within ±0.75 ms, {within['2.0']} % within ±2 ms")
    console.print(f"packets  {result.packets_lost_percent:.2f} % lost, {result.ticks_skipped} ticks left out")
    cpu_us = result.middle("engine_us") * 50
    console.print(f"so       {cpu_us:.0f} µs of CPU per leg-second: about {1e6 / cpu_us:,.0f} such legs would fill one core")
