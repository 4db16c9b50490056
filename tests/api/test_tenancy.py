"""Two tenants cannot see or touch each other's anything: over all routes, so that a new one is tried too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import plivo
import pytest

from offhook.api.resources import ROUTES
from offhook.api.routes import Route
from offhook.clock import Clock
from offhook.ids import Ids
from offhook.records import CallRecord, Recording
from offhook.store import Store
from offhook.testing.live import Customer, NodeProcess, a_desk, document

from .conftest import MAIN, Raw

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "Subaccount/{sub_auth_id}/"): {"name": "taken over"},
    ("POST", "Application/{app_id}/"): {"answer_url": "https://evil.example/"},
    ("POST", "Endpoint/{endpoint_id}/"): {"password": "taken over"},
    ("POST", "Number/{number}/"): {"alias": "taken over"},
    ("POST", "Call/{call_uuid}/Play/"): {"urls": "https://evil.example/a.mp3"},
    ("POST", "Call/{call_uuid}/Speak/"): {"text": "taken over"},
    ("POST", "Call/{call_uuid}/DTMF/"): {"digits": "1"},
    ("POST", "Conference/{conference_name}/Member/{member_ids}/Play/"): {"url": "https://evil.example/a.mp3"},
    ("POST", "Conference/{conference_name}/Member/{member_ids}/Speak/"): {"text": "taken over"},
    ("POST", "MultiPartyCall/{mpc_ref}/"): {"status": "active"},
    ("POST", "MultiPartyCall/{mpc_ref}/Participant/"): {"role": "agent", "from": "1", "to": "2"},
    ("POST", "MultiPartyCall/{mpc_ref}/Participant/{participant_id}/"): {"mute": True},
    ("POST", "MultiPartyCall/{mpc_ref}/Member/{participant_id}/Play/"): {"url": "https://evil.example/a.mp3"},
    ("POST", "MultiPartyCall/{mpc_ref}/Member/{participant_id}/Speak/"): {"text": "taken over"},
    ("POST", "Call/{call_uuid}/Stream/"): {"service_url": "wss://evil.example/"},
    ("POST", "Call/{call_uuid}/Feedback/"): {"rating": 1},
    ("POST", "VerifiedCallerId/Verification/{verification_uuid}/"): {"otp": "123456"},
}
"""Parameters without which a request would be refused for another reason."""
NUMBER = "14155550133"
NOTHING_THERE = ("Conference/", "MultiPartyCall/", "Call/{call_uuid}/Stream/{stream_id}/", "VerifiedCallerId/", "Transcription/")
"""Of these a node has none yet, whoever asks; their names are within the account."""


class Tenant:
    """A subaccount with one of everything."""

    def __init__(self, node: NodeProcess, client: plivo.RestClient, number: str) -> None:
        auth_id, token = client.session.auth
        self.raw = Raw(node.http_port, auth_id, token)
        self.auth_id = auth_id
        self.app_id = client.applications.create("mine", answer_url="https://h.example/").app_id
        self.endpoint_id = client.endpoints.create("mine", "secret", "mine", self.app_id).endpoint_id
        self.number = number
        self.call_uuid, self.recording_id = Ids().call_uuid(), Ids().call_uuid()
        self.live_uuid = ""
        asyncio.run(self._has_called(node))

    async def _has_called(self, node: NodeProcess) -> None:
        now = datetime.now(UTC)
        record = CallRecord(
            *(self.call_uuid, self.auth_id, "inbound", "1", "2", "completed", now, now, now, 1, 60),
            *("NORMAL_CLEARING", "Normal Hangup", 4000, "Caller"),
        )
        store = await Store.open(node.database, clock=Clock())
        recording = Recording(
            recording_id=self.recording_id,
            auth_id=self.auth_id,
            call_uuid=self.call_uuid,
            from_number="1",
            to_number="2",
            file_format="mp3",
            channels=2,
            folder=self.auth_id,
            started_at=now,
            added_at=now,
            complete=True,
        )
        await store.finish(record, None)
        await store.recordings.add(recording)
        await store.aclose()

    @property
    def places(self) -> dict[str, list[str]]:
        """What is its own, by the names of the routes."""
        return {
            "sub_auth_id": [self.auth_id],
            "app_id": [self.app_id],
            "endpoint_id": [self.endpoint_id],
            "number": [self.number],
            "recording_id": [self.recording_id],
            "call_uuid": [each for each in (self.call_uuid, self.live_uuid) if each],
            "conference_name": ["the-room-of-the-victim"],
            **{name: ["90210377561"] for name in ("member_ids", "participant_id")},
            "mpc_ref": [f"uuid_{self.call_uuid}"],
            **{name: [self.call_uuid] for name in ("stream_id", "verification_uuid")},
            "phone_number": [self.number],
        }

    def holdings(self) -> list[Any]:
        """Everything it has, as it sees it."""
        paths = (
            *("", f"Application/{self.app_id}/", f"Endpoint/{self.endpoint_id}/", f"Number/{self.number}/"),
            *(
                f"Call/{self.call_uuid}/",
                f"Recording/{self.recording_id}/",
                "Recording/",
                "Application/",
                "Endpoint/",
                "Number/",
                "Call/?status=live",
                "Call/",
            ),
        )
        answers = [self.raw.ask("GET", path) for path in paths]
        assert {each.status for each in answers} == {200}
        return [{name: value for name, value in each.body.items() if name != "api_id"} for each in answers]


def _filled(route: Route, owner: Tenant) -> list[str]:
    """The route's paths to what an account owns."""
    paths = [route.path]
    for name, values in owner.places.items():
        paths = [path.replace("{" + name + "}", value) for path in paths for value in values] if values else paths
    assert all("{" not in path for path in paths), f"say in Tenant.places what {route.path} leads to"
    return list(dict.fromkeys(paths))


