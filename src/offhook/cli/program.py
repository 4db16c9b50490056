"""The typer program that every command is mounted on. A command's module is loaded when that command is asked for."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from offhook import __version__

MODULES = {
    "serve": "serve",
    "call": "phone",
    "demo": "demo",
    "doctor": "doctor",
    "lint": "lint",
    "bench": "bench",
    "account": "account",
    "app": "directory",
    "number": "directory",
    "pool": "pool",
    "endpoint": "telephony",
    "trunk": "trunk",
    "calls": "records",
    "hooks": "hooks",
    "recordings": "recordings",
}
"""Command → the module of this package whose ``register`` mounts it, in the order of ``offhook --help``."""


class _Commands(TyperGroup):
    """Loads the modules of commands one by one: all of them together take half a second, and one is wanted."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in MODULES and cmd_name not in self.commands:
            part = typer.Typer()
            importlib.import_module(f"offhook.cli.{MODULES[cmd_name]}").register(part)
            self.commands.update(typer.main.get_group(part).commands)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="offhook",
    cls=_Commands,
    help="A self-hosted voice platform that speaks Plivo Voice XML.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"offhook {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    pass
