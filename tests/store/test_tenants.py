"""Accounts, pages and the pool, where the database itself decides."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from offhook.clock import Clock
from offhook.records import OwnNumber, PoolNumber, SipEndpoint, Tenant, Trunk
from offhook.store import CallFilter, NumberTaken, Store
from offhook.testing.live import database_in

SUB = "SA" + "B" * 18
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _tenant(make, auth_id: str = SUB) -> Tenant:
    return Tenant(auth_id, "token of " + auth_id, "branch", make.account, enabled=True, created_at=NOW)


def test_a_token_that_another_process_changes_is_used_after_the_next_look(tmp_path, make) -> None:
    async def work() -> list[str]:
        one = await Store.open(database_in(tmp_path), clock=Clock())
        other = await Store.open(database_in(tmp_path), clock=Clock())
        await one.ensure_account(make.account, "old")
        await one.tenants.refresh()
        seen = [one.token(make.account), one.main_token]
        await other.tenants.change(make.account, auth_token="new")
        await other.tenants.add(replace(_tenant(make), created_at=datetime.now(UTC)))
        await one.tenants.refresh()
        seen += [one.token(make.account), one.main_token, one.token(SUB)]
        await one.aclose()
        await other.aclose()
        return seen

    assert asyncio.run(work()) == ["old", "old", "new", "new", "token of " + SUB]


def test_a_removed_account_leaves_its_trunks_and_records(with_store, make) -> None:
    async def work(store: Store):
        await store.ensure_account(make.account, "x")
        await store.tenants.add(_tenant(make))
        await store.telephony.set_trunk(Trunk(name="carrier", auth_id=SUB, host="carrier.example"))
        await store.finish(make.record(make.uuid(), auth_id=SUB), None)
        await store.own_numbers.add_to_pool(PoolNumber("100"))
        assert await store.own_numbers.rent("100", SUB, None)
        await store.tenants.remove(SUB, make.account, cascade=True)
        trunks = await store.telephony.trunks()
        return trunks[0].auth_id, await store.count_records(SUB), await store.own_numbers.whole_pool(), store.token(SUB)

    assert with_store(work) == (make.account, 1, [PoolNumber("100")], "")


def test_of_two_who_rent_one_number_one_gets_it(with_store, make) -> None:
    async def work(store: Store) -> list[bool]:
        await store.ensure_account(make.account, "x")
        await store.tenants.add(_tenant(make))
        await store.own_numbers.add_to_pool(PoolNumber("14155550100"))
        return list(
            await asyncio.gather(*(store.own_numbers.rent("14155550100", auth_id, None) for auth_id in (SUB, make.account, SUB)))
        )

    assert sorted(with_store(work)) == [False, False, True]


def test_numbers_are_claimed_all_or_none(with_store, make) -> None:
    async def work(store: Store):
        await store.ensure_account(make.account, "x")
        await store.tenants.add(_tenant(make))
        await store.own_numbers.claim([OwnNumber("1", SUB, alias="theirs")])
        with pytest.raises(NumberTaken, match="number 1 "):
            await store.own_numbers.claim([OwnNumber("2", make.account), OwnNumber("1", make.account)])
        with pytest.raises(NumberTaken):
            await store.own_numbers.add_to_pool(PoolNumber("1"))
        taken = await store.own_numbers.get("1")
        return taken.auth_id, taken.alias, await store.own_numbers.get("2")

    assert with_store(work) == (SUB, "theirs", None)


def test_a_name_of_an_endpoint_is_taken_once(with_store, make) -> None:
    async def work(store: Store) -> list[bool]:
        await store.ensure_account(make.account, "x")
        endpoints = [SipEndpoint("bob", make.account, f"{n:014}", "bob", "", "") for n in range(3)]
        return list(await asyncio.gather(*(store.catalogue.add_endpoint(each) for each in endpoints)))

    assert sorted(with_store(work)) == [False, False, True]


def test_a_page_and_its_total_are_of_the_same_moment(with_store, make) -> None:
    async def work(store: Store):
        for number in range(30):
            ended = make.began + timedelta(seconds=number)
            await store.finish(make.record(make.uuid(), end_time=ended, duration_s=number), None)
        page = await store.history.calls(make.account, CallFilter(lasted=(("gte", 10), ("lt", 25))), limit=4, offset=4)
        return [each.duration_s for each in page.items], page.total

    assert with_store(work) == ([20, 19, 18, 17], 15)


def test_totals_count_what_has_come_since_by_whomever(tmp_path, make) -> None:
    async def work() -> list[int]:
        one = await Store.open(database_in(tmp_path), clock=Clock())
        other = await Store.open(database_in(tmp_path), clock=Clock())
        totals = []
        for store in (one, other, one):
            for seconds in (1, 2):
                await store.finish(make.record(make.uuid(), duration_s=seconds), None)
            await store.finish(make.record(make.uuid(), auth_id=SUB), None)
            wanted = CallFilter(), CallFilter(lasted=(("eq", 1),))
            totals += [(await one.history.calls(make.account, each, limit=1, offset=0)).total for each in wanted]
        await one.aclose()
        await other.aclose()
        return totals

    assert asyncio.run(work()) == [2, 1, 4, 2, 6, 3]
