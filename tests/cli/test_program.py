"""The program: its commands are loaded one by one, and none is lost."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections import defaultdict

import pytest
import typer
from typer.testing import CliRunner

from offhook.cli.program import MODULES, app


def test_every_module_mounts_the_commands_that_are_said_to_be_its() -> None:
    said = defaultdict(set)
    for name, module in MODULES.items():
        said[module].add(name)
    for module, names in said.items():
        part = typer.Typer()
        importlib.import_module(f"offhook.cli.{module}").register(part)
        assert set(typer.main.get_group(part).commands) == names


def test_help_names_them_all() -> None:
    told = CliRunner().invoke(app, ["--help"]).output
    assert [name for name in MODULES if f" {name} " not in told] == []


@pytest.mark.parametrize("asked", ["--version", "lint --help"])
def test_a_command_loads_no_telephony(asked: str) -> None:
    code = f"""
import sys
from offhook.cli.program import app
try:
    app({asked.split()})
except SystemExit:
    pass
print(sorted(name for name in sys.modules if name in {{"offhook.sip", "offhook.legs", "offhook.store", "sqlalchemy"}}))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command() -> None:
    result = CliRunner().invoke(app, ["dial"])
    assert result.exit_code == 2
    assert "No such command 'dial'" in result.output
