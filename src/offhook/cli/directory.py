"""``offhook app`` and ``offhook number``: which application runs which number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.records import Application
from offhook.settings import load
from offhook.store import Store

apps = typer.Typer(help="Applications: the web hooks that run calls.", no_args_is_help=True)
numbers = typer.Typer(help="Numbers, and the applications that they run.", no_args_is_help=True)
Config = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.")]
Data = Annotated[str | None, typer.Option("--data", help="The node's data folder.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(apps, name="app")
    app.add_typer(numbers, name="number")


def with_store[T](work: Callable[[Store], Awaitable[T]], config: Path | None, data: str | None) -> T:
    pass
