"""``offhook bench``: what Offhook costs, as ratios measured in one run."""

from __future__ import annotations

import typer

from offhook.cli.bench import api, bridge, calls, media

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Mount ``bench`` with a command for each benchmark."""
    group = typer.Typer(name="bench", help="Measure what Offhook costs on this machine.", no_args_is_help=True)
    group.command("media")(media.run)
    group.command("calls")(calls.run)
    group.command("bridge")(bridge.run)
    group.command("api")(api.run)
    app.add_typer(group)
