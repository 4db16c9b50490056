"""Rounds of attempts with waits between them, over restarts; what was given up is sent again when somebody asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from offhook.clock import Clock
from offhook.events import HttpAttempted, NotificationGivenUp, NotificationPostponed
from offhook.hooks import Hooks, HookSettings, MemoryShelf, Tokens
from offhook.ids import Ids
from offhook.store import State, Store

LIMIT_S = 120


def _run(world, work, **settings):
    async def opened():
        async with asyncio.timeout(LIMIT_S), world(**settings) as w:
            return await work(w)

    return asyncio.run(opened())


async def _until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - a test looks from outside
        await asyncio.sleep(0.01)


async def _got(read: Callable[[], Awaitable[Any]]) -> Any:
    """Read until there is something."""
    while not (found := await read()):  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0.02)
    return found


def _hooks(shelf, **settings) -> Hooks:
    return Hooks(
        clock=Clock(),
        ids=Ids(),
        tokens=lambda auth_id: Tokens(("t",), ("t",)),
        shelf=shelf,
        settings=HookSettings(allow_private=True, **settings),
    )


def test_what_cannot_be_reached_is_tried_again_round_by_round_then_given_up(world, notification, dead_port):
    async def work(w):
        note = notification(f"http://user:secret@127.0.0.1:{dead_port}/hook")
        await w.hooks.notify(note, w.events.append)
        await _until(lambda: w.shelf.deliveries)
        return note, w.shelf.deliveries[0], w.events

    note, delivery, events = _run(world, work, backoff_s=(0.1, 0.2))
    assert (delivery.delivered, delivery.attempts, delivery.error) == (False, 6, "connect")
    assert [each.number for each in delivery.log] == [1, 2, 3, 4, 5, 6]
    assert all(each.error.startswith("connect: ") and "secret" not in each.url for each in delivery.log)
    assert [each.at for each in delivery.log] == sorted(each.at for each in delivery.log)
    assert delivery.log[2].at - delivery.log[1].at >= timedelta(seconds=0.09)
    assert delivery.log[4].at - delivery.log[3].at >= timedelta(seconds=0.19)
    assert delivery.parameters == note.parameters
    assert [each.attempt for each in events if isinstance(each, HttpAttempted)] == [1, 2, 3, 4, 5, 6]
    assert [each.wait_s for each in events if isinstance(each, NotificationPostponed)] == [0.1, 0.2]
    [given_up] = [each for each in events if isinstance(each, NotificationGivenUp)]
    assert (given_up.id, given_up.attempts, given_up.error) == (note.id, 6, "connect")
    assert "secret" not in given_up.url


@pytest.mark.parametrize(
    ("path", "attempts"),
    [("/500", 1), ("/500#rp=5xx", 4), ("/500#rp=all&rc=0", 1), ("/500#rp=4xx", 1)],
)
def test_only_what_the_url_has_tried_again_gets_another_round(world, notification, path, attempts):
    async def work(w):
        w.customer.on("/500", status=500)
        await w.hooks.notify(notification(w.customer.url(path)))
        await _until(lambda: w.shelf.deliveries)
        return w.shelf.deliveries[0].attempts, len(w.customer.requests)

    assert _run(world, work, backoff_s=(0.05,)) == (attempts, attempts)


def test_a_server_that_comes_back_gets_what_waits_in_order_with_the_same_parameters(world, notification):
    async def work(w):
        w.customer.on("/", status=503)
        notes = [notification(w.customer.url("/#rp=5xx"), parameters={"N": str(number), "At": "12:30"}) for number in range(4)]
        for each in notes:
            await w.hooks.notify(each)
        await _until(lambda: len(w.customer.requests) >= 3)
        w.customer.on("/")
        await _until(lambda: len(w.shelf.deliveries) == 4)
        return notes, w.shelf.deliveries, [(seen.form["N"], seen.body) for seen in w.customer.requests]

    notes, deliveries, seen = _run(world, work, backoff_s=(0.1,) * 20)
    assert [each.notification_id for each in deliveries] == [each.id for each in notes]
    assert all(each.delivered and each.parameters is None for each in deliveries)
    assert [number for number, _ in seen] == sorted(number for number, _ in seen)
    assert len({body for number, body in seen if number == "0"}) == 1


def test_the_rounds_that_were_made_count_after_a_restart(world, notification, tmp_path, dead_port):
    url = f"http://127.0.0.1:{dead_port}/"

    async def node(work):
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        hooks = _hooks(store.outbox, backoff_s=(0.3, 0.3))
        await hooks.start()
        try:
            return await work(store, hooks)
        finally:
            await hooks.aclose()
            await store.aclose()

    async def first(store, hooks):
        await hooks.notify(notification(url, id="n"))

        async def put_off():
            return [each for each in await store.outbox.pending(9) if each.rounds]

        return (await _got(put_off))[0]

    async def later(store, hooks):
        return await _got(lambda: store.outbox.delivery("n"))

    async def both():
        async with asyncio.timeout(LIMIT_S):
            return await node(first), await node(later)

    waiting, delivery = asyncio.run(both())
    assert waiting.rounds >= 1
    assert waiting.due_at is not None
    assert (delivery.delivered, delivery.attempts) == (False, 6)
    assert [each.number for each in delivery.log] == [1, 2, 3, 4, 5, 6]
    assert delivery.log[: len(waiting.log)] == waiting.log


def test_a_hangup_request_found_at_the_start_does_not_wait_for_what_is_put_off(world, notification, monkeypatch):
    monkeypatch.setattr("offhook.hooks.courier.SETTLE_S", 0.1)

    async def work(w):
        shelf = MemoryShelf()
        far = w.hooks._clock.wall() + timedelta(hours=1)
        await shelf.add(notification(w.customer.url("/callback"), purpose="callback", due_at=far, rounds=1))
        await shelf.add(notification(w.customer.url("/also"), purpose="callback"))
        await shelf.add(notification(w.customer.url("/hangup")))
        again = _hooks(shelf, backoff_s=(3600,))
        await again.start()
        await _until(lambda: shelf.deliveries)
        await again.aclose()
        return [seen.path for seen in w.customer.requests], len(await shelf.pending(9))

    assert _run(world, work) == (["/hangup"], 2)


def test_closing_does_not_wait_for_what_is_put_off(world, notification, dead_port, caplog):
    async def work(w):
        await w.hooks.notify(notification(f"http://127.0.0.1:{dead_port}/"), w.events.append)
        await _until(lambda: any(isinstance(each, NotificationPostponed) for each in w.events))
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await w.hooks.aclose(60)
        return len(await w.shelf.pending(9))

    with caplog.at_level(logging.WARNING):
        assert _run(world, work, backoff_s=(3600,)) == 1
    assert "next start" in caplog.text


def test_what_was_given_up_is_sent_again_by_a_node_that_runs_as_it_was(world, notification, tmp_path, monkeypatch):
    monkeypatch.setattr("offhook.hooks.courier.LOOK_S", 0.05)

    async def work(w):
        w.customer.on("/", status=500)
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        hooks = _hooks(store.outbox)
        await hooks.start()
        notes = [notification(w.customer.url("/"), call_uuid=f"c{n % 2}", parameters={"N": str(n), "A": "1"}) for n in range(4)]
        for each in notes:
            await hooks.notify(each)
        for each in notes:
            await _got(lambda which=each.id: store.outbox.delivery(which))
        w.customer.on("/")
        other = await Store.open(tmp_path / "offhook.db", clock=Clock())  # as another process does
        asked = await other.notices.retry_failed()
        await other.aclose()

        async def all_delivered():
            return len(await store.notices.list({State.DELIVERED})) == 4

        await _got(all_delivered)
        found = [await store.notices.find(each.id) for each in notes]
        await hooks.aclose()
        await store.aclose()
        return notes, asked, found, w.customer.requests

    notes, asked, found, seen = _run(world, work)
    assert sorted(asked) == sorted(each.id for each in notes)
    assert len(seen) == 8
    assert all(len({each.body for each in seen if each.form["N"] == str(number)}) == 1 for number in range(4))
    assert [(each.state, each.attempts, each.status) for each in found] == [(State.DELIVERED, 2, 200)] * 4
    assert [[attempt.status for attempt in each.log] for each in found] == [[500, 200]] * 4


def test_what_is_asked_for_again_while_no_node_runs_is_sent_once_at_the_start(world, notification):
    async def work(w):
        shelf = MemoryShelf()
        for number in range(3):
            shelf.ask_again(notification(w.customer.url("/"), parameters={"N": str(number)}))
        hooks = _hooks(shelf)
        await hooks.start()
        await _until(lambda: len(shelf.deliveries) == 3)
        await hooks.aclose()
        return [seen.form["N"] for seen in w.customer.requests]

    assert _run(world, work) == ["0", "1", "2"]


def test_the_upgrade_of_a_stream_is_signed_with_the_tokens_of_its_account(world, names):
    from plivo.utils import validate_v3_signature

    async def work(w):
        return [dict(w.hooks.upgrade_headers(names.account, "wss://app.example.com/ws/audio?tenant=7")) for _ in range(2)]

    one, two = _run(world, work, tokens=Tokens((names.token,), ("main",)))
    assert one["X-Plivo-Signature-V3-Nonce"] != two["X-Plivo-Signature-V3-Nonce"]
    for headers in (one, two):
        nonce, url = headers["X-Plivo-Signature-V3-Nonce"], "http://app.example.com/ws/audio?tenant=7"
        assert validate_v3_signature("GET", url, nonce, names.token, headers["X-Plivo-Signature-V3"])
        assert validate_v3_signature("GET", url, nonce, "main", headers["X-Plivo-Signature-Ma-V3"])


def test_a_timeline_is_reopened_once_for_each_call_that_was_left(world, notification):
    opened, told = [], []

    async def reopen(call_uuid):
        opened.append(call_uuid)
        if call_uuid == "broken":
            raise OSError("the database cannot be read")
        return lambda event: told.append((call_uuid, event))

    async def work(w):
        shelf = MemoryShelf()
        for call in ("a", "b", "a", "broken"):
            await shelf.add(notification(w.customer.url("/"), call_uuid=call))
        hooks = Hooks(
            clock=Clock(),
            ids=Ids(),
            tokens=lambda auth_id: Tokens(("t",), ("t",)),
            shelf=shelf,
            settings=HookSettings(allow_private=True),
            reopen=reopen,
        )
        await hooks.start()
        await _until(lambda: len(shelf.deliveries) == 4)
        await hooks.aclose()

    _run(world, work)
    assert sorted(opened) == ["a", "b", "broken"]
    assert sorted(call for call, event in told if isinstance(event, HttpAttempted)) == ["a", "a", "b"]


def test_rounds_keep_a_place_in_the_line_for_those_behind(world, notification, dead_port):
    """Later notifications of the call wait for the one that is put off; those of other calls do not."""

    async def work(w):
        await w.hooks.notify(notification(f"http://127.0.0.1:{dead_port}/", call_uuid="a", purpose="callback"))
        await w.hooks.notify(notification(w.customer.url("/a"), call_uuid="a", purpose="callback"))
        await w.hooks.notify(notification(w.customer.url("/b"), call_uuid="b"))
        await _until(lambda: len(w.shelf.deliveries) == 3)
        return [seen.path for seen in w.customer.requests], [each.attempts for each in w.shelf.deliveries]

    paths, attempts = _run(world, work, backoff_s=(0.5,))
    assert paths == ["/b", "/a"]
    assert attempts == [1, 4, 1]


def test_memory_keeps_what_is_put_off(notification):
    async def work():
        shelf, note = MemoryShelf(), notification("https://a.example/")
        await shelf.add(note)
        await shelf.postpone(replace(note, rounds=2))
        return await shelf.pending(1)

    [kept] = asyncio.run(work())
    assert kept.rounds == 2
