"""Calls by the API: records with every filter, calls that run, and their end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import plivo
import pytest
from plivo import exceptions

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.legs import NotAnswered
from offhook.records import CallRecord
from offhook.store import Store
from offhook.testing.live import Customer, NodeProcess, a_desk, call, document

from .conftest import MAIN, TOKEN, Raw

ENDED = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
STAY = document("<Speak>Stay.</Speak><Wait length='60'/>")


def _record(**more: Any) -> CallRecord:
    usual = CallRecord(
        call_uuid=Ids().call_uuid(),
        auth_id=MAIN,
        direction="inbound",
        from_number="14155550100",
        to_number="14155550199",
        call_status="completed",
        initiation_time=ENDED - timedelta(seconds=68),
        answer_time=ENDED - timedelta(seconds=66),
        end_time=ENDED,
        duration_s=66,
        billed_duration_s=120,
        hangup_cause="NORMAL_CLEARING",
        hangup_cause_name="Normal Hangup",
        hangup_cause_code=4000,
        hangup_source="Caller",
        source_ip="198.51.100.7",
    )
    return replace(usual, **more)


RECORDS = {
    "plain": _record(),
    "later": _record(end_time=ENDED + timedelta(minutes=1), duration_s=6, billed_duration_s=60),
    "busy": _record(
        direction="outbound",
        from_number="+442079460100",
        to_number="sip:desk@sip.example",
        answer_time=None,
        end_time=ENDED + timedelta(minutes=2),
        duration_s=0,
        billed_duration_s=0,
        hangup_cause="USER_BUSY",
        hangup_cause_name="Busy Line",
        hangup_cause_code=3010,
        hangup_source="Callee",
        stir_verification="Verified",
    ),
}
RECORDS["leg"] = _record(parent_call_uuid=RECORDS["plain"].call_uuid, end_time=ENDED - timedelta(minutes=1))


@pytest.fixture(scope="module", autouse=True)
def records(node: NodeProcess) -> None:
    """Calls of the past."""

    async def add() -> None:
        store = await Store.open(node.database, clock=Clock())
        for record in RECORDS.values():
            await store.finish(record, None)
        await store.aclose()

    asyncio.run(add())


def _names(listed: Any) -> list[str]:
    names = {record.call_uuid: name for name, record in RECORDS.items()}
    return [names[each.call_uuid] for each in listed if each.call_uuid in names]


def test_a_record_has_every_field(raw: Raw) -> None:
    plain = RECORDS["plain"]
    body = raw.ask("GET", f"Call/{plain.call_uuid}/?call_uuid={plain.call_uuid}").body
    assert len(body.pop("api_id")) == 36
    assert body == {
        "call_uuid": plain.call_uuid,
        "parent_call_uuid": None,
        "from_number": "14155550100",
        "to_number": "14155550199",
        "call_direction": "inbound",
        "call_state": "ANSWER",
        "initiation_time": "2026-03-01 12:29:07+00:00",
        "answer_time": "2026-03-01 12:29:09+00:00",
        "end_time": "2026-03-01 12:30:15+00:00",
        "call_duration": 66,
        "bill_duration": 66,
        "billed_duration": 120,
        "total_amount": "0.00000",
        "total_rate": "0.00000",
        "hangup_cause_name": "Normal Hangup",
        "hangup_cause_code": 4000,
        "hangup_source": "Caller",
        "conference_uuid": None,
        "stir_verification": "Not Applicable",
        "stir_attestation": "Not Applicable",
        "voice_network_group": "",
        "source_ip": "198.51.100.7",
        "cnam_lookup": "",
        "resource_uri": f"/v1/Account/{MAIN}/Call/{plain.call_uuid}/",
    }


def test_times_are_told_in_the_time_zone_of_the_account(raw: Raw) -> None:
    assert raw.ask("POST", "", {"timezone": "Asia/Kolkata"}).status == 202
    try:
        body = raw.ask("GET", f"Call/{RECORDS['busy'].call_uuid}/").body
        assert (body["end_time"], body["answer_time"], body["call_state"]) == ("2026-03-01 18:02:15+05:30", None, "HANGUP")
    finally:
        assert raw.ask("POST", "", {"timezone": "UTC"}).status == 202
    assert raw.ask("POST", "", {"timezone": "Mars/Olympus"}).body["error"] == "timezone parameter is invalid"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["busy", "later", "plain", "leg"]),
        ({"call_direction": "outbound"}, ["busy"]),
        ({"from_number": "1415555"}, ["later", "plain", "leg"]),
        ({"from_number": "+14155550100"}, ["later", "plain", "leg"]),
        ({"from_number": "442079"}, ["busy"]),
        ({"from_number": "4155550100"}, []),
        ({"from_number": "1415%"}, []),
        ({"to_number": "sip:desk@"}, ["busy"]),
        ({"parent_call_uuid": RECORDS["plain"].call_uuid}, ["leg"]),
        ({"bill_duration": 66}, ["plain", "leg"]),
        ({"bill_duration__gt": 0, "bill_duration__lt": 66}, ["later"]),
        ({"bill_duration__gte": 6, "bill_duration__lte": 6}, ["later"]),
        ({"hangup_cause_code": 3010}, ["busy"]),
        ({"hangup_source": "callee"}, ["busy"]),
        ({"stir_verification": "verified"}, ["busy"]),
        ({"end_time": "2026-03-01 12:30"}, ["plain"]),
        ({"end_time": "2026-03-01 12:30:15"}, ["plain"]),
        ({"end_time": "2026-03-01 12:30:15.123456"}, ["plain"]),
        ({"end_time": "2026-03-01 12:30:15.123457"}, []),
        ({"end_time__gt": "2026-03-01 12:30:15.123456"}, ["busy", "later"]),
        ({"end_time__gte": "2026-03-01 12:30:15.123456"}, ["busy", "later", "plain"]),
        ({"end_time__lt": "2026-03-01 12:30:15.123456"}, ["leg"]),
        ({"end_time__lte": "2026-03-01 12:30:15.123456", "hangup_source": "Caller"}, ["plain", "leg"]),
        ({"subaccount": ""}, ["busy", "later", "plain", "leg"]),
    ],
)
def test_records_are_listed_by_every_filter(raw: Raw, filters: dict[str, Any], expected: list[str]) -> None:
    answer = raw.ask("GET", "Call/?" + urlencode({**filters, "end_time__lt": "2026-03-02 00:00", **filters}))
    assert answer.status == 200, answer.body
    names = {record.call_uuid: name for name, record in RECORDS.items()}
    assert [names[each["call_uuid"]] for each in answer.body["objects"] if each["call_uuid"] in names] == expected
    assert answer.body["meta"]["total_count"] == len(answer.body["objects"])


def test_filters_are_kept_from_page_to_page(client: plivo.RestClient, raw: Raw) -> None:
    first = raw.ask("GET", "Call/?limit=2&from_number=%2B1415&end_time__lt=2026-03-02+00:00").body
    assert first["meta"]["next"].partition("&cursor=")[0] == (
        f"/v1/Account/{MAIN}/Call/?from_number=%2B1415&end_time__lt=2026-03-02+00%3A00&limit=2&offset=2"
    )
    second = raw.ask("GET", first["meta"]["next"]).body
    assert [len(first["objects"]), len(second["objects"]), second["meta"]["next"]] == [2, 1, None]
    assert raw.ask("GET", second["meta"]["previous"]).body["objects"] == first["objects"]
    assert _names(client.calls.list(limit=20, end_time__lt="2026-03-02 00:00:00")) == ["busy", "later", "plain", "leg"]
    assert client.calls.get(RECORDS["busy"].call_uuid).hangup_cause_code == 3010


@pytest.fixture
def waiting(node: NodeProcess, customer: Customer) -> Iterator[str]:
    """A number whose calls wait."""
    customer.forget()
    customer.says("/stay", STAY)
    yield node.route("14155550155", customer.url("/stay"))
    node.command("number", "remove", "14155550155")


def test_a_call_that_runs_is_listed_read_and_hung_up(client: plivo.RestClient, waiting: str, raw: Raw) -> None:
    async def run() -> None:
        async with a_desk() as desk, desk.dial(waiting, "sip:14155550100@phone.example") as leg:
            await leg.wait_answered()
            listed = await asyncio.to_thread(client.live_calls.list_ids)
            (call_uuid,) = listed.calls
            live = await asyncio.to_thread(client.live_calls.get, call_uuid)
            assert (live.call_uuid, live.direction, live.to) == (call_uuid, "inbound", "14155550155")
            assert live.call_status == "in-progress"
            datetime.strptime(live.session_start, "%Y-%m-%d %H:%M:%S.%f")
            assert (await asyncio.to_thread(client.calls.live_call_list_ids)).calls == [call_uuid]
            assert (await asyncio.to_thread(client.calls.live_call_get, call_uuid)).request_uuid == call_uuid
            assert (await asyncio.to_thread(client.calls.queued_call_list_ids)).calls == []
            for query, found in (("from_number=1415555", 1), ("from_number=1999", 0), ("call_direction=outbound", 0)):
                answer = await asyncio.to_thread(raw.ask, "GET", f"Call/?status=live&{query}")
                assert len(answer.body["calls"]) == found
            # What Node's SDK does: no slash before the question mark.
            assert (await asyncio.to_thread(raw.ask, "GET", f"Call/{call_uuid}?status=live")).status == 200
            assert (await asyncio.to_thread(client.queued_calls.list_ids)).calls == []
            with pytest.raises(exceptions.ResourceNotFoundError):
                await asyncio.to_thread(client.queued_calls.get, call_uuid)
            with pytest.raises(exceptions.ResourceNotFoundError):  # It is not over yet.
                await asyncio.to_thread(client.calls.get, call_uuid)
            await asyncio.to_thread(client.calls.hangup, call_uuid)
            async with asyncio.timeout(20):
                await leg.ended()
        for _ in range(200):
            answer = await asyncio.to_thread(raw.ask, "GET", f"Call/{call_uuid}/")
            if answer.status == 200:
                break
            await asyncio.sleep(0.05)
        assert answer.body["hangup_source"] == "API Request"
        with pytest.raises(exceptions.ResourceNotFoundError):
            await asyncio.to_thread(client.calls.hangup, call_uuid)
        with pytest.raises(exceptions.ResourceNotFoundError):
            await asyncio.to_thread(client.live_calls.get, call_uuid)

    asyncio.run(run())


def test_an_endpoint_registers_with_the_password_that_the_api_gave_it(client: plivo.RestClient, node: NodeProcess) -> None:
    made = client.endpoints.create("phone", "first password", "phone")
    client.endpoints.update(made.endpoint_id, password="second password")

    async def registered(password: str) -> Any:
        async with a_desk() as desk, desk.registered(f"127.0.0.1:{node.sip_port}", made.username, password):
            for _ in range(200):  # Registrations are written down in groups.
                found = await asyncio.to_thread(client.endpoints.get, made.endpoint_id)
                if found.sip_registered == "true":
                    break
                await asyncio.sleep(0.05)
            return found

    found = asyncio.run(registered("second password"))
    assert found.sip_registered == "true"
    assert found.sip_contact.startswith(f"sip:{made.username}@127.0.0.1:")
    assert 0 < int(found.sip_expires) <= 600
    with pytest.raises(AssertionError, match="REGISTER"):
        asyncio.run(registered("first password"))


def test_an_endpoint_that_gets_another_password_is_logged_out(client: plivo.RestClient, node: NodeProcess) -> None:
    made = client.endpoints.create("bob", "first password", "bob")

    def state() -> str:
        return str(client.endpoints.get(made.endpoint_id).sip_registered)

    async def becomes(wanted: str) -> None:
        for _ in range(400):
            if await asyncio.to_thread(state) == wanted:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"not {wanted}")

    async def run() -> None:
        async with a_desk() as desk, desk.registered(f"127.0.0.1:{node.sip_port}", made.username, "first password"):
            await becomes("true")
            await asyncio.to_thread(client.endpoints.update, made.endpoint_id, password="second password")
            await becomes("false")

    asyncio.run(run())
    client.endpoints.delete(made.endpoint_id)


@pytest.mark.parametrize("way", ["endpoint", "application", "subaccount"])
def test_an_endpoint_that_is_removed_rings_no_more(
    way: str, client: plivo.RestClient, node: NodeProcess, customer: Customer
) -> None:
    account = client.subaccounts.create("phones", True)
    tenant = plivo.RestClient(account.auth_id, account.auth_token, timeout=30)
    app_id = tenant.applications.create("phones").app_id
    made = tenant.endpoints.create("bob", "secret", "bob", app_id)
    customer.forget()
    customer.says("/dial", document(f"<Dial timeout='20'><User>sip:{made.username}@sip.example</User></Dial>"))
    target = node.route("14155550168", customer.url("/dial"))

    async def run() -> None:
        async with a_desk() as desk, desk.registered(f"127.0.0.1:{node.sip_port}", made.username, "secret"):
            async with desk.dial(target), desk.taken(made.username) as rung:
                await rung.answer()
            if way == "endpoint":
                await asyncio.to_thread(tenant.endpoints.delete, made.endpoint_id)
            elif way == "application":
                await asyncio.to_thread(tenant.applications.delete, app_id)
            else:
                await asyncio.to_thread(client.subaccounts.delete, account.auth_id, cascade=True)
            async with desk.dial(target) as caller:
                async with asyncio.timeout(40):
                    with contextlib.suppress(NotAnswered):
                        await caller.wait_answered()
                        await caller.ended()
            with pytest.raises(TimeoutError):
                await desk.arrival(made.username, timeout_s=0.2)

    asyncio.run(run())
    node.command("number", "remove", "14155550168")
    if way != "subaccount":
        client.subaccounts.delete(account.auth_id, cascade=True)


def test_the_web_hooks_of_a_subaccount_are_signed_with_its_token_and_the_main_one(
    client: plivo.RestClient, subaccount: Callable[[], plivo.RestClient], node: NodeProcess, customer: Customer
) -> None:
    tenant = subaccount()
    auth_id, token = tenant.session.auth
    customer.forget()
    customer.says("/signed", document("<Hangup/>"))
    app_id = tenant.applications.create("signed", answer_url=customer.url("/signed")).app_id
    client.numbers.create("14155550166", "mine", "here", subaccount=auth_id)
    tenant.numbers.update("14155550166", app_id=app_id)
    assert isinstance(call(node.uri("14155550166")), NotAnswered)
    answer, hangup = customer.wait_for("/signed", count=2)
    for seen in (answer, hangup):
        nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
        for header, key in (("X-Plivo-Signature-V3", token), ("X-Plivo-Signature-Ma-V3", TOKEN)):
            signature = seen.headers[header]
            url = customer.url("/signed")
            assert plivo.utils.validate_v3_signature("POST", url, nonce, key, signature, dict(seen.parameters)), header
            assert not plivo.utils.validate_v3_signature("POST", url, nonce, key + "x", signature, dict(seen.parameters))
    deadline = time.monotonic() + 120
    while not (records := tenant.calls.list().objects):  # the answer goes out before the record is written
        assert time.monotonic() < deadline
    (record,) = records
    assert record.to_number == "14155550166"
    assert record.resource_uri.startswith(f"/v1/Account/{auth_id}/")


def test_a_number_whose_application_has_no_answer_url_is_refused(
    subaccount: Callable[[], plivo.RestClient], client: plivo.RestClient, node: NodeProcess
) -> None:
    tenant = subaccount()
    app_id = tenant.applications.create("nothing to ask").app_id
    client.numbers.create("14155550167", "mine", "here", app_id=app_id, subaccount=tenant.session.auth[0])
    assert isinstance(call(node.uri("14155550167")), NotAnswered)
    deadline = time.monotonic() + 120
    while not (found := list(tenant.calls.list())):  # the caller is refused before that is written down
        assert time.monotonic() < deadline, node.log.read_text()[-3000:]
        time.sleep(0.05)
    (record,) = found
    assert (record.call_state, record.hangup_source, record.hangup_cause_code // 100) == ("HANGUP", "Error", 70)
