"""Feedback on calls, and tokens for browsers: Plivo's SDK and PyJWT against a running node."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
import plivo
import pytest
from plivo import exceptions

from offhook.clock import Clock
from offhook.records import CallRecord
from offhook.store import Store
from offhook.testing.live import NodeProcess

from .conftest import MAIN, TOKEN, Raw


def has_called(node: NodeProcess, auth_id: str, end_time: datetime | None = None) -> str:
    """Write the record of a call. Returns its UUID."""
    return have_called(node, auth_id, [end_time or datetime.now(UTC)])[0]


def have_called(node: NodeProcess, auth_id: str, end_times: list[datetime]) -> list[str]:
    """Write the records of calls. Returns their UUIDs."""
    records = [
        CallRecord(
            *(str(uuid4()), auth_id, "inbound", "1", "2", "completed", ended, ended, ended, 1, 60),
            *("NORMAL_CLEARING", "Normal Hangup", 4000, "Caller"),
        )
        for ended in end_times
    ]

    async def write() -> None:
        store = await Store.open(node.database, clock=Clock())
        await asyncio.gather(*(store.finish(each, None) for each in records))
        await store.aclose()

    asyncio.run(write())
    return [each.call_uuid for each in records]


def test_feedback_is_kept(client: plivo.RestClient, raw: Raw, node: NodeProcess) -> None:
    call_uuid = has_called(node, MAIN)
    given = client.call_feedback.create(call_uuid, 2, ["audio_lag", "one_way_audio"], "could not hear her")
    assert given.message == "success"
    assert _kept(node, call_uuid) == (2, ["audio_lag", "one_way_audio"], "could not hear her")
    client.call_feedback.create(call_uuid, "4.5", ["echo"])
    assert _kept(node, call_uuid) == (4.5, ["echo"], "")
    by_form = raw.ask("POST", f"Call/{call_uuid}/Feedback", b"rating=5&issues=echo,audio_lag", Content_Type="")
    assert by_form.status == 202
    assert _kept(node, call_uuid) == (5, ["echo", "audio_lag"], "")


def _kept(node: NodeProcess, call_uuid: str) -> tuple[float, list[str], str]:
    told = json.loads(node.command("calls", "show", call_uuid, "--json"))["feedback"]
    return told["rating"], told["issues"], told["notes"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "rating parameter is missing"),
        ({"rating": 0}, "rating should be between 1 and 5"),
        ({"rating": "5.5"}, "rating should be between 1 and 5"),
        ({"rating": "good"}, "rating parameter is invalid"),
        ({"rating": 1, "issues": [1]}, "issues parameter is invalid"),
        ({"rating": 1, "issues": {"a": 1}}, "issues parameter is invalid"),
        ({"rating": 1, "issues": ["<b>"]}, "issues parameter is invalid"),
        ({"rating": 1, "notes": "x" * 2001}, "notes parameter is invalid"),
    ],
)
def test_feedback_is_checked(raw: Raw, body: dict[str, Any], said: str) -> None:
    for path in ("/v1/Call/x/Feedback/", "Call/x/Feedback/"):
        answer = raw.ask("POST", path, body)
        assert (answer.status, answer.body["error"]) == (400, said)


def test_feedback_is_for_one_s_own_calls(
    client: plivo.RestClient, raw: Raw, node: NodeProcess, subaccount: Callable[[], plivo.RestClient]
) -> None:
    tenant, other = subaccount(), subaccount()
    call_uuid = has_called(node, tenant.session.auth[0])
    for each in (tenant, client):
        assert each.call_feedback.create(call_uuid, 3).message == "success"
    for wrong in (other, plivo.RestClient(MAIN, TOKEN + "x", timeout=30)):
        with pytest.raises((exceptions.ResourceNotFoundError, exceptions.AuthenticationError)):
            wrong.call_feedback.create(call_uuid, 1)
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.call_feedback.create(str(uuid4()), 1)
    assert _kept(node, call_uuid)[0] == 3


def test_nothing_but_feedback_is_found_without_an_account(raw: Raw) -> None:
    assert raw.ask("GET", "/v1/Call/").status == 404
    assert raw.ask("GET", f"/v1/Call/{uuid4()}/").status == 404
    assert raw.ask("GET", f"/v1/Call/{uuid4()}/Feedback/").status == 405
    assert raw.ask("POST", f"/v1/Call/{uuid4()}/Feedback/", {"rating": 1}, Authorization="").status == 401


def test_a_token_is_made_for_an_endpoint(client: plivo.RestClient) -> None:
    now = int(time.time())
    made = client.token.create(
        MAIN, sub="zumba131031145958", nbf=str(now), exp=str(now + 300), incoming_allow=True, outgoing_allow=True, app="123"
    )
    header = jwt.get_unverified_header(made.token)
    assert (header["alg"], header["typ"], header["cty"]) == ("HS256", "JWT", "plivo;v=1")
    claims = jwt.decode(made.token, TOKEN, algorithms=["HS256"], issuer=MAIN, options={"require": ["exp", "nbf", "jti"]})
    assert (claims["sub"], claims["app"], claims["exp"] - claims["nbf"]) == ("zumba131031145958", "123", 300)
    assert claims["per"] == claims["grants"] == {"voice": {"incoming_allow": True, "outgoing_allow": True}}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(made.token, TOKEN + "x", algorithms=["HS256"])


def test_a_token_lasts_a_day_and_allows_nothing_unless_asked_for(client: plivo.RestClient) -> None:
    claims = jwt.decode(client.token.create(MAIN).token, TOKEN, algorithms=["HS256"])
    assert claims["exp"] - claims["nbf"] == 86_400
    assert abs(claims["nbf"] - time.time()) < 600
    assert claims["per"]["voice"] == {"incoming_allow": False, "outgoing_allow": False}
    assert "sub" not in claims
    assert client.token.create(MAIN).token != client.token.create(MAIN).token


def test_a_token_of_a_subaccount_is_signed_with_its_own(raw: Raw, subaccount: Callable[[], plivo.RestClient]) -> None:
    auth_id, token = subaccount().session.auth
    body = {"iss": auth_id, "sub": "x", "per": {"voice": {"outgoing_allow": "true"}}}
    for tenant in (Raw(raw.port, auth_id, token), raw):
        made = tenant.ask("POST", f"/v1/Account/{auth_id}/JWT/Token/", body)
        assert made.status == 200
        claims = jwt.decode(made.body["token"], token, algorithms=["HS256"], issuer=auth_id)
        assert claims["grants"]["voice"] == {"incoming_allow": False, "outgoing_allow": True}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "iss parameter is missing"),
        ({"iss": "MA" + "Q" * 18}, "iss parameter is invalid"),
        ({"iss": MAIN, "per": {"voice": {"incoming_allow": True}}}, "sub parameter is missing"),
        ({"iss": MAIN, "per": "yes"}, "per parameter is invalid"),
        ({"iss": MAIN, "per": {"voice": {"incoming_allow": "perhaps"}}}, "per parameter is invalid"),
        ({"iss": MAIN, "nbf": 1000, "exp": 1179}, "exp should be between 180 and 86400 seconds after nbf"),
        ({"iss": MAIN, "nbf": 1000, "exp": 87401}, "exp should be between 180 and 86400 seconds after nbf"),
        ({"iss": MAIN, "nbf": "soon"}, "nbf parameter is invalid"),
    ],
)
def test_a_token_is_refused(raw: Raw, body: dict[str, Any], said: str) -> None:
    answer = raw.ask("POST", "JWT/Token/", body)
    assert (answer.status, answer.body["error"]) == (400, said)


def test_permissions_may_come_in_a_form(raw: Raw) -> None:
    made = raw.ask("POST", "JWT/Token/", f'iss={MAIN}&per={{"voice":{{"outgoing_allow":true}}}}'.encode(), Content_Type="")
    assert jwt.decode(made.body["token"], TOKEN, algorithms=["HS256"])["per"]["voice"]["outgoing_allow"] is True
