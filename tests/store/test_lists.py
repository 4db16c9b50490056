"""Lists of call records: what they find is what a look at each record finds, and they are found in indices."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random

from sqlalchemy import event

from offhook.records import CallRecord
from offhook.store import CallFilter

OTHER = "SA" + "B" * 18
NUMBERS = ["14155550100", "+14155550199", "1415", "442071838750", "Alice", "alice.b", "al%ce", "", "1415_"]
WAYS = {"eq": operator.eq, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def _records(dice: Random, make, count: int) -> list[CallRecord]:
    parents = [make.uuid() for _ in range(5)]
    return [
        make.record(
            make.uuid(),
            auth_id=dice.choice([make.account, make.account, OTHER]),
            direction=dice.choice(["inbound", "outbound"]),
            from_number=dice.choice(NUMBERS),
            to_number=dice.choice(NUMBERS),
            end_time=make.began + timedelta(seconds=dice.randrange(40)),
            duration_s=dice.randrange(10),
            hangup_cause_code=dice.choice([4000, 3010, 5010]),
            hangup_source=dice.choice(["Caller", "Answer XML", "Plivo"]),
            stir_verification=dice.choice(["Verified", "Not Applicable"]),
            parent_call_uuid=dice.choice([None, None, None, *parents]),
        )
        for _ in range(count)
    ]


def _filter(dice: Random, make, known: list[CallRecord]) -> CallFilter:
    def maybe(value):
        return value if dice.random() < 0.3 else None

    some = dice.choice(known)
    number = dice.choice([*NUMBERS[:6], "4", "+1", "ALI", "9", "al%", "1415_"])
    return CallFilter(
        direction=maybe(some.direction),
        from_number=maybe(number),
        to_number=maybe(some.to_number[:3] or "1"),
        parent_call_uuid=maybe(some.parent_call_uuid),
        hangup_cause_code=maybe(some.hangup_cause_code),
        hangup_source=maybe(dice.choice([some.hangup_source, some.hangup_source.lower(), "nobody"])),
        stir_verification=maybe(some.stir_verification.upper()),
        ended=tuple(
            (how, make.began + timedelta(seconds=dice.randrange(40))) for how in dice.sample(["gt", "gte", "lt", "lte"], 1)
        )
        if dice.random() < 0.3
        else (),
        lasted=((dice.choice(list(WAYS)), dice.randrange(10)),) if dice.random() < 0.3 else (),
    )


def _fits(record: CallRecord, wanted: CallFilter) -> bool:
    def begins(number: str, asked: str | None) -> bool:
        return asked is None or number.lstrip("+").lower().startswith(asked.lstrip("+").lower())

    def same(value: object, asked: object) -> bool:
        return asked is None or str(value).lower() == str(asked).lower()

    return (
        same(record.direction, wanted.direction)
        and begins(record.from_number, wanted.from_number)
        and begins(record.to_number, wanted.to_number)
        and same(record.parent_call_uuid, wanted.parent_call_uuid)
        and same(record.hangup_cause_code, wanted.hangup_cause_code)
        and same(record.hangup_source, wanted.hangup_source)
        and same(record.stir_verification, wanted.stir_verification)
        and all(WAYS[how](record.end_time, moment) for how, moment in wanted.ended)
        and all(WAYS[how](record.duration_s, seconds) for how, seconds in wanted.lasted)
    )


def test_a_list_finds_what_a_look_at_each_record_finds_while_others_are_added(with_store, make, monkeypatch) -> None:
    monkeypatch.setattr("offhook.store.history.FEW", 20)  # so that all ways are gone
    monkeypatch.setattr("offhook.store.history.AHEAD", 5)
    dice = Random(7)

    async def work(store) -> None:
        known: list[CallRecord] = []
        asked: list[CallFilter] = [CallFilter()]
        for _ in range(8):
            for record in _records(dice, make, 30):
                await store.finish(record, None)
                known.append(record)
            asked += [_filter(dice, make, known) for _ in range(12)]
            for wanted in dice.sample(asked, min(len(asked), 30)):
                fit = [each for each in known if each.auth_id == make.account and _fits(each, wanted)]
                fit.sort(key=lambda each: (each.end_time, each.call_uuid), reverse=True)
                limit, offset = dice.randrange(1, 20), dice.choice([0, 0, dice.randrange(60)])
                page = await store.history.calls(make.account, wanted, limit=limit, offset=offset)
                assert (page.items, page.total) == (fit[offset : offset + limit], len(fit)), wanted

    with_store(work)


def test_what_is_asked_again_is_not_counted_again(with_store, make) -> None:
    async def work(store) -> list[str]:
        for record in _records(Random(1), make, 50):
            await store.finish(replace(record, auth_id=make.account), None)
        wanted = CallFilter(direction="inbound")
        await store.history.calls(make.account, wanted, limit=5, offset=0)
        with _statements(store) as made:
            await store.history.calls(make.account, wanted, limit=5, offset=0)
        return made

    counts = [each for each in with_store(work) if "count(" in each]
    assert len(counts) == 1 and ("rowid >" in counts[0] or "written_by >" in counts[0])


def test_pages_and_totals_are_found_in_an_index_alone(only_sqlite, with_store, make, monkeypatch) -> None:
    monkeypatch.setattr("offhook.store.history.AHEAD", 5)
    filters = {
        "ix_call_records_listed": [
            CallFilter(),
            CallFilter(direction="inbound", hangup_cause_code=4000, hangup_source="caller", stir_verification="verified"),
            CallFilter(ended=(("gt", make.began),), lasted=(("gte", 1),)),
        ],
        "ix_call_records_from": [
            CallFilter(from_number="1415"),
            CallFilter(from_number="1415", to_number="1", direction="inbound"),
        ],
        "ix_call_records_to": [CallFilter(to_number="1415", lasted=(("lt", 9),))],
    }

    async def work(store) -> None:
        for record in _records(Random(1), make, 400):
            await store.finish(replace(record, auth_id=make.account), None)
        for index, some in filters.items():
            for wanted in some:
                with _statements(store) as made:
                    assert (await store.history.calls(make.account, wanted, limit=1, offset=0)).total > 6
                [count] = [each for each in made if "count(*)" in each and "rowid >" not in each and "LIMIT" not in each]
                plan = await _plan(store, count)
                assert f"COVERING INDEX {index}" in plan, (wanted, plan)

    with_store(work)


@contextmanager
def _statements(store) -> Iterator[list[str]]:
    """The statements that are run within the block, their values put in."""
    made: list[str] = []

    def note(_connection, _cursor, sql, values, _context, _many) -> None:
        for value in values if not isinstance(values, dict) else ():
            sql = sql.replace("?", repr(value), 1)
        made.append(sql)

    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def _plan(store, sql: str) -> str:
    def ask(connection) -> str:
        return " ".join(str(row[-1]) for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + sql))

    return await store._database.browse(ask)
