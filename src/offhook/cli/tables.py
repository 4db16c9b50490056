"""Lists, as people and programs read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from offhook.printable import printable

WIDE = 1000
"""Columns where nobody looks: what is piped into another program is whole, one line a row."""


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table. In a terminal it has the width of that, and ids stay whole as long as there is room."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(each)) for each in row))
    if sys.stdout.isatty():
        Console().print(table)
        return
    console = Console(width=WIDE, highlight=False)
    with console.capture() as printed:
        console.print(table)
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))
