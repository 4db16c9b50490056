"""What belongs to another is to an account as if it were not there: the same answer, the same lists, nothing to attach.

Made from the table of routes: whoever adds a route, a filter or a parameter that names something has it tried here.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import plivo
import pytest

from offhook.api import accounts
from offhook.api.resources import ROUTES
from offhook.api.routes import Route
from offhook.testing.live import Customer, NodeProcess, a_desk, document

from . import test_tenancy
from .conftest import MAIN, TOKEN, Answered, Raw
from .test_tenancy import BODIES, Tenant

tenants = test_tenancy.tenants

OWN = {"api_id", "request_uuid"}
"""What differs from answer to answer in any case."""
FREE = {"PhoneNumber/{number}/"}
"""Numbers of the pool are everybody's until somebody has them."""
NEEDED: dict[str, dict[str, Any]] = {
    "POST Application/": {"app_name": "x"},
    "POST Endpoint/": {"username": "x", "password": "secret", "alias": "x"},
    "POST Call/": {"from": "14155550100", "to": "sip:nobody@127.0.0.1:9", "answer_url": "http://127.0.0.1:9/"},
    "POST Subaccount/": {"name": "x"},
    "POST Number/": {"numbers": "14155550139", "carrier": "x", "region": "x"},
}
"""Parameters without which a request would be refused for another reason."""
FOREIGN_TO_US = {"ip_acl_uuid", "credential_uuid"}
"""Parameters that name things which this platform does not have; they are kept as texts."""
REFERS = ("_id", "_uuid", "application", "subaccount", "sub_account", "iss")
"""How the names of parameters end that name something."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that places a call in ten seconds, so that some wait for long."""
    folder = tmp_path_factory.mktemp("apart")
    started = NodeProcess(folder / "data", auth_id=MAIN, auth_token=TOKEN, api_requests="0", calls_per_s="0.1", drain_s="1")
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]
    assert "Traceback" not in started.log.read_text()


def unlike(value: str) -> str:
    """An id of the same form that nobody has."""
    turned = {"0123456789": "5678901234", "ABCDEFGHIJKLMNOPQRSTUVWXYZ": "NOPQRSTUVWXYZABCDEFGHIJKLM", "abcdef": "fedcba"}
    table = {ord(a): b for known, other in turned.items() for a, b in zip(known, other, strict=True)}
    return value[:2] + value[2:].translate(table)


