"""Notifications: delivered at least once, in order within a call, whatever other hosts do."""

from __future__ import annotations

import asyncio
import logging

from offhook.clock import Clock
from offhook.events import HttpAttempted, NotificationQueued
from offhook.hooks import Hooks, HookSettings, MemoryShelf, Tokens
from offhook.ids import Ids
from offhook.store import Store


def _run(world, work, **settings):
    async def opened():
        async with world(**settings) as w:
            return await work(w)

    return asyncio.run(opened())


async def _idle(hooks: Hooks, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while hooks.under_way:  # noqa: ASYNC110 - a test looks from outside
            await asyncio.sleep(0.01)


def test_a_notification_is_delivered_signed_and_struck_off(world, notification, names):
    from plivo.utils import validate_v3_signature

    async def work(w):
        note = notification(w.customer.url("/hangup#rc=2"))
        await w.hooks.notify(note, w.events.append)
        await _idle(w.hooks)
        return note, w.customer.requests[0], w.shelf.deliveries, w.events, await w.shelf.pending(10)

    note, seen, (delivery,), events, pending = _run(world, work)
    assert seen.form == dict(note.parameters) and seen.url.endswith("/hangup")
    nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
    assert validate_v3_signature("POST", seen.url, nonce, names.token, seen.headers["X-Plivo-Signature-V3"], dict(seen.form))
    assert (delivery.notification_id, delivery.delivered, delivery.status, delivery.attempts) == (note.id, True, 200, 1)
    assert [type(event) for event in events] == [NotificationQueued, HttpAttempted] and pending == []


def test_a_body_in_the_reply_is_ignored_however_long(world, notification):
    async def work(w):
        w.customer.on("/", "x" * 300_000)
        await w.hooks.notify(notification(w.customer.url("/")))
        await _idle(w.hooks)
        return w.shelf.deliveries[0].delivered

    assert _run(world, work)


def test_what_cannot_be_delivered_is_given_up_with_its_reason(world, notification, dead_port):
    async def work(w):
        w.customer.on("/500", status=500)
        for url in (w.customer.url("/500#rp=5xx&rc=2"), f"http://127.0.0.1:{dead_port}/", "no url", w.customer.url("/fine")):
            await w.hooks.notify(notification(url, call_uuid="c"))
        await _idle(w.hooks)
        return [(each.delivered, each.status, each.attempts, each.error) for each in w.shelf.deliveries]

    assert _run(world, work) == [
        (False, 500, 3, "status"),
        (False, None, 2, "connect"),
        (False, None, 0, "'no url' is not an http:// or https:// URL"),
        (True, 200, 1, None),
    ]


def test_notifications_of_one_call_leave_in_order_one_at_a_time(world, notification):
    async def work(w):
        running = 0

        async def checks(seen):
            from aiohttp import web

            nonlocal running
            running += 1
            assert running == 1
            await asyncio.sleep(0.01)
            running -= 1
            return web.Response()

        for path in ("/a", "/b"):
            w.customer.answers[path] = checks
        for number in range(20):
            url = w.customer.url("/b" if number % 2 else "/a")
            await w.hooks.notify(notification(url, parameters={"SequenceNumber": str(number)}))
        await _idle(w.hooks)
        return [int(seen.form["SequenceNumber"]) for seen in w.customer.requests]

    assert _run(world, work) == list(range(20))


def test_a_repeat_stays_before_the_next_one(world, notification):
    async def work(w):
        w.customer.on("/first", status=500)
        await w.hooks.notify(notification(w.customer.url("/first#rp=5xx&rc=2")))
        await w.hooks.notify(notification(w.customer.url("/second")))
        await _idle(w.hooks)
        return [seen.path for seen in w.customer.requests]

    assert _run(world, work) == ["/first"] * 3 + ["/second"]


def test_a_slow_call_does_not_hold_up_another(world, notification):
    async def work(w):
        w.customer.on("/slow", delay_s=0.5)
        await w.hooks.notify(notification(w.customer.url("/slow"), call_uuid="slow"))
        for number in range(20):
            await w.hooks.notify(notification(w.customer.url("/quick"), call_uuid=f"quick{number}"))
        await asyncio.sleep(0.3)
        return len(w.shelf.deliveries)

    assert _run(world, work) == 20


def test_a_dead_host_takes_no_more_than_its_share(world, notification):
    async def work(w):
        w.customer.on("/dead", delay_s=0.6)
        for number in range(30):
            await w.hooks.notify(notification(w.customer.url("/dead"), call_uuid=f"dead{number}"))
        await asyncio.sleep(0.1)
        stuck = len(w.customer.requests)
        for number in range(30):
            await w.hooks.notify(notification(w.customer.url("/quick", host="localhost"), call_uuid=f"quick{number}"))
        await asyncio.sleep(0.3)
        quick = sum(seen.path == "/quick" for seen in w.customer.requests)
        await _idle(w.hooks)
        return stuck, quick, len(w.shelf.deliveries)

    assert _run(world, work, at_once=8, at_once_per_host=5) == (5, 30, 60)


def test_when_all_places_are_taken_hosts_take_turns(world, notification):
    async def work(w):
        w.customer.on("/", delay_s=0.02)
        for number in range(40):
            host = ("127.0.0.1", "localhost")[number % 2]
            await w.hooks.notify(notification(w.customer.url("/", host=host), call_uuid=f"c{number}"))
        await _idle(w.hooks)
        return [seen.headers["Host"].split(":")[0] for seen in w.customer.requests]

    hosts = _run(world, work, at_once=4, at_once_per_host=4)
    assert len(hosts) == 40
    assert 5 <= hosts[:20].count("localhost") <= 15


def test_what_was_on_the_shelf_at_start_is_delivered_in_its_order(world, notification):
    async def work():
        shelf = MemoryShelf()
        async with world(shelf=shelf) as w:
            for number in range(6):
                note = notification(w.customer.url("/"), call_uuid=f"c{number % 2}", parameters={"N": str(number)})
                await shelf.add(note)
            again = Hooks(
                clock=Clock(),
                ids=Ids(),
                tokens=lambda auth_id: Tokens(("t",), ("t",)),
                shelf=shelf,
                settings=HookSettings(allow_private=True),
            )
            await again.start()
            await _idle(again)
            await again.aclose()
            return [seen.form["N"] for seen in w.customer.requests], await shelf.pending(10)

    order, pending = asyncio.run(work())
    assert [number for number in order if int(number) % 2 == 0] == ["0", "2", "4"]
    assert [number for number in order if int(number) % 2 == 1] == ["1", "3", "5"]
    assert pending == []


def test_a_restart_in_the_middle_of_a_delivery_loses_nothing(world, notification, tmp_path):
    async def node(port_url, count, drain_s):
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        hooks = Hooks(
            clock=Clock(),
            ids=Ids(),
            tokens=lambda auth_id: Tokens(("t",), ("t",)),
            shelf=store.outbox,
            settings=HookSettings(allow_private=True),
        )
        await hooks.start()
        for number in range(count):
            await hooks.notify(notification(port_url, parameters={"N": str(number)}))
        if not count:
            await _idle(hooks)
        await hooks.aclose(drain_s)
        left = await store.outbox.pending(100)
        await store.aclose()
        return len(left)

    async def work(w):
        w.customer.on("/", delay_s=0.1)
        left = await node(w.customer.url("/"), 10, 0.25)
        nothing = await node(w.customer.url("/"), 0, 0)
        return left, nothing, [int(seen.form["N"]) for seen in w.customer.requests]

    left, nothing, order = _run(world, work)
    assert 5 <= left <= 9 and nothing == 0
    assert sorted(set(order)) == list(range(10))
    assert order == sorted(order), "in order, one of them perhaps twice"
    assert len(order) <= 11


def test_draining_goes_on_with_what_waits(world, notification):
    async def work(w):
        w.customer.on("/", delay_s=0.02)
        for number in range(10):
            await w.hooks.notify(notification(w.customer.url("/"), parameters={"N": str(number)}))
        await w.hooks.aclose(5.0)
        return len(w.shelf.deliveries)

    assert _run(world, work) == 10


def test_closing_without_a_drain_does_not_wait(world, notification, caplog):
    async def work(w):
        w.customer.on("/", delay_s=5)
        await w.hooks.notify(notification(w.customer.url("/")))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await w.hooks.aclose(0)
        return len(await w.shelf.pending(10))

    with caplog.at_level(logging.WARNING):
        assert _run(world, work) == 1
    assert "next start" in caplog.text


def test_settled_waits_for_the_earlier_ones_of_its_call_only(world, notification):
    async def work(w):
        w.customer.on("/a", delay_s=0.1)
        w.customer.on("/b", delay_s=2)
        await w.hooks.notify(notification(w.customer.url("/a"), call_uuid="a"))
        await w.hooks.notify(notification(w.customer.url("/b"), call_uuid="b"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        settled = await w.hooks.settled("a", 1), await w.hooks.settled("nobody", 1)
        return settled, loop.time() - began, len(w.shelf.deliveries)

    settled, took_s, delivered = _run(world, work)
    assert settled == (True, True) and 0.05 < took_s < 0.9 and delivered == 1


def test_after_waiting_long_enough_the_hangup_request_overtakes(world, notification):
    async def work(w):
        w.customer.on("/stuck", delay_s=0.6)
        await w.hooks.notify(notification(w.customer.url("/stuck"), purpose="callback"))
        await w.hooks.notify(notification(w.customer.url("/after"), purpose="callback"))
        assert not await w.hooks.settled("call", 0.1)
        await w.hooks.notify(notification(w.customer.url("/hangup")))
        await asyncio.sleep(0.1)
        early = [each.path for each in w.customer.requests]
        await _idle(w.hooks)
        return early, [each.path for each in w.customer.requests], await w.hooks.settled("call", 0.01)

    early, paths, settled = _run(world, work)
    assert early == ["/stuck", "/hangup"] and paths == ["/stuck", "/hangup", "/after"] and settled


def test_more_than_memory_should_hold_waits_on_the_shelf_and_still_comes_in_order(world, notification):
    from offhook.hooks.courier import Courier
    from offhook.records import Delivery

    async def work():
        shelf, order = MemoryShelf(), []

        async def deliver(note, observe):
            await asyncio.sleep(0.001)
            order.append(note)
            return Delivery(note.id, True, 200, 1, None, note.created_at)

        courier = Courier(shelf, deliver, lambda note: "host", at_once=4, at_once_per_host=2, in_memory=10)
        await courier.start()
        highest = 0
        for number in range(200):
            note = notification("http://host/", call_uuid=f"c{number % 7}", parameters={"N": str(number)})
            await shelf.add(note)
            courier.take(note, lambda event: None)
            highest = max(highest, courier.waiting)
            if number % 5 == 0:
                await asyncio.sleep(0.001)
        async with asyncio.timeout(5):
            while await shelf.pending(1):  # noqa: ASYNC110 - a test looks from outside
                await asyncio.sleep(0.01)
        await courier.aclose(1)
        return highest, order

    highest, order = asyncio.run(work())
    assert highest <= 10
    assert len(order) == len({note.id for note in order}) == 200
    for call in range(7):
        numbers = [int(note.parameters["N"]) for note in order if note.call_uuid == f"c{call}"]
        assert numbers == sorted(numbers)


def test_a_shelf_that_fails_stops_nobody(world, notification, caplog):
    class Broken(MemoryShelf):
        async def finish(self, delivery):
            if not self.deliveries:
                self.deliveries.append(delivery)
                raise OSError("no space left on device")
            await super().finish(delivery)

    async def work(w):
        for number in range(3):
            await w.hooks.notify(notification(w.customer.url("/"), parameters={"N": str(number)}))
        await _idle(w.hooks)
        return [seen.form["N"] for seen in w.customer.requests], len(await w.shelf.pending(10))

    with caplog.at_level(logging.ERROR):
        assert _run(world, work, shelf=Broken()) == (["0", "1", "2"], 1)
    assert "could not be struck off" in caplog.text


def test_a_shelf_that_keeps_nothing_does_not_keep_the_customer_from_hearing_of_it(world, notification, caplog):
    class Full(MemoryShelf):
        async def add(self, notification):
            raise OSError("no space left on device")

    async def work(w):
        await w.hooks.notify(notification(w.customer.url("/")))
        await _idle(w.hooks)
        return len(w.customer.requests)

    with caplog.at_level(logging.ERROR):
        assert _run(world, work, shelf=Full()) == 1
    assert "without being kept" in caplog.text


def test_no_task_is_left_for_a_call_that_is_over(world, notification):
    async def work(w):
        for number in range(50):
            await w.hooks.notify(notification(w.customer.url("/"), call_uuid=f"c{number}"))
        await _idle(w.hooks)
        await asyncio.sleep(0.01)
        courier = w.hooks._courier
        return [task for task in asyncio.all_tasks() if task.get_name().startswith("notify")], courier._lines, courier._hosts

    assert _run(world, work) == ([], {}, {})
