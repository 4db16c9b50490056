"""The typer program that every command is mounted on."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook import __version__
from offhook.cli import account, bench, demo, directory, doctor, lint, phone, pool, records, serve, telephony, trunk

app = typer.Typer(
    name="offhook",
    help="A self-hosted voice platform that speaks Plivo Voice XML.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (serve, phone, demo, doctor, lint, bench, account, directory, pool, telephony, trunk, records):
    part.register(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"offhook {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    pass
