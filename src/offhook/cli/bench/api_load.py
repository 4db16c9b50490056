"""The load of ``offhook bench api``: a store that is filled, a node over it, and one client."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import msgspec

from offhook.cli.bench.api_records import DAYS, People, records
from offhook.cli.bench.calls_load import BenchFailed, python
from offhook.clock import Clock
from offhook.records import CallRecord, Tenant
from offhook.store import Store, contents, emptied

MAIN = "MA" + "BENCH" + "X" * 13
TOKEN = "bench-token-that-only-this-run-knows-of-0"
START_S = 60.0
AT_ONCE = 500
"""Calls that end at the same time while the store is filled."""
Query = dict[str, Any]


@dataclass
class Case:
    """One kind of request."""

    name: str
    took_ms: list[float] = field(default_factory=list, repr=False)
    found: int = 0
    """The total of the last list."""

    def quantile(self, share: float) -> float:
        """How long that share of the requests took at most, ms."""
        ordered = sorted(self.took_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class ApiResult:
    """What was measured."""

    where: str
    records: int
    filled_s: float
    cases: list[Case]
    failed: int

    @property
    def records_per_s(self) -> float:
        """How fast the store was filled."""
        return self.records / max(self.filled_s, 1e-9)

    def as_json(self) -> dict[str, Any]:
        """The figures by name."""
        return {
            "where": self.where,
            "records": self.records,
            "records_per_s": round(self.records_per_s),
            "failed": self.failed,
            "ms": {
                each.name: {
                    "p50": round(each.quantile(0.5), 2),
                    "p99": round(each.quantile(0.99), 2),
                    "max": round(max(each.took_ms), 2),
                    "found": each.found,
                }
                for each in self.cases
            },
        }


async def measure(count: int, requests: int, database: str | None, writes: float) -> ApiResult:
    """Fill a store, and ask for what is in it.

    Raises:
        BenchFailed: the database is not empty, or the node did not start.
    """
    if database is not None and (await asyncio.to_thread(contents, database)).version is not None:
        raise BenchFailed("the database is not empty: give one that nothing is in, as it is filled and emptied")
    dice = Random(1)  # the same records in every run
    people = People.made(dice, MAIN)
    until = Clock().wall().replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        where = database or str(Path(folder) / "offhook.db")
        store = await Store.open(where, clock=Clock())
        try:
            await _accounts(store, people, until)
            began = time.perf_counter()
            kept = await _fill(store, dice, people, count, until)
            filled_s = time.perf_counter() - began
            cases, failed = await _measured(store, folder, database, _cases(dice, people, kept, until), requests, writes, people)
        finally:
            await store.aclose()
            if database is not None:
                await asyncio.to_thread(emptied, database)
    return ApiResult("PostgreSQL" if database else "SQLite", count, filled_s, cases, failed)


async def _accounts(store: Store, people: People, now: datetime) -> None:
    await store.ensure_account(MAIN, TOKEN)
    for each in people.subaccounts:
        await store.tenants.add(Tenant(each, "t" * 40, "branch", MAIN, enabled=True, created_at=now))


async def _fill(store: Store, dice: Random, people: People, count: int, until: datetime) -> list[CallRecord]:
    """Write them as calls do. Returns some of the main account, of all times."""
    kept: list[CallRecord] = []
    made = records(dice, people, count, until)
    while some := list(islice(made, AT_ONCE)):
        await asyncio.gather(*(store.finish(record, None) for record in some))
        kept += [record for record in some if record.auth_id == MAIN][:20]
    return kept


async def _measured(
    store: Store,
    folder: str,
    database: str | None,
    makers: dict[str, Callable[[], tuple[str, Query]]],
    requests: int,
    writes: float,
    people: People,
) -> tuple[list[Case], int]:
    environment = {"OFFHOOK_AUTH_ID": MAIN, "OFFHOOK_AUTH_TOKEN": TOKEN, "OFFHOOK_API_REQUESTS": "0"}
    if database is not None:
        environment["OFFHOOK_DATABASE"] = database
    flags = ["--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", folder, "--log-level", "error"]
    async with python("offhook", "serve", "--dev", *flags, environment=environment) as node:
        port = await _http_port(node)
        writer = asyncio.create_task(_write_on(store, people, writes)) if writes else None
        try:
            return await asyncio.to_thread(_ask_all, port, makers, requests)
        finally:
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)


async def _http_port(node: asyncio.subprocess.Process) -> int:
    assert node.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            async for line in node.stdout:
                found = re.search(rb"^ready: .*HTTP [^ ]*:(\d+),", line)
                if found is not None:
                    return int(found[1])
    except TimeoutError:
        pass
    raise BenchFailed(f"the node was not ready within {START_S:g} s")


async def _write_on(store: Store, people: People, writes: float) -> None:
    """Calls go on while it is measured: what is remembered of lists has to be kept up."""
    dice = Random(os.getpid())
    while True:
        now = Clock().wall()
        for record in records(dice, people, 1, now):
            await store.finish(record, None)
        await asyncio.sleep(1 / writes)


def _ask_all(port: int, makers: dict[str, Callable[[], tuple[str, Query]]], requests: int) -> tuple[list[Case], int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    authorization = "Basic " + base64.b64encode(f"{MAIN}:{TOKEN}".encode()).decode()
    cases, failed = [], 0
    for name, make in makers.items():
        case = Case(name)
        for _ in range(requests):
            path, query = make()
            target = f"/v1/Account/{MAIN}/{path}" + (f"?{urlencode(query)}" if query else "")
            began = time.perf_counter()
            connection.request("GET", target, headers={"Authorization": authorization})
            answer = connection.getresponse()
            body = answer.read()
            case.took_ms.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                failed += 1
            elif path == "Call/":
                case.found = msgspec.json.decode(body)["meta"]["total_count"]
            else:
                case.found = 1
        cases.append(case)
    connection.close()
    return cases, failed


def _cases(dice: Random, people: People, kept: list[CallRecord], until: datetime) -> dict[str, Callable[[], tuple[str, Query]]]:
    """What is asked, each time anew."""
    first = until - timedelta(days=DAYS)
    parents = [record.parent_call_uuid for record in kept if record.parent_call_uuid is not None]
    total = max(1, len(kept))

    def some() -> CallRecord:
        return dice.choice(kept)

    def at(moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def any_time() -> datetime:
        return first + timedelta(days=DAYS) * dice.random()

    def span(low: datetime, long: timedelta) -> Query:
        return {"end_time__gte": at(low), "end_time__lt": at(low + long)}

    def listed(make: Callable[[], Query]) -> Callable[[], tuple[str, Query]]:
        return lambda: ("Call/", make())

    asked: dict[str, Callable[[], Query]] = {
        "list, first page": dict,
        "offset, to 2,000": lambda: {"offset": dice.randrange(2_000)},
        "offset, anywhere": lambda: {"offset": int(dice.random() * total / 20 * AT_ONCE * 0.9)},
        "subaccount": lambda: {"subaccount": dice.choice(people.subaccounts)},
        "call_direction": lambda: {"call_direction": dice.choice(["inbound", "outbound"])},
        "from_number": lambda: {"from_number": some().from_number},
        "from_number, a country": lambda: {"from_number": dice.choice(["1", "44", "49", "91"])},
        "from_number, three digits": lambda: {"from_number": some().from_number[:3]},
        "from_number, rare beginning": lambda: {"from_number": dice.choice(people.callers)[:-2]},
        "to_number, five digits": lambda: {"to_number": some().to_number[:5]},
        "from_number and to_number, a country": lambda: {"from_number": "1", "to_number": "1415"},
        "parent_call_uuid": lambda: {"parent_call_uuid": dice.choice(parents)},
        "hangup_cause_code, frequent": lambda: {"hangup_cause_code": dice.choice([4000, 3010, 3000])},
        "hangup_cause_code, rare": lambda: {"hangup_cause_code": dice.choice([5010, 8011])},
        "hangup_source": lambda: {"hangup_source": dice.choice(["caller", "Callee", "API Request", "Carrier"])},
        "stir_verification": lambda: {"stir_verification": dice.choice(["Verified", "Not Verified"])},
        "bill_duration__gt, few": lambda: {"bill_duration__gt": dice.randrange(2_000, 5_000)},
        "bill_duration__lte, most": lambda: {"bill_duration__lte": dice.randrange(100, 1_000)},
        "end_time__gt, anywhere": lambda: {"end_time__gt": at(any_time())},
        "end_time__lt, anywhere": lambda: {"end_time__lt": at(any_time())},
        "end_time, an hour": lambda: span(any_time(), timedelta(hours=1)),
        "a week, cause, direction": lambda: {
            **span(any_time(), timedelta(days=7)),
            "hangup_cause_code": dice.choice([4000, 3010]),
            "call_direction": "inbound",
        },
        "a country, source, duration": lambda: {
            "from_number": dice.choice(["44", "49"]),
            "hangup_source": "Callee",
            "bill_duration__gte": dice.randrange(10, 60),
        },
        "three digits, direction, offset": lambda: {
            "from_number": some().from_number[:3],
            "call_direction": "inbound",
            "offset": dice.randrange(5_000),
        },
        "a number, rare cause": lambda: {"from_number": some().from_number, "hangup_cause_code": 5010},
        "nothing": lambda: {"bill_duration__gt": 10**8 + dice.randrange(10**6), "hangup_source": "Carrier"},
    }
    return {"get": lambda: (f"Call/{some().call_uuid}/", {}), **{name: listed(make) for name, make in asked.items()}}
