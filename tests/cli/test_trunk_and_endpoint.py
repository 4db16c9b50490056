"""``offhook trunk`` and ``offhook endpoint`` as an operator types them, mistakes included."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from offhook.cli.program import app

RUNNER = CliRunner()


@pytest.fixture
def run(tmp_path: Path):
    def command(*arguments: str, fails: str = "") -> str:
        done = RUNNER.invoke(app, [*arguments, "--data", str(tmp_path / "data")], env={"COLUMNS": "200"})
        text = done.output + (str(done.exception) if done.exception else "")
        assert (done.exit_code != 0) == bool(fails), text
        assert fails in " ".join(text.replace("│", " ").split())
        return done.output

    return command


def test_a_trunk_is_added_listed_changed_and_removed(run) -> None:
    run("trunk", "add", "main", "--host", "sip.carrier.example", "--prefixes", "+1,44", "--from", "198.51.100.7,203.0.113.0/24")
    run(
        "trunk",
        "add",
        "spare",
        "--host",
        "203.0.113.9:5070",
        "--username",
        "u",
        "--password",
        "p",
        "--register",
        "--priority",
        "1",
    )
    shown = run("trunk", "list")
    assert "1, 44" in shown
    assert "203.0.113.0/24" in shown
    assert "u (registers)" in shown
    run("trunk", "add", "main", "--host", "other.example")
    assert "sip.carrier.example" not in run("trunk", "list")
    run("trunk", "remove", "main")
    assert "other.example" not in run("trunk", "list")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--host", "a b"), "cannot be used"),
        (("--host", "h", "--from", "198.51.100"), "198.51.100.7,203.0.113.0/24"),
        (("--host", "h", "--prefixes", "abc"), "digits with country code"),
        (("--host", "h", "--transport", "sctp"), "none of udp, tcp, tls"),
        (("--host", "h", "--register"), "--username"),
        (("--host", "h", "--inbound-username", "x"), "go together"),
        (("--host", "h", "--codecs", "GSM"), "none of PCMU"),
        (("--host", "h", "--number-format", "GBR"), "country"),
        (("--host", "h", "--kind", "whatsapp"), "needs --username"),
        (("--host", "h", "--kind", "whatsapp", "--username", "u", "--password", "p", "--srtp", "off"), "srtp required"),
        (("--host", "h", "--app", "123"), "there is no application 123"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_added(run, options, told) -> None:
    run("trunk", "add", "t", *options, fails=told)
    assert " t " not in run("trunk", "list")


def test_a_whatsapp_trunk_is_tls_opus_and_srtp(run) -> None:
    run("trunk", "add", "wa", "--host", "wa.meta.example", "--kind", "whatsapp", "--username", "u", "--password", "p")
    assert "tls" in run("trunk", "list")


def test_endpoints(run) -> None:
    made = run("endpoint", "add", "alice", "--password", "secret").split()[-1]
    assert len(made) == 14
    assert run("endpoint", "add", "alice", "--password", "other secret").strip() == made
    assert "alice" in run("endpoint", "list")
    run("endpoint", "remove", "alice")
    run("endpoint", "remove", "alice", fails="there is no endpoint alice")
    run("endpoint", "add", "1alice", "--password", "secret", fails="the first a letter")
    run("endpoint", "add", "bob", "--password", "1234", fails="5 characters or more")
    run("endpoint", "add", "bob", "--password", "secret", "--app", "9", fails="there is no application 9")
