"""``offhook lint`` as it is typed."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import typer
from typer.testing import CliRunner, Result

from offhook.cli import lint

GOOD = b"<Response><Speak>Hello.</Speak></Response>"
DOUBTFUL = b"<Response>\n  <GetDigits retries='0'/>\n</Response>"
BAD = b"<Response>\n  <GetDigit/>\n</Response>"


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    app = typer.Typer()
    lint.register(app)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["lint", *arguments], input=stdin)


@pytest.fixture
def write(tmp_path: Path) -> Iterator[object]:
    def _write(name: str, body: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(body)
        return str(path)

    yield _write


class _Application(BaseHTTPRequestHandler):
    """Answers by path; ``/echo`` speaks what it was told."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        body = {"/good": GOOD, "/bad": BAD, "/page": GOOD}.get(self.path)
        self._reply(200 if body else 404, body or b"", "text/html" if self.path == "/page" else "application/xml")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._reply(200, f"<Response><Speak>{form['From'][0]} {form['CallStatus'][0]}</Speak></Response>".encode(), "text/xml")

    def _reply(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_a_clean_document_prints_nothing_and_succeeds(write) -> None:
    result = run(write("a.xml", GOOD))
    assert (result.exit_code, result.output) == (0, "")


def test_warnings_are_printed_and_still_succeed(write) -> None:
    place = write("a.xml", DOUBTFUL)
    result = run(place)
    assert result.exit_code == 0
    assert result.stdout == (
        f"{place}:2:3: warning bad-value GetDigits: retries='0' is not allowed; using 1 (allowed: 1 or more)\n"
    )


def test_errors_are_printed_with_what_was_meant_and_fail(write) -> None:
    result = run(write("a.xml", BAD))
    assert result.exit_code == 1
    assert re.search(r"a\.xml:2:3: error unknown-element .*\(allowed: .*; did you mean 'GetDigits'\?\)\n$", result.stdout)


def test_a_place_or_a_value_in_brackets_is_printed_as_it_is(write) -> None:
    result = run(write("[red]a.xml", b"<Response><Wait length='[bold]'/></Response>"))
    assert "[red]a.xml:1:11:" in result.stdout
    assert "length='[bold]'" in result.stdout


def test_several_documents_are_checked_and_the_worst_decides(write) -> None:
    good, doubtful, bad = write("a.xml", GOOD), write("b.xml", DOUBTFUL), write("c.xml", BAD)
    result = run(good, doubtful, bad, good)
    assert result.exit_code == 1
    assert [line.split(":")[0].rpartition("/")[2] for line in result.stdout.splitlines()] == ["b.xml", "c.xml"]
    assert run(bad, "/nowhere/d.xml", good).exit_code == 2


@pytest.mark.parametrize(
    "place", ["/nowhere/a.xml", ".", "http://127.0.0.1:1/", "http://", "http://[", "http://a b/", "http://127.0.0.1:x/"]
)
def test_what_cannot_be_read_is_said_in_one_line(place: str) -> None:
    result = run(place)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(rf"{re.escape(place)}: cannot be read: .+\n", result.stderr)


def test_a_file_whose_name_is_no_utf_8_can_be_named(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.xml"
    with open(path, "wb") as file:  # noqa: PTH123 - a Path is of text
        file.write(BAD)
    assert "caf\\udce9.xml:2:3: error" in run(os.fsdecode(path)).stdout


def test_standard_input_is_a_dash() -> None:
    result = run("-", stdin=BAD)
    assert result.exit_code == 1
    assert result.stdout.startswith("-:2:3: error")


def test_json_says_the_same_in_one_line_a_document(write) -> None:
    result = run("--json", write("a.xml", GOOD), write("b.xml", BAD), "/nowhere/c.xml")
    good, bad, missing = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 2
    assert (good["usable"], good["problems"]) == (True, [])
    assert bad["usable"] is False
    (problem,) = bad["problems"]
    assert {key: problem[key] for key in ("line", "column", "severity", "code", "found", "suggestion", "fatal")} == {
        "line": 2, "column": 3, "severity": "error", "code": "unknown-element", "found": "GetDigit", "suggestion": "GetDigits",
        "fatal": True,
    }  # fmt: skip
    assert (missing["usable"], missing["unreadable"]) == (False, "No such file or directory")


def test_an_unknown_voice_is_an_error_where_that_is_asked_for(write) -> None:
    place = write("a.xml", b"<Response><Speak voice='Polly.Nobody'>x</Speak></Response>")
    assert run(place).exit_code == 0
    assert run("--strict-voices", place).exit_code == 1


def test_a_url_is_fetched(application: str) -> None:
    assert run(f"{application}/good").exit_code == 0
    assert run(f"{application}/good#ct=500&rt=1000").exit_code == 0
    assert run(f"{application}/moved").exit_code == 0
    assert run(f"{application}/bad").exit_code == 1
    missing = run(f"{application}/missing")
    assert (missing.exit_code, missing.stderr) == (2, f"{application}/missing: cannot be read: HTTP 404 Not Found\n")


def test_a_url_s_content_type_is_judged(application: str) -> None:
    result = run(f"{application}/page")
    assert result.exit_code == 0
    assert "warning content-type" in result.stdout


def test_a_url_can_be_asked_as_a_call_asks_it(application: str) -> None:
    result = run("--post", "--json", f"{application}/anything")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["problems"] == []


def test_a_document_that_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        asked = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size < 200_000
            self.asked += 1
            return b" " * size

    endless = Endless()
    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": endless})())
    body, _ = lint._read("-", post=False)
    assert (len(body), endless.asked) == (102_401, 1)
