"""Every request that a call makes validates with the vendor's SDK, whatever its method, query, purpose and owner.

Queries have no letters beyond ASCII here: the SDK's validator fails on those itself, however they are encoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plivo
import pytest
from plivo.utils import validate_signature, validate_v3_signature

from offhook.testing.live import Customer, Desk, NodeProcess, Reply, Seen, a_desk, document, say, tone_wav

from .conftest import TOKEN

LIMIT_S = 180
MENU, LATE, BROKEN = "14155550161", "14155550162", "14155550163"
CALLED = ("/ring", "/placed", "/recorded", "/judged", "/elsewhere", "/over")
STAY = document("<Wait length='120' silence='true'/>")


def _valid(seen: Seen, token: str, *, owner: str = "") -> bool:
    """What a customer's server does with a request; ``owner``: ``Ma-`` for the main account's signature."""
    headers = {name.lower(): value for name, value in seen.headers.items()}
    version_3, version_2 = (headers[f"x-plivo-signature-{owner}{version}".lower()] for version in ("V3", "V2"))
    nonce_3, nonce_2 = (headers[f"x-plivo-signature-{version}-nonce"] for version in ("v3", "v2"))
    form = dict(seen.form) if seen.method == "POST" else {}
    return bool(
        validate_v3_signature(seen.method, seen.url, nonce_3, token, version_3, form)
        and validate_signature(seen.url, nonce_2, version_2, token)
    )


def _validate_all(customer: Customer, token: str) -> dict[str, set[str]]:
    """Validate what has come so far. Returns the methods by path."""
    assert customer.seen
    for seen in customer.seen:
        assert _valid(seen, token), (seen.method, seen.url)
        assert _valid(seen, TOKEN, owner="Ma-"), (seen.method, seen.url)
        assert not _valid(seen, "another token"), "a validator that takes anything proves nothing"
    nonces = [seen.headers["X-Plivo-Signature-V3-Nonce"] for seen in customer.seen]
    assert len(set(nonces)) == len(nonces)
    return {path: {seen.method for seen in customer.requests(path)} for path in {seen.path for seen in customer.seen}}


async def _told(customer: Customer, path: str) -> None:
    await asyncio.to_thread(customer.wait_for, path, timeout_s=LIMIT_S)


def _played(scene: Any) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S), a_desk() as desk:
            await scene(desk)

    asyncio.run(limited())


@pytest.fixture
def numbers(node: NodeProcess) -> Iterator[None]:
    """Numbers that are given back."""
    yield
    for number in (MENU, LATE, BROKEN):
        node.command("number", "remove", number)


def test_of_calls_that_come_in(node: NodeProcess, customer: Customer, numbers: None) -> None:
    customer.forget()
    menu = node.route(
        MENU,
        customer.url("/menu?shop=1&x=a%20b&empty="),
        answer_method="GET",
        hangup_url=customer.url("/bye?k=v+w"),
        hangup_method="GET",
    )
    late = node.route(
        LATE, customer.url("/broken?a=1"), fallback_url=customer.url("/spare?b=%2F&b=1"), hangup_url=customer.url("/over")
    )
    lost = node.route(BROKEN, customer.url("/broken"), fallback_method="GET", fallback_url=customer.url("/broken?again=1"))
    customer.says("/broken", Reply("no", 500))
    asking = '<GetDigits action="/chosen?step=2&amp;word=%26+%2B%3D" method="GET" numDigits="3" finishOnKey="none" timeout="60"/>'
    customer.says("/menu", document(asking))
    customer.says("/chosen", document("<Redirect>/next?z=%2F&amp;z=0</Redirect>"))
    customer.says("/next", document('<Redirect method="GET">/last?q</Redirect>'))
    customer.says("/spare", document("<Hangup/>"))
    for path in ("/bye", "/over", "/told", "/done"):
        customer.says(path, Reply(""))

    async def scene(desk: Desk) -> None:
        customer.says(
            "/last",
            document(
                '<Dial callbackUrl="/told?leg=b" callbackMethod="GET" action="/done?d=1" redirect="false">'
                f"<User>{desk.uri('bob')}</User></Dial>",
                f'<Dial callbackUrl="/told" action="/done" method="GET" redirect="false"><User>{desk.uri("eve")}</User></Dial>',
            ),
        )
        async with desk.dial(menu, "sip:14155550100@phone.example") as leg:
            await leg.wait_answered()
            await _told(customer, "/menu")
            await leg.send_digits("1*#", tone_ms=100, gap_ms=100)
            for user in ("bob", "eve"):
                async with desk.taken(user) as other:
                    await other.answer()
                    await asyncio.to_thread(customer.wait_for, "/told", count=2 if user == "bob" else 5, timeout_s=LIMIT_S)
            await leg.ended()
        await _told(customer, "/bye")
        async with desk.dial(late) as leg:
            await leg.ended()
        async with desk.dial(lost) as leg:
            await leg.ended()
        await asyncio.to_thread(customer.wait_for, "/over", timeout_s=LIMIT_S)
        await asyncio.to_thread(customer.wait_for, "/broken", count=4, timeout_s=LIMIT_S)

    _played(scene)
    assert [each["Digits"] for each in customer.requests("/chosen")] == ["1*#"]
    assert _validate_all(customer, TOKEN) == {
        "/menu": {"GET"},
        "/chosen": {"GET"},
        "/next": {"POST"},
        "/last": {"GET"},
        "/told": {"GET", "POST"},
        "/done": {"GET", "POST"},
        "/bye": {"GET"},
        "/broken": {"GET", "POST"},
        "/spare": {"POST"},
        "/over": {"POST"},
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_of_calls_that_a_subaccount_places(
    client: plivo.RestClient, subaccount: Any, customer: Customer, tmp_path: Path, method: str
) -> None:
    customer.forget()
    tenant = subaccount()
    token = tenant.session.auth[1]
    assert token != TOKEN
    customer.says("/placed", STAY)
    customer.says("/elsewhere", STAY)
    for path in ("/ring", "/over", "/recorded", "/judged"):
        customer.says(path, Reply(""))

    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(
            tenant.calls.create,
            *("14155550100", desk.uri("ann"), customer.url("/placed?a=b%26c#rc=0"), method),
            ring_url=customer.url("/ring?r=1"),
            ring_method=method,
            hangup_url=customer.url("/over?h=1"),
            hangup_method=method,
            caller_name="Bäckerei & Söhne" if method == "POST" else "Baker & Sons",
            sip_headers="Team=red+blue,Shift=7",
            machine_detection="true",
            machine_detection_time=2000,
            machine_detection_url=customer.url("/judged?m=1"),
            machine_detection_method=method,
        )
        async with desk.taken("ann") as leg:
            leg.ring()
            await _told(customer, "/ring")
            await leg.answer()
            await _told(customer, "/placed")
            say(leg, tone_wav((500, 1.0)), tmp_path)
            recorded = {"callback_url": customer.url("/recorded?c=1"), "callback_method": method, "time_limit": 1}
            await asyncio.to_thread(tenant.calls.record, fired.request_uuid, **recorded)
            await _told(customer, "/recorded")
            await _told(customer, "/judged")
            where = customer.url("/elsewhere?e=%25%3D+%26")
            await asyncio.to_thread(tenant.calls.transfer, fired.request_uuid, legs="aleg", aleg_url=where, aleg_method=method)
            await _told(customer, "/elsewhere")
            await asyncio.to_thread(tenant.calls.hangup, fired.request_uuid)
            await leg.ended()
        await _told(customer, "/over")

    _played(scene)
    assert _validate_all(customer, token) == {path: {method} for path in CALLED}
    assert not _valid(customer.seen[0], TOKEN), "the first signature is the subaccount's"