def told(answer: Answered) -> tuple[Any, ...]:
    """Everything in an answer that could tell one case from another."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    return answer.status, {name: value for name, value in answer.body.items() if name not in OWN}, headers


def filled(route: Route, places: dict[str, list[str]]) -> list[str]:
    """The paths of a route to each of some things."""
    names = [part[1:-1] for part in route.segments if part.startswith("{")]
    paths = []
    for values in product(*(places[name] for name in names)):
        path = route.path
        for name, value in zip(names, values, strict=True):
            path = path.replace("{" + name + "}", value)
        paths.append(path)
    return paths


def compared(victim: Tenant, other: Tenant, places: dict[str, list[str]]) -> int:
    """Ask for what the victim has and for what nobody has, by every route, as another; how often."""
    count = 0
    for route in ROUTES:
        if "{" not in route.path or route.path in FREE:
            continue
        strange = {name: [unlike(value) for value in values] for name, values in places.items()}
        body = BODIES.get((route.method, route.path))
        queries = ("", "?status=live", "?status=queued") if route.method == "GET" and "call_uuid" in route.path else ("",)
        for theirs, nobodys in zip(filled(route, places), filled(route, strange), strict=True):
            for query in queries:
                foreign, unknown = (other.raw.ask(route.method, each + query, body) for each in (theirs, nobodys))
                assert told(foreign) == told(unknown), f"{route.method} {theirs}{query}"
                assert foreign.status in {400, 403, 404}, f"{route.method} {theirs}{query}: {foreign.status}"
                count += 1
                for account in (victim.auth_id, unlike(victim.auth_id), MAIN):
                    answer = other.raw.ask(route.method, f"/v1/Account/{account}/{theirs}{query}", body)
                    assert told(answer)[:2] == (401, {"error": "authentication failed", **_empty(route)}), f"{account} {theirs}"
    return count


def _empty(route: Route) -> dict[str, Any]:
    return {"objects": []} if route.is_list else {}


def listed(victim: Tenant, other: Tenant, places: dict[str, list[str]]) -> int:
    """Look for what the victim has through every filter of every list, as another; how often."""
    count = 0
    # Numbers and names of rooms may stand in what is one's own; ids may not.
    secrets = {each.encode() for values in places.values() for each in values if len(each) >= 14 or each.startswith("the-room")}
    for route in ROUTES:
        if not route.is_list:
            continue
        needed = "country_iso=US&" if any(each.name == "country_iso" for each in msgspec.structs.fields(route.asks)) else ""
        path = filled(route, other.places)[0]
        whole = other.raw.ask("GET", f"{path}?{needed}")
        fields = [each.encode_name for each in msgspec.structs.fields(route.asks) if each.name not in {"limit", "offset"}]
        values = sorted({each for some in places.values() for each in some} | {"live", "queued", "inbound", "outbound", ""})
        for name, value in product(fields, values):
            answer = other.raw.ask("GET", f"{path}?{needed}{name}={value}")
            asked = f"{path}?{name}={value}"
            if answer.status == 200:
                assert not any(each in answer.text for each in secrets), asked
                assert answer.body.get("meta", {}).get("total_count", 0) <= whole.body.get("meta", {}).get("total_count", 0), (
                    asked
                )
            else:
                assert answer.status in {400, 403} or (answer.status == 404 and "{" in route.path), f"{asked}: {answer.status}"
            count += 1
    return count


def attached(victim: Tenant, other: Tenant, places: dict[str, list[str]]) -> list[str]:
    """Name what the victim has in every parameter that names something, as another; the parameters."""
    tried = []
    own = other.places
    for route in ROUTES:
        if route.method == "GET" or route.path in FREE:
            continue
        places_of = {part[1:-1] for part in route.segments if part.startswith("{")}
        names = [each.encode_name for each in msgspec.structs.fields(route.asks) if each.encode_name not in places_of]
        for name in names:
            if not name.endswith(REFERS) or name in FOREIGN_TO_US:
                continue
            path = filled(route, own)[0]
            body = {**BODIES.get((route.method, route.path), {}), **NEEDED.get(f"{route.method} {route.path}", {})}
            for value in sorted({each for some in places.values() for each in some}):
                foreign, unknown = (other.raw.ask(route.method, path, {**body, name: each}) for each in (value, unlike(value)))
                assert told(foreign) == told(unknown), f"{route.method} {path} {name}={value}: {foreign.body} {unknown.body}"
                # An unknown parent of a call is left out as long as nobody says that it matters (api.md section 5.1).
                assert foreign.status in {400, 403, 404} or name == "parent_call_uuid", f"{route.method} {path} {name}={value}"
            tried.append(f"{route.method} {route.path} {name}")
    return tried


def test_what_is_anothers_is_as_if_it_were_not_there(
    tenants: tuple[Tenant, Tenant], node: NodeProcess, customer: Customer
) -> None:
    victim, other = tenants
    customer.says("/apart", document("<Speak>Stay.</Speak><Wait length='600'/>"))
    victim.raw.ask("POST", f"Application/{victim.app_id}/", {"answer_url": customer.url("/apart")})
    victim.raw.ask("POST", f"Number/{victim.number}/", {"app_id": victim.app_id})

    def everything() -> None:
        several = "<".join(f"sip:nobody{number}@127.0.0.1:9" for number in range(40))
        fired = victim.raw.ask("POST", "Call/", {"from": "1", "to": several, "answer_url": customer.url("/apart")})
        queued = fired.body["request_uuid"][-1]
        assert victim.raw.ask("GET", f"Call/{queued}/?status=queued").status == 200
        (victim.live_uuid,) = victim.raw.ask("GET", "Call/?status=live&call_direction=inbound").body["calls"]
        places = {name: list(values) for name, values in victim.places.items()}
        places["call_uuid"].append(queued)
        before = _settled(victim)
        assert compared(victim, other, places) > 40
        assert listed(victim, other, places) > 200
        tried = attached(victim, other, places)
        assert {"POST Number/{number}/ app_id", "POST Endpoint/ app_id", "POST Application/ subaccount"} <= set(tried)
        assert {"DELETE Application/{app_id}/ new_endpoint_application", "POST Call/ parent_call_uuid"} <= set(tried)
        assert _settled(victim) == before
        # All of it was there to be found, and still is.
        assert victim.raw.ask("DELETE", f"Request/{queued}/").status == 204
        assert victim.raw.ask("DELETE", f"Call/{victim.live_uuid}/").status == 204

    async def run() -> None:
        async with asyncio.timeout(150), a_desk() as desk, desk.dial(node.uri(victim.number)) as leg:
            await leg.wait_answered()
            await asyncio.to_thread(everything)
            await leg.ended()

    asyncio.run(run())


def _settled(tenant: Tenant) -> list[Any]:
    """What it has, but for its calls on their way: those go on meanwhile."""
    paths = ("", f"Application/{tenant.app_id}/", f"Endpoint/{tenant.endpoint_id}/", f"Number/{tenant.number}/")
    lists = ("Application/", "Endpoint/", "Number/", f"Call/{tenant.call_uuid}/", "Call/?status=live&call_direction=inbound")
    answers = [tenant.raw.ask("GET", path) for path in (*paths, *lists)]
    assert {each.status for each in answers} == {200}
    return [told(each)[:2] for each in answers]


def test_a_subaccount_that_is_removed_or_disabled_opens_nothing(
    client: plivo.RestClient, subaccount: Callable[[], plivo.RestClient], raw: Raw
) -> None:
    made = client.subaccounts.create("gone", True)
    gone, shut = (made.auth_id, made.auth_token), subaccount().session.auth
    client.subaccounts.delete(gone[0], cascade=True)
    client.subaccounts.update(shut[0], "shut", False)
    answers = [Raw(raw.port, *auth).ask("GET", "") for auth in (gone, shut, ("SA" + "Q" * 18, gone[1]))]
    assert len({str(told(each)) for each in answers}) == 1
    assert answers[0].status == 401


def test_a_main_account_cannot_be_made_out_of_a_subaccount(tenants: tuple[Tenant, Tenant]) -> None:
    """What only the main account may do, over all routes that a subaccount gets 403 from."""
    victim, other = tenants
    for method, path, body in (
        ("GET", "Subaccount/", None),
        ("POST", "Subaccount/", {"name": "x"}),
        ("GET", f"Subaccount/{other.auth_id}/", None),
        ("POST", f"Subaccount/{victim.auth_id}/", {"name": "x"}),
        ("POST", "Number/", {"numbers": "14155550138", "carrier": "x", "region": "x"}),
    ):
        assert other.raw.ask(method, path, body).status in {403, 404}, f"{method} {path}"


def test_no_secret_is_compared_in_a_time_that_tells_something() -> None:
    tree = ast.parse(Path(inspect.getfile(accounts)).read_text("utf-8"))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    for each in compared:
        assert not {"token", "password"} & set(ast.unparse(each).replace(".", " ").replace("_", " ").split()), ast.unparse(each)
    assert sum("compare_digest" in ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)) == 1
