"""What README and docs show is true: code runs, commands exist, documents lint clean, links lead somewhere."""

from __future__ import annotations

import configparser
import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from offhook import settings, xml
from offhook.cli import reference
from offhook.cli.program import app
from offhook.legs import NotAnswered
from offhook.testing.live import NodeProcess, call, free_port

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> Iterator[pytest.ParameterSet]:
    for page in PAGES:
        for number, block in enumerate(each[2] for each in _BLOCK.finditer(page.read_text("utf-8")) if each[1] == language):
            yield pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")


@pytest.mark.parametrize("block", list(_blocks("xml")))
def test_documents_lint_clean(block: str) -> None:
    parsed = xml.parse(block.encode(), content_type="application/xml")
    assert parsed.problems == ()


@pytest.mark.parametrize("block", list(_blocks("toml")))
def test_settings_files_can_be_read(block: str, tmp_path: Path) -> None:
    tomllib.loads(block)
    (tmp_path / "offhook.toml").write_text(block)
    settings.load(file=tmp_path / "offhook.toml", environment={})


@pytest.mark.parametrize("block", list(_blocks("ini")))
def test_unit_files_can_be_read(block: str) -> None:
    assert configparser.ConfigParser().read_string(block) is None


_VARIABLE = re.compile(r"[A-Z_]+=.*", re.DOTALL)


def _offhook_lines() -> Iterator[pytest.ParameterSet]:
    for parameters in _blocks("sh"):
        for line in str(parameters.values[0]).splitlines():
            words = shlex.split(line, comments=True)
            variables = {name: value for name, _, value in (each.partition("=") for each in words if _VARIABLE.fullmatch(each))}
            words = [each for each in words if not _VARIABLE.fullmatch(each)]
            if words[:1] == ["offhook"]:
                yield pytest.param(words[1:], variables, id=line)
    for example in sorted((ROOT / "examples").glob("*/app.py")):
        for line in re.findall(r"^    offhook (.*)$", example.read_text(), re.MULTILINE):
            yield pytest.param(shlex.split(line), {}, id=f"{example.parent.name}: {line}")


@pytest.mark.parametrize(("words", "variables"), list(_offhook_lines()))
def test_commands_exist_and_have_these_options(
    words: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = typer.main.get_command(app)
    while hasattr(command, "list_commands") and words != ["--version"]:
        assert words[0] in command.list_commands(None), f"there is no command {words[0]}"
        command, words = command.get_command(None, words[0]), words[1:]
    with contextlib.suppress(typer.Exit):  # --version prints and is done
        command.make_context("offhook", list(words))


@pytest.mark.parametrize(
    "line", [line for each in _blocks("sh") for line in str(each.values[0]).splitlines() if line.startswith("make ")]
)
def test_make_knows_these_targets(line: str) -> None:
    subprocess.run([*line.partition("#")[0].split(), "-n"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = [each.split("#")[0] for each in re.findall(r"\]\(([^)\s]+)\)", text) if not each.startswith(("http", "#"))]
    assert [each for each in targets if not (page.parent / each).exists()] == []


@pytest.mark.parametrize("block", list(_blocks("python")))
def test_programs_run_and_answer_a_call(block: str, tmp_path: Path) -> None:
    """An application takes a call; anything else simply has to run through."""
    if "app.run" not in block:
        subprocess.run([sys.executable, "-c", block], check=True, timeout=30)
        return
    port = free_port()
    (tmp_path / "app.py").write_text(block.replace("port=5001", f"port={port}"))
    log = (tmp_path / "app.log").open("wb")
    with subprocess.Popen([sys.executable, str(tmp_path / "app.py")], stdout=log, stderr=log) as application:
        node = NodeProcess(tmp_path / "data", "--answer-url", f"http://127.0.0.1:{port}/answer")
        try:
            ending = call(node.uri(), keys="W7")
            assert not isinstance(ending, NotAnswered), (tmp_path / "app.log").read_text()
            record = node.record_number(1)
            assert record.hangup_cause_code in {4000, 4010}
            assert record.duration_s >= 1
        finally:
            node.stop()
            application.terminate()


def test_the_page_of_commands_is_up_to_date() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert page == reference.markdown(), "run: python -m offhook.cli.reference > docs/commands.md"


def test_the_page_of_settings_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page.endswith(settings.reference()), "put offhook.settings.reference() into docs/settings.md"


def test_every_decision_says_why_and_what_would_change_it() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        text = page.read_text()
        assert "**Choice.**" in text, page
        assert "**What would change our mind.**" in text, page


def test_each_row_of_the_page_on_dial_names_a_test_that_exists() -> None:
    page = (ROOT / "docs/dial.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/.]+)::(test_\w+)`", page))
    assert len(named) > 15
    for file, name in named:
        path = ROOT / "tests" / ("interop/test_dial_matrix.py" if file == "M" else file)
        assert f"def {name}(" in path.read_text("utf-8"), f"{file}::{name}"


def test_the_page_on_dial_has_every_attribute() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (ROOT / "docs/dial.md").read_text("utf-8"), re.MULTILINE)
    shown = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    for element in (xml.Dial, xml.Number, xml.User):
        assert set(xml.TABLE[element]) <= shown, element
