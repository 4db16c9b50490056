"""What all routes share: paths, credentials, bodies, errors, limits, the description of it all."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import plivo
import plivo_here
import pytest
from plivo import exceptions

from offhook.api import reference
from offhook.api.errors import ApiError
from offhook.api.limits import RateLimit
from offhook.api.resources import ROUTES
from offhook.testing.live import NodeProcess

from .conftest import MAIN, TOKEN, Raw

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_no_one_and_two_slashes_at_the_end_are_the_same(raw: Raw, slashes: str) -> None:
    for path in (f"/v1/Account/{MAIN}", f"/v1/Account/{MAIN}/Application", f"/v1/Account/{MAIN}/Call"):
        assert raw.ask("GET", path + slashes).status == 200
    made = raw.ask("POST", "Application" + slashes, {"app_name": "x"})
    assert made.status == 201
    assert raw.ask("GET", f"Application/{made.body['app_id']}{slashes}?app_id=1").body["app_name"] == "x"
    assert raw.ask("DELETE", f"Application/{made.body['app_id']}{slashes}").status == 204


def test_every_answer_has_an_id_of_its_own_and_is_an_object(raw: Raw) -> None:
    answers = [raw.ask("GET", path) for path in ("", "Application/", "Application/1/", "Nothing/", "Call/?limit=0")]
    answers.append(raw.ask("PUT", ""))
    answers.append(Raw(raw.port, MAIN, "wrong").ask("GET", ""))
    assert [each.status for each in answers] == [200, 200, 404, 404, 400, 405, 401]
    assert len({UUID(each.body["api_id"]) for each in answers}) == len(answers)
    for each in answers:
        assert each.headers["x-request-id"] == each.body["api_id"]
        assert each.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer " + TOKEN,
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(f"{MAIN}:".encode()).decode(),
        "Basic " + base64.b64encode(f"{MAIN}:{TOKEN}x".encode()).decode(),
        "Basic " + base64.b64encode(f"{MAIN}:{TOKEN}é".encode()).decode(),
        "Basic " + base64.b64encode(f"{MAIN.lower()}:{TOKEN}".encode()).decode(),
        "Basic " + base64.b64encode(b":").decode(),
    ],
)
def test_without_the_right_credentials_nothing_is_told(raw: Raw, authorization: str) -> None:
    for method, path in (("GET", ""), ("GET", "Application/"), ("DELETE", "Application/1/"), ("GET", "Nowhere/")):
        answer = raw.ask(method, path, Authorization=authorization)
        assert (answer.status, answer.body["error"]) == (401, "authentication failed")
        assert answer.headers["www-authenticate"].startswith("Basic realm=")


def test_whether_an_account_exists_cannot_be_told(raw: Raw, subaccount: Callable[[], plivo.RestClient]) -> None:
    tenant = subaccount().session.auth
    answers = [
        Raw(raw.port, *tenant).ask("GET", f"/v1/Account/{account}/Application/1/") for account in (MAIN, "MA" + "Q" * 18, "x")
    ]
    for each in answers:
        each.body.pop("api_id")
    assert {(each.status, json.dumps(each.body)) for each in answers} == {(401, '{"error": "authentication failed"}')}


def test_the_main_account_acts_for_its_subaccounts(raw: Raw, subaccount: Callable[[], plivo.RestClient]) -> None:
    auth_id = subaccount().session.auth[0]
    assert raw.ask("GET", f"/v1/Account/{auth_id}/").body["auth_id"] == auth_id
    made = raw.ask("POST", f"/v1/Account/{auth_id}/Application/", {"app_name": "for the branch"})
    assert raw.ask("GET", f"Application/?subaccount={auth_id}").body["objects"][0]["app_id"] == made.body["app_id"]
    found = raw.ask("GET", f"Application/{made.body['app_id']}/").body
    assert found["sub_account"] == f"/v1/Account/{MAIN}/Subaccount/{auth_id}/"
    assert made.body["app_id"] not in {each["app_id"] for each in raw.ask("GET", "Application/").body["objects"]}


def test_what_cannot_be_done_at_a_path(raw: Raw) -> None:
    answer = raw.ask("PATCH", "Application/1/")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, POST")
    assert raw.ask("DELETE", "Application/").status == 405
    assert raw.ask("GET", "Application/1/2/3/").status == 404
    assert raw.ask("GET", "Application/%2e%2e%2fCall/").status == 404


def test_errors_of_lists_have_objects(raw: Raw) -> None:
    for route in ROUTES:
        if route.is_list:
            answer = raw.ask("GET", route.path + "?limit=21")
            assert (answer.status, answer.body["objects"]) == (400, []), route.path
            assert Raw(raw.port, MAIN, "x").ask("GET", route.path).body["objects"] == []
    assert "objects" not in raw.ask("POST", "Application/").body


def test_bodies_are_json_or_forms_and_win_over_the_query(raw: Raw) -> None:
    names = []
    for body, kind in (
        (b'{"app_name": "json"}', "application/json"),
        (b"app_name=form", "application/x-www-form-urlencoded"),
        (b"app_name=bare", ""),
        (b'{"app_name": "loose json"}', "text/plain"),
    ):
        made = raw.ask("POST", "Application/?app_name=query", body, Content_Type=kind)
        assert made.status == 201, made.body
        names.append(raw.ask("GET", f"Application/{made.body['app_id']}/").body["app_name"])
    made = raw.ask("POST", "Application/?app_name=query")
    names.append(raw.ask("GET", f"Application/{made.body['app_id']}/").body["app_name"])
    assert names == ["json", "form", "bare", "loose json", "query"]


def test_a_delete_takes_its_arguments_from_body_or_query(raw: Raw) -> None:
    app_id = raw.ask("POST", "Application/", {"app_name": "x"}).body["app_id"]
    made = raw.ask("POST", "Endpoint/", {"username": "del", "password": "secret", "alias": "x", "app_id": app_id}).body
    assert raw.ask("DELETE", f"Application/{app_id}/?cascade=true", {"cascade": False, "app_id": "7"}).status == 204
    endpoint = raw.ask("GET", f"Endpoint/{made['endpoint_id']}/")
    assert (endpoint.status, endpoint.body["application"]) == (200, None)
    app_id = raw.ask("POST", "Application/", {"app_name": "y"}).body["app_id"]
    assert raw.ask("POST", f"Endpoint/{made['endpoint_id']}/", {"app_id": int(app_id)}).status == 202
    assert raw.ask("DELETE", f"Application/{app_id}/?cascade=False").status == 204
    assert raw.ask("GET", f"Endpoint/{made['endpoint_id']}/").status == 200
    assert raw.ask("DELETE", f"Endpoint/{made['endpoint_id']}/").status == 204


def test_a_long_query_is_read(raw: Raw) -> None:
    answer = raw.ask("GET", "Application/?app_name=" + "%C3%B6" * 100 + "&limit=1&other=" + "x" * 30_000)
    assert (answer.status, answer.body["objects"]) == (200, [])


def test_a_body_that_is_too_large_is_refused(raw: Raw) -> None:
    answer = raw.ask("POST", "Application/", {"app_name": "x", "answer_url": "http://h.example/" + "x" * 300_000})
    assert (answer.status, answer.body["error"]) == (413, "the body is larger than 256 KiB")


class _Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time


def test_so_many_requests_in_any_five_seconds() -> None:
    clock = _Clock()
    limit = RateLimit(3, clock)  # type: ignore[arg-type]
    assert [limit.take("a")["X-RateLimit-Remaining"] for _ in range(2)] == ["2", "1"]
    clock.time += 4
    limit.take("a")
    with pytest.raises(ApiError) as raised:
        limit.take("a")
    assert (raised.value.status, raised.value.headers["Retry-After"]) == (429, "1")
    limit.take("b")
    clock.time += 1
    assert [limit.take("a")["X-RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]
    with pytest.raises(ApiError):
        limit.take("a")


def test_too_many_requests_are_refused_per_account(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN, api_requests="2")
    try:
        raw, deadline = Raw(node.http_port), time.monotonic() + 60
        while (answer := raw.ask("GET", "Application/")).status == 200:  # On a very busy machine two take five seconds.
            assert time.monotonic() < deadline
        assert (answer.status, answer.body["objects"]) == (429, [])
        assert 1 <= int(answer.headers["retry-after"]) <= 5
        assert raw.ask("GET", "/healthz", Authorization="").status == 200
    finally:
        node.stop()


def test_a_token_is_rotated_by_command(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data")
    try:
        auth_id, token = node.output[0].split()[1], node.output[0].split()[3]
        assert Raw(node.http_port, auth_id, token).ask("GET", "").status == 200
        new = node.command("account", "rotate-token")
        deadline = time.monotonic() + 30
        while Raw(node.http_port, auth_id, token).ask("GET", "").status != 401:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert Raw(node.http_port, auth_id, new).ask("GET", "").status == 200
        branch = Raw(node.http_port, auth_id, new).ask("POST", "Subaccount/", {"name": "branch", "enabled": True}).body
        token = node.command("account", "rotate-token", branch["auth_id"])
        while Raw(node.http_port, branch["auth_id"], token).ask("GET", "").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert {auth_id, branch["auth_id"]} <= set(node.command("account", "list").split())
    finally:
        node.stop()


# -- the description -----------------------------------------------------------------------------------------------


def test_the_description_has_every_route_and_no_loose_end(raw: Raw) -> None:
    answer = raw.ask("GET", "/v1/openapi.json", Authorization="")
    assert answer.status == 200
    document = answer.body
    assert document["openapi"] == "3.1.0"
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    own = {(f"/v1/{route.path}", route.method.lower()) for route in ROUTES if route.without_account}
    assert own == {("/v1/Call/{call_uuid}/Feedback/", "post")}
    assert described == {(f"/v1/Account/{{auth_id}}/{route.path}", route.method.lower()) for route in ROUTES} | own
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    assert set(_references(document)) == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [each for value in part.values() for each in _references(value)]
    return [each for value in part for each in _references(value)] if isinstance(part, list) else []


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if each.method == "GET" and "{" not in each.path], ids=lambda r: r.path
)
def test_answers_are_of_the_type_that_is_described(raw: Raw, route: Any) -> None:
    answer = raw.ask("GET", route.path + "?country_iso=GB")
    assert answer.status == route.status
    decoded = [each for each in route.kinds if _is_a(answer.body, each)]
    assert decoded, answer.body


def _is_a(body: dict[str, Any], kind: type) -> bool:
    try:
        back = msgspec.to_builtins(msgspec.convert(body, kind, strict=True))
    except msgspec.ValidationError:
        return False
    return {**back, "api_id": body["api_id"]} == body


def test_the_page_of_routes_is_up_to_date() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert page.endswith(reference.markdown()), "put the output of python -m offhook.api.reference into docs/api.md"


def test_the_sdk_says_that_it_was_too_much_and_does_not_ask_again(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN, api_requests="2")
    try:
        plivo_here.use(f"http://127.0.0.1:{node.http_port}")
        client = plivo.RestClient(MAIN, TOKEN, timeout=30)
        deadline = time.monotonic() + 120
        for ask in (
            client.applications.list,
            client.account.get,
            lambda: client.applications.create("x", answer_url="http://h.example/"),
        ):
            with pytest.raises(exceptions.PlivoRestError) as raised:
                while time.monotonic() < deadline:
                    ask()
            assert "status code 429" in str(raised.value)
        # An SDK that repeated a refused request would show in the log of what was done: as many as were allowed were made.
        figures = urllib.request.urlopen(f"http://127.0.0.1:{node.http_port}/metrics", timeout=30).read().decode()
        assert figures.count('status="429"') == 3
        assert figures.count('status="429"} 1.0') == 3, "each of the three was refused once: the SDK has not asked again"
    finally:
        node.stop()


def test_how_much_may_be_asked_is_said_in_the_fields_of_the_draft() -> None:
    clock = _Clock()
    limit = RateLimit(3, clock)  # type: ignore[arg-type]
    first = limit.take("a")
    assert (first["RateLimit-Policy"], first["RateLimit"]) == ('"account";q=3;w=5', '"account";r=2;t=5')
    clock.time += 2.5
    assert limit.take("a")["RateLimit"] == '"account";r=1;t=3'
    limit.take("a")
    with pytest.raises(ApiError) as raised:
        limit.take("a")
    assert raised.value.headers["RateLimit"] == '"account";r=0;t=3'
    assert raised.value.headers["Retry-After"] == "3"


def test_what_was_changed_stands_in_the_log_with_the_id_of_its_request(node: NodeProcess, raw: Raw) -> None:
    made = raw.ask("POST", "Application/", {"app_name": "logged"})
    seen = raw.ask("GET", f"Application/{made.body['app_id']}/")
    refused = raw.ask("POST", "Application/%0a%1b[31m/", {"app_name": "x"})
    deadline = time.monotonic() + 60
    while made.body["api_id"] not in (text := node.log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [line] = [each for each in text.splitlines() if made.body["api_id"] in each]
    assert f"request {made.body['api_id']}: POST /v1/Account/{MAIN}/Application/: 201 in" in line
    assert seen.body["api_id"] not in text
    assert refused.body["api_id"] not in text
    assert "\x1b" not in text
    assert raw.ask("DELETE", f"Application/{made.body['app_id']}/").status == 204
