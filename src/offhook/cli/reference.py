"""The commands as Markdown, made from the program itself: ``python -m offhook.cli.reference > docs/commands.md``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from offhook.cli.program import app

_TOP = """# Commands

Made from the program itself (`python -m offhook.cli.reference`); `offhook COMMAND --help` says the same.
Every option of `serve` is a setting too: see [settings](settings.md).
"""


def markdown() -> str:
    """The page."""
    return _TOP + "".join(_section(path, command) for path, command in _commands("offhook", typer.main.get_command(app)))


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that can be run, groups left out."""
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        yield from _commands(f"{path} {name}", command.get_command(None, name))


def _section(path: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    usage = " ".join([path, *(_placeholder(each) for each in arguments), *(["[OPTIONS]"] if options else [])])
    text = f"\n## {path}\n\n```\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}\n"
    if options:
        rows = "\n".join(_row(each) for each in options)
        text += f"\n| option | default | meaning |\n| --- | --- | --- |\n{rows}\n"
    return text


def _placeholder(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _row(option: Any) -> str:
    default = "" if option.default in {None, "", False} or callable(option.default) else f"`{option.default}`"
    return f"| `{'`, `'.join(option.opts)}` | {default} | {option.help or ''} |"


if __name__ == "__main__":
    print(markdown(), end="")
