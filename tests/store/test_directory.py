"""Accounts, applications and numbers."""

from __future__ import annotations

import asyncio
import re

import pytest

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.store import Account, Number, Store, StoreError
from offhook.testing.live import database_in


def test_the_first_start_makes_an_account_and_later_ones_find_it(with_store):
    async def ensure(store):
        return await store.ensure_account(None, None)

    made, is_new = with_store(ensure)
    found, again = with_store(ensure)
    assert is_new and not again
    assert found == made
    assert re.fullmatch(r"MA[A-Z0-9]{18}", made.auth_id) and len(made.auth_token) == 40


def test_an_account_that_was_given_is_not_announced_as_new(with_store, make):
    async def ensure(store):
        return await store.ensure_account(make.account, "secret"), store.token(make.account)

    assert with_store(ensure) == ((Account(make.account, "secret"), False), "secret")


def test_a_given_token_replaces_the_stored_one(with_store, make):
    async def twice(store):
        await store.ensure_account(make.account, "old")
        await store.ensure_account(None, "new")
        return await store.account(make.account), store.token(make.account)

    assert with_store(twice) == (Account(make.account, "new"), "new")


def test_another_main_account_on_the_same_folder_is_refused(with_store, make):
    async def twice(store):
        await store.ensure_account(make.account, None)
        await store.ensure_account("MA" + "B" * 18, None)

    with pytest.raises(SettingsError, match="belongs to"):
        with_store(twice)


def test_tokens_are_known_after_a_restart_and_unknown_accounts_have_none(with_store, make):
    async def first(store):
        await store.ensure_account(make.account, "secret")

    async def later(store):
        return store.token(make.account), store.token("MA" + "Z" * 18), await store.account("MA" + "Z" * 18)

    with_store(first)
    assert with_store(later) == ("secret", "", None)


def test_a_number_is_found_however_it_is_written(with_store, make):
    async def work(store):
        await store.ensure_account(make.account, None)
        await store.add_application(make.application())
        await store.set_number("+1 (415) 555-0199", make.account, make.application().app_id)
        return [
            await store.application_for(written) for written in ("14155550199", "+14155550199", "+1 415.555.0199")
        ], await store.number("1-415-555-0199")

    found, number = with_store(work)
    assert found == [make.application()] * 3
    assert number == Number("14155550199", make.account, make.application().app_id)


def test_a_name_can_be_called_too_in_any_case(with_store, make):
    async def work(store):
        await store.ensure_account(make.account, None)
        await store.add_application(make.application())
        await store.set_number("Reception", make.account, make.application().app_id)
        return await store.application_for("reception"), await store.application_for("kitchen")

    assert with_store(work) == (make.application(), None)


def test_changing_an_application_keeps_its_numbers_and_is_seen_at_once(with_store, make):
    changed = make.application(answer_url="https://h.example/new", fallback_url="https://h.example/fallback")

    async def work(store):
        await store.ensure_account(make.account, None)
        await store.add_application(make.application())
        await store.set_number("100", make.account, make.application().app_id)
        before = await store.application_for("100")
        await store.add_application(changed)
        return before, await store.application_for("100"), await store.applications(make.account)

    assert with_store(work) == (make.application(), changed, [changed])


def test_numbers_of_a_removed_application_stay_without_one(with_store, make):
    async def work(store):
        await store.ensure_account(make.account, None)
        await store.add_application(make.application())
        await store.set_number("100", make.account, make.application().app_id)
        await store.remove_application(make.application().app_id)
        return await store.application_for("100"), await store.numbers(), await store.application(make.application().app_id)

    assert with_store(work) == (None, [Number("100", make.account, None)], None)


def test_a_removed_number_is_nobodys(with_store, make):
    async def work(store):
        await store.ensure_account(make.account, None)
        await store.set_number("+100", make.account, None)
        await store.remove_number("100")
        return await store.numbers(), await store.number("100")

    assert with_store(work) == ([], None)


@pytest.mark.parametrize("number", ["", "+", " ( ) ", "9" * 65])
def test_what_is_no_number_is_refused_with_the_rule(with_store, make, number):
    async def work(store):
        await store.ensure_account(make.account, None)
        await store.set_number(number, make.account, None)

    with pytest.raises(SettingsError, match="1 to 64"):
        with_store(work)


def test_a_change_of_another_process_is_seen_within_the_time_that_is_promised(tmp_path, make, monkeypatch):
    monkeypatch.setattr("offhook.store.store.ROUTES_FRESH_S", 0.05)

    async def work():
        one = await Store.open(database_in(tmp_path), clock=Clock())
        other = await Store.open(database_in(tmp_path), clock=Clock())
        await one.ensure_account(make.account, None)
        assert await one.application_for("100") is None
        await other.add_application(make.application())
        await other.set_number("100", make.account, make.application().app_id)
        await asyncio.sleep(0.06)
        found = await one.application_for("100")
        await one.aclose()
        await other.aclose()
        return found

    assert asyncio.run(work()) == make.application()


def test_strangers_who_call_many_names_do_not_fill_the_memory(with_store, monkeypatch):
    monkeypatch.setattr("offhook.store.store.MAX_CACHED_ROUTES", 10)

    async def work(store):
        for name in range(50):
            await store.application_for(f"scan{name}")
        return len(store._routes)

    assert with_store(work) <= 10


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("postgresql+asyncpg://user:secret@db/offhook", "no database that can be used"),
        ("sqlite://", "no database that can be used"),
        ("no such folder/offhook.db", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_with_the_reason(where, said):
    with pytest.raises(StoreError, match=said) as raised:
        asyncio.run(Store.open(where, clock=Clock()))
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database_is_left_alone(only_sqlite, tmp_path):
    (tmp_path / "offhook.db").write_bytes(b"this is a letter to my aunt, not a database" * 50)
    with pytest.raises(StoreError, match="not a database"):
        asyncio.run(Store.open(database_in(tmp_path), clock=Clock()))
    assert (tmp_path / "offhook.db").read_bytes().startswith(b"this is a letter")