@pytest.fixture
def tenants(
    node: NodeProcess, client: plivo.RestClient, subaccount: Callable[[], plivo.RestClient]
) -> Iterator[tuple[Tenant, Tenant]]:
    """Two of them, each with a number."""
    found = []
    for number in (NUMBER, "14155550134"):
        tenant = subaccount()
        client.numbers.create(number, "mine", "here", subaccount=tenant.session.auth[0])
        found.append(Tenant(node, tenant, number))
    yield found[0], found[1]


def _try_everything(victim: Tenant, other: Tenant) -> None:
    for route in ROUTES:
        body = BODIES.get((route.method, route.path), {})
        for path in _filled(route, victim):
            foreign = f"/v1/Account/{victim.auth_id}/{path}"
            query = "?status=live" if path.endswith(f"Call/{victim.live_uuid}/") and route.method == "GET" else ""
            assert other.raw.ask(route.method, foreign + query, body or None).status == 401, foreign
            assert other.raw.ask(route.method, f"/v1/Account/{MAIN}/{path}{query}", body or None).status == 401
            if "{" in route.path and not path.startswith("PhoneNumber/"):
                answer = other.raw.ask(route.method, path + query, body or None)
                assert answer.status in {403, 404}, f"{route.method} {path}: {answer.status} {answer.body}"
        if route.is_list:
            answer = other.raw.ask("GET", f"{route.path}?subaccount={victim.auth_id}&country_iso=US")
            assert answer.status in {400, 403} or route.path == "PhoneNumber/" or "{" in route.path, route.path
            answer = other.raw.ask("GET", f"{route.path}?country_iso=US&status=live")
            shown = answer.text + other.raw.ask("GET", f"{route.path}?country_iso=US").text
            for values in victim.places.values():
                assert not any(value.encode() in shown for value in values), route.path


def test_nothing_of_one_can_be_seen_or_touched_by_the_other(
    tenants: tuple[Tenant, Tenant], node: NodeProcess, customer: Customer, client: plivo.RestClient
) -> None:
    victim, other = tenants
    customer.says("/stay", document("<Speak>Stay.</Speak><Wait length='60'/>"))
    answer_url = customer.url("/stay")
    victim.raw.ask("POST", f"Application/{victim.app_id}/", {"answer_url": answer_url})
    victim.raw.ask("POST", f"Number/{victim.number}/", {"app_id": victim.app_id})

    async def run() -> None:
        async with a_desk() as desk, desk.dial(node.uri(victim.number)) as leg:
            await leg.wait_answered()
            live = await asyncio.to_thread(victim.raw.ask, "GET", "Call/?status=live")
            (victim.live_uuid,) = live.body["calls"]
            before = await asyncio.to_thread(victim.holdings)
            await asyncio.to_thread(_try_everything, victim, other)
            assert await asyncio.to_thread(victim.holdings) == before
            # Its own account can, by the same routes: what was tried above was there to be found.
            assert (await asyncio.to_thread(victim.raw.ask, "DELETE", f"Call/{victim.live_uuid}/")).status == 204
            async with asyncio.timeout(20):
                await leg.ended()

    asyncio.run(run())
    for route in ROUTES:
        if route.path.startswith(NOTHING_THERE):
            continue
        if route.method == "GET" and "{" in route.path and "sub_auth_id" not in route.path:
            assert victim.raw.ask("GET", _filled(route, victim)[0]).status == 200, route.path


def test_what_is_somebody_elses_cannot_be_attached(tenants: tuple[Tenant, Tenant]) -> None:
    victim, other = tenants
    for method, path, body in (
        ("POST", "Endpoint/", {"username": "x", "password": "secret", "alias": "x", "app_id": victim.app_id}),
        ("POST", f"Endpoint/{other.endpoint_id}/", {"app_id": victim.app_id}),
        ("POST", f"Number/{other.number}/", {"app_id": victim.app_id}),
        ("POST", f"Number/{other.number}/", {"subaccount": victim.auth_id}),
        ("POST", f"Application/{other.app_id}/", {"subaccount": victim.auth_id}),
        ("POST", "Application/", {"app_name": "x", "subaccount": victim.auth_id}),
        ("POST", "Application/", {"app_name": "x", "subaccount": MAIN}),
        ("DELETE", f"Application/{other.app_id}/", {"cascade": False, "new_endpoint_application": victim.app_id}),
    ):
        answer = other.raw.ask(method, path, body)
        assert answer.status == 400, f"{method} {path} {body}: {answer.body}"
    assert other.raw.ask("GET", f"Endpoint/{other.endpoint_id}/").body["application"].endswith(f"/{other.app_id}/")


def test_a_number_of_one_account_is_not_taken_by_adding_it(tenants: tuple[Tenant, Tenant], raw: Raw) -> None:
    body = {"numbers": f"14155550135,{NUMBER}", "carrier": "x", "region": "x"}
    assert raw.ask("POST", "Number/", body).status == 409
    assert raw.ask("GET", "Number/14155550135/").status == 404
