"""``offhook bench calls``: set-up and CPU time of whole calls, with a real node, a real web server and real SIP in between."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from offhook.cli.bench.calls_load import CallsResult

SETUP_BUDGET_MS = 6.0
CPU_BUDGET_MS = 3.0


def run(
    calls: Annotated[int, typer.Option(min=10, max=100_000, help="How many, after a warm-up of a tenth.")] = 400,
    rate: Annotated[float, typer.Option(min=1, max=500, help="New calls a second.")] = 20.0,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure whole calls: INVITE, answer URL, 200, hang up by the document, record, hangup request.

    A node, a web server that answers from memory, and a SIP load generator run as processes of their own. The time from
    INVITE to 200 is what the caller sees; the CPU time is the system's account of the node's two processes. Wants a machine with
    two cores and nothing else to do.
    """
    from offhook.cli.bench import calls_load  # noqa: PLC0415 - the rest of the command line starts without it

    result = asyncio.run(calls_load.measure(calls, rate))
    if json_:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        _show(result, Console())
    if result.failed or result.records != result.calls or result.hangups != result.calls:
        raise typer.Exit(1)


def _show(result: CallsResult, console: Console) -> None:
    table = Table(title=f"{result.calls} calls at {result.rate:g} a second", title_justify="left", show_header=False)
    table.add_row("failed", str(result.failed))
    table.add_row("call records, hangup requests", f"{result.records}, {result.hangups}")
    table.add_row("INVITE → 200, median", f"{result.setup_ms(0.5):.1f} ms (budget {SETUP_BUDGET_MS:g})")
    table.add_row("INVITE → 200, p99", f"{result.setup_ms(0.99):.1f} ms")
    table.add_row("CPU a call: switch", f"{result.switch_cpu_ms:.2f} ms")
    table.add_row("CPU a call: media", f"{result.media_cpu_ms:.2f} ms")
    table.add_row("CPU a call: both", f"{result.switch_cpu_ms + result.media_cpu_ms:.2f} ms (budget {CPU_BUDGET_MS:g})")
    console.print(table)
    parts = Table("part of the switch", "CPU a call", "share", title="What the switch does", title_justify="left")
    for name, ms in result.parts_ms.items():
        parts.add_row(name, f"{ms:.2f} ms", f"{100 * ms / max(result.switch_cpu_ms, 1e-9):.0f} %")
    console.print(parts)
