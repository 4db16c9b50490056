"""``callback_url`` on requests of the API: answered at once, and the result is told to the customer's server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import plivo
import pytest
from plivo.utils import validate_v3_signature

from offhook.api.later import takes_callback
from offhook.api.resources import ROUTES
from offhook.testing.live import Customer, NodeProcess, Reply

from .conftest import MAIN, TOKEN, Raw

WAIT_S = 120.0
"""For a request to arrive, on a machine that may stand still for a minute."""


@pytest.fixture
def told(customer: Customer) -> str:
    """Where results go: a path of its own for each test."""
    path = f"/result/{uuid4()}"
    customer.says(path, Reply(b"", content_type="text/plain"))
    return path


def _result(customer: Customer, path: str) -> Any:
    (seen,) = customer.wait_for(path, timeout_s=WAIT_S)
    return seen


def test_the_sdk_is_told_at_once_and_the_result_is_sent(client: plivo.RestClient, customer: Customer, told: str) -> None:
    spawned = client.conferences.list(callback_url=customer.url(told))
    assert (spawned.message, UUID(spawned.api_id).version) == ("async api spawned", 4)
    seen = _result(customer, told)
    assert (seen.method, seen.headers["Content-Type"]) == ("POST", "application/json")
    assert json.loads(seen.body) == {"api_id": spawned.api_id, "conferences": []}
    nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
    assert validate_v3_signature("POST", customer.url(told), nonce, TOKEN, seen.headers["X-Plivo-Signature-V3"], {})


def test_a_get_has_the_result_in_its_query(raw: Raw, customer: Customer, told: str) -> None:
    asked = {"app_name": "later", "callback_url": customer.url(told), "callback_method": "get"}
    spawned = raw.ask("POST", "Application/", asked)
    assert (spawned.status, spawned.body["message"]) == (202, "async api spawned")
    seen = _result(customer, told)
    assert (seen.method, seen.body) == ("GET", b"")
    assert (seen["message"], seen["api_id"]) == ("created", spawned.body["api_id"])
    assert raw.ask("GET", f"Application/{seen['app_id']}/").body["app_name"] == "later"
    listed = raw.ask("GET", f"Application/?limit=1&callback_method=GET&callback_url={customer.url(told)}")
    assert listed.status == 202
    seen = customer.wait_for(told, count=2, timeout_s=WAIT_S)[1]
    assert json.loads(seen["meta"])["limit"] == len(json.loads(seen["objects"])) == 1
    nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
    query = seen.parameters
    assert validate_v3_signature("GET", customer.url(told), nonce, TOKEN, seen.headers["X-Plivo-Signature-V3"], dict(query))


def test_a_query_has_no_more_than_servers_take(raw: Raw, customer: Customer, told: str) -> None:
    for number in range(20):
        raw.ask("POST", "Application/", {"app_name": f"many-{number}", "answer_url": "http://h.example/" + "x" * 200})
    raw.ask("GET", f"Application/?callback_method=GET&callback_url={customer.url(told)}")
    seen = _result(customer, told)
    assert dict(seen.parameters) == {"api_id": seen["api_id"], "left_out": "meta,objects"}


def test_what_is_done_is_done_before_the_answer(raw: Raw, customer: Customer, told: str) -> None:
    app_id = raw.ask("POST", "Application/", {"app_name": "x"}).body["app_id"]
    spawned = raw.ask("DELETE", f"Application/{app_id}/?callback_url={customer.url(told)}")
    assert spawned.status == 202
    assert raw.ask("GET", f"Application/{app_id}/").status == 404
    assert json.loads(_result(customer, told).body) == {"api_id": spawned.body["api_id"]}


def test_errors_of_execution_are_told_and_errors_of_the_request_answered(raw: Raw, customer: Customer, told: str) -> None:
    url = customer.url(told)
    for path, body, said in (
        ("Application/", {}, "app_name parameter is missing"),
        ("Application/", {"app_name": "x", "callback_method": "PUT"}, "callback_method parameter is invalid"),
    ):
        answer = raw.ask("POST", path, {"callback_url": url, **body})
        assert (answer.status, answer.body["error"]) == (400, said)
    answer = raw.ask("GET", "Call/?limit=20&callback_url=nowhere")
    assert (answer.status, answer.body["error"], answer.body["objects"]) == (400, "callback_url parameter is invalid", [])
    assert Raw(raw.port, MAIN, "wrong").ask("GET", f"Call/?callback_url={url}").status == 401
    assert raw.ask("GET", f"Nothing/?callback_url={url}").status == 404
    spawned = raw.ask("POST", "Conference/x/Member/1/Mute/", {"callback_url": [url], "callback_method": ["POST"]})
    assert spawned.status == 202
    # Nothing came of those before, or it would have been told first: one account's results go out side by side, but this is all.
    assert json.loads(_result(customer, told).body) == {"api_id": spawned.body["api_id"], "error": "conference not found"}


def test_nothing_is_told_without_a_url(raw: Raw) -> None:
    for given in ({"callback_url": None}, {"callback_url": ""}, {"callback_method": "POST"}):
        assert raw.ask("POST", "Application/", {"app_name": "x", **given}).status == 201


def test_those_that_record_have_a_callback_url_of_their_own(raw: Raw, customer: Customer, told: str) -> None:
    own = {route.path for route in ROUTES if not takes_callback(route.asks)}
    assert "Conference/{conference_name}/Record/" in own
    assert all(path.endswith("/Record/") for path in own)
    answer = raw.ask("POST", "Conference/x/Record/", {"callback_url": customer.url(told)})
    assert answer.status == 404


def test_a_result_outlives_the_node(tmp_path: Path, customer: Customer, told: str) -> None:
    customer.says(told, Reply(b"", status=200, content_type="text/plain", delay_s=3600.0), Reply(b"", content_type="text/plain"))
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN)
    try:
        spawned = Raw(node.http_port).ask("GET", f"Application/?callback_url={customer.url(told)}")
        customer.wait_for(told, timeout_s=WAIT_S)
    finally:
        node.process.kill()
        node.process.wait()
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN)
    try:
        first, second = customer.wait_for(told, count=2, timeout_s=WAIT_S)
        assert json.loads(second.body)["api_id"] == spawned.body["api_id"]
        assert first.body == second.body
    finally:
        node.stop()
