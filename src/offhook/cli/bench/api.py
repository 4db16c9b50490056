"""``offhook bench api``: how long the REST API takes over a store full of call records, with a real node and real HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from offhook.cli.bench.api_load import ApiResult

BUDGET_MS = 20.0


def run(
    records: Annotated[int, typer.Option(min=1000, max=10_000_000, help="Call records of 90 days.")] = 100_000,
    requests: Annotated[int, typer.Option(min=10, max=100_000, help="Of each kind.")] = 200,
    database: Annotated[
        str | None, typer.Option(help="An empty database, postgresql://…; it is emptied again. Else a file of SQLite.")
    ] = None,
    writes: Annotated[float, typer.Option(min=0, max=1000, help="Records that are added a second meanwhile.")] = 10.0,
    json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Measure the REST API over many call records: a call by its UUID, and lists by every filter.

    Each kind of request draws its values as customers would: some that are often asked for, some that nobody asked for before.
    A node runs as a process of its own, requests come one after another over one connection. Wants a machine with two cores and
    nothing else to do.
    """
    from offhook.cli.bench import api_load  # noqa: PLC0415 - the rest of the command line starts without it

    result = asyncio.run(api_load.measure(records, requests, database, writes))
    if json_:
        typer.echo(json.dumps(result.as_json(), indent=2))
    else:
        _show(result, Console())
    if result.failed:
        raise typer.Exit(1)


def _show(result: ApiResult, console: Console) -> None:
    title = (
        f"{result.records:,} records on {result.where}, written in {result.filled_s:.1f} s ({result.records_per_s:,.0f} a second)"
    )
    table = Table("request", "found", "p50, ms", "p99, ms", "most, ms", title=title, title_justify="left")
    for each in result.cases:
        p99 = each.quantile(0.99)
        shown = f"[bold]{p99:.1f}[/]" if p99 > BUDGET_MS else f"{p99:.1f}"
        table.add_row(each.name, f"{each.found:,}", f"{each.quantile(0.5):.1f}", shown, f"{max(each.took_ms):.1f}")
    console.print(table)
    console.print(f"budget: p99 under {BUDGET_MS:g} ms; requests that failed: {result.failed}")
