"""Many phones register with sipp, each with its password; all stay, and survive the node."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.records import SipEndpoint
from offhook.sip import Secret
from offhook.store import Store
from offhook.testing.live import NodeProcess, free_port

pytestmark = [pytest.mark.load, pytest.mark.interop]
Scenario = Callable[[str], tuple[str, Path]]


async def _with_store(node: NodeProcess, users: list[str]) -> None:
    store = await Store.open(node.database, clock=Clock())
    account, _ = await store.ensure_account(None, None)
    made = []
    for number, user in enumerate(users):
        secret = Secret.of(user, "offhook", f"secret-{user}")
        made.append(SipEndpoint(user, account.auth_id, str(10**13 + number), user, secret.md5, secret.sha256))
    await store.telephony.set_endpoints(made)
    await store.aclose()


async def _registered(node: NodeProcess) -> set[str]:
    store = await Store.open(node.database, clock=Clock())
    found = {each.username for each in await store.telephony.bindings(datetime.now(UTC))}
    await store.aclose()
    return found


def test_phones_register_and_stay(node: NodeProcess, sipp_scenario: Scenario, tmp_path: Path, *, full: bool) -> None:
    program, file = sipp_scenario("register.xml")
    users = [f"phone{Ids().token(4)}{number}" for number in range(5000 if full else 200)]
    asyncio.run(_with_store(node, users))
    (tmp_path / "users.csv").write_text(
        "SEQUENTIAL\n" + "".join(f"{user};[authentication username={user} password=secret-{user}]\n" for user in users)
    )
    before = node.holdings()
    began = time.monotonic()
    done = subprocess.run(
        [
            *(program, f"127.0.0.1:{node.sip_port}", "-sf", str(file), "-inf", "users.csv", "-m", str(len(users))),
            *("-r", "250", "-l", "500", "-i", "127.0.0.1", "-p", str(free_port())),
            *("-nostdin", "-trace_err", "-timeout", "300", "-timeout_error", "-recv_timeout", "20000"),
        ],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
    )
    errors = "".join(each.read_text() for each in tmp_path.glob("*errors.log"))
    assert done.returncode == 0, done.stdout[-2000:] + errors[-2000:]
    took = time.monotonic() - began
    deadline = time.monotonic() + 10
    while len(found := asyncio.run(_registered(node))) < len(users) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found == set(users)
    after = node.holdings()
    print(f"{len(users)} registrations in {took:.1f} s; memory {before.rss_kb} -> {after.rss_kb} kB")
    assert after.rss_kb - before.rss_kb < 20_000 + 12 * len(users)
