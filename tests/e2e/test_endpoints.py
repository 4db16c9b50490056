"""SIP users of a node: other people's phones register with their password and call; strangers are told apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from offhook.testing.live import Customer, NodeProcess, document

PHONE = Path(__file__).parent / "baresip_endpoint.py"
PASSWORD = "open sesame 1"

Start = Callable[..., NodeProcess]


def phone(user: str, password: str, server: str, transport: str = "udp", target: str = "-") -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, str(PHONE), user, password, server, transport, target],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def with_alice(node: NodeProcess, customer: Customer) -> None:
    """An endpoint whose calls the customer's /alice runs."""
    customer.says("/alice", document("<Speak>Hello.</Speak>"))
    app = node.command("app", "add", "of alice", "--answer-url", customer.url("/alice"), "--hangup-url", customer.url("/hangup"))
    node.command("endpoint", "add", "alice", "--password", PASSWORD, "--app", app)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of a node on this machine, with its key."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "node.pem"))
    return tmp_path / "node.pem"


@pytest.mark.interop
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_registered_phone_calls_and_its_own_application_answers(
    start_node: Start, customer: Customer, certificate: Path, transport: str
) -> None:
    node = start_node("--answer-url", customer.url("/answer"), tls_certificate=str(certificate), sip_tls="0", strangers="refuse")
    with_alice(node, customer)
    port = node.tls_port if transport == "tls" else node.sip_port
    done = phone("alice", PASSWORD, f"127.0.0.1:{port}", transport, f"sip:14155550199@127.0.0.1:{port};transport={transport}")
    assert done == {"registered": True, "answered": True, "state": "CLOSED"}, node.log.read_text()[-2000:]
    [asked] = customer.wait_for("/alice")
    assert asked["From"] == f"sip:alice@127.0.0.1:{port}".rpartition(":")[0]
    assert (asked["SIPAuthType"], asked["SIPAuthUser"], asked["SIPSourceIP"]) == ("credential", "alice", "127.0.0.1")
    customer.wait_for("/hangup")
    assert customer.requests("/answer") == []


@pytest.mark.interop
def test_a_wrong_password_an_unknown_user_and_a_stranger(start_node: Start, customer: Customer) -> None:
    node = start_node("--answer-url", customer.url("/answer"), strangers="refuse")
    with_alice(node, customer)
    server = f"127.0.0.1:{node.sip_port}"
    assert phone("alice", "wrong password", server)["registered"] is False
    assert phone("mallory", PASSWORD, server)["registered"] is False
    assert node.records() == []
    assert customer.requests("/answer") == []


def test_the_phone_in_the_terminal_calls_a_number_by_a_trunk_that_wants_a_password(start_node: Start, customer: Customer) -> None:
    node = start_node("--answer-url", customer.url("/answer"), strangers="refuse")
    with_alice(node, customer)
    host = f"localhost:{node.sip_port}"  # a name: by an address its calls would be known as the trunk's
    node.command("trunk", "add", "carrier", "--host", host, "--username", "alice", "--password", PASSWORD, "--options-s", "0")
    assert "answers after" in node.command("trunk", "test", "carrier")
    told = json.loads(node.command("call", "+1 415 555 0199", "--trunk", "carrier", "--json"))
    assert told["answered"] is True
    [asked] = customer.wait_for("/alice")
    assert asked["To"] == "14155550199"
    assert asked["SIPAuthUser"] == "alice"
