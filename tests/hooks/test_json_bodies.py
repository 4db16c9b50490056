"""Notifications whose body is JSON: results of requests of the API."""

from __future__ import annotations

import asyncio
import json


def _run(world, work, **settings):
    async def opened():
        async with world(**settings) as w:
            return await work(w)

    return asyncio.run(opened())


async def _delivery(w):
    async with asyncio.timeout(120):
        while not w.shelf.deliveries:  # noqa: ASYNC110 - a test looks from outside
            await asyncio.sleep(0.01)
    return w.shelf.deliveries[0]


RESULT = json.dumps({"api_id": "x", "message": "é"})


def test_the_body_is_sent_as_it_is_and_the_url_alone_is_signed(world, notification, names):
    from plivo.utils import validate_v3_signature

    async def work(w):
        url = w.customer.url("/result?a=1&b=%20")
        await w.hooks.notify(notification(url, parameters={"not": "sent"}, body=RESULT))
        return await _delivery(w), w.customer.requests[0]

    delivery, seen = _run(world, work)
    assert (delivery.delivered, seen.method, json.loads(seen.body)) == (True, "POST", {"api_id": "x", "message": "é"})
    assert seen.headers["Content-Type"] == "application/json"
    nonce, signature = seen.headers["X-Plivo-Signature-V3-Nonce"], seen.headers["X-Plivo-Signature-V3"]
    assert validate_v3_signature("POST", seen.url, nonce, names.token, signature, {})
    assert seen.query == [("a", "1"), ("b", " ")]


def test_it_is_sent_again_and_follows_a_redirect(world, notification):
    async def work(w):
        w.customer.on("/moved", status=307, Location="/there")
        w.customer.on("/there", status=503)
        await w.hooks.notify(notification(w.customer.url("/moved#rp=5xx&rc=1"), body=RESULT))
        return await _delivery(w), w.customer.requests

    delivery, seen = _run(world, work)
    assert (delivery.delivered, delivery.attempts) == (False, 2)
    assert [each.path for each in seen] == ["/moved", "/there"] * 2
    assert {each.body for each in seen} == {RESULT.encode()}


def test_it_does_not_go_to_private_addresses(world, notification):
    async def work(w):
        await w.hooks.notify(notification(w.customer.url("/result"), body=RESULT))
        return await _delivery(w), w.customer.requests

    delivery, seen = _run(world, work, allow_private=False)
    assert not delivery.delivered
    assert seen == []
