"""``offhook bench bridge``: what a node adds from mouth to ear when it connects two phones."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

DELAY_BUDGET_MS = 80.0


def run(
    calls: Annotated[int, typer.Option(min=1, max=500, help="How many bridged calls at once.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, max=36_000, help="How long they talk.")] = 20.0,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with status 1 when the median is over its budget.")] = False,
) -> None:
    """Measure the delay between two phones that a Dial connects, and count what is lost between them.

    Every call comes in by SIP, its document dials the other phone by SIP, and both send numbered frames of PCMU, 20 ms each.
    The delay is from the sending of a frame to the moment at which the kernel has it for the other phone: what the node adds,
    with its playout. The phones are one process, which wants a core of its own.
    """
    from offhook.cli.bench import bridge_load  # noqa: PLC0415 - the rest of the command line starts without it

    result = asyncio.run(bridge_load.measure(calls, seconds))
    if json_:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        sent, heard, twice = result.frames
        table = Table(title=f"{calls} bridged calls for {seconds:g} s", title_justify="left", show_header=False)
        table.add_row("failed", str(len(result.failed)))
        table.add_row("added from mouth to ear, median", f"{result.delay_ms(0.5):.1f} ms (budget {DELAY_BUDGET_MS:g})")
        table.add_row("95 %, 99 %", f"{result.delay_ms(0.95):.1f}, {result.delay_ms(0.99):.1f} ms")
        table.add_row("frames sent, heard, heard twice", f"{sent:,}, {heard:,}, {twice}")
        Console().print(table)
    if result.failed or (check and not result.delay_ms(0.5) <= DELAY_BUDGET_MS):
        raise typer.Exit(1)
