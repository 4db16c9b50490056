"""What the doctor says of certificates, trunks and strangers: real stacks answer, or nobody does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from offhook.cli.doctor import telephony
from offhook.cli.doctor.finding import Level
from offhook.clock import Clock
from offhook.ids import Ids
from offhook.records import Trunk
from offhook.settings import HostPort, Settings
from offhook.sip import Stack
from offhook.store import Store


def settings(tmp_path: Path, **more: object) -> Settings:
    return Settings(**{"data": tmp_path, "sip": HostPort("127.0.0.1", 0), **more})  # type: ignore[arg-type]


def test_trunks_that_answer_and_one_that_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephony, "TRUNK_S", 1.5)

    async def scene() -> dict[str, tuple[Level, str]]:
        carrier = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda invite: invite.refuse(486))
        await carrier.start()
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        account, _ = await store.ensure_account(None, None)
        base = Trunk(name="up", auth_id=account.auth_id, host=f"127.0.0.1:{carrier.port}")
        for each in (base, replace(base, name="by-tcp", transport="tcp"), replace(base, name="down", host="127.0.0.1:9")):
            await store.telephony.set_trunk(each)
        await store.aclose()
        try:
            return {each.name: (each.level, each.found) for each in await telephony.trunks(settings(tmp_path))}
        finally:
            await carrier.aclose()

    found = asyncio.run(scene())
    assert {name: level for name, (level, _) in found.items()} == {
        "trunk up": Level.OK,
        "trunk by-tcp": Level.OK,
        "trunk down": Level.PROBLEM,
    }
    assert "OPTIONS" in found["trunk down"][1]


def test_no_trunks_and_no_database(tmp_path: Path) -> None:
    [finding] = asyncio.run(telephony.trunks(settings(tmp_path)))
    assert finding.level is Level.OK


def test_certificates(tmp_path: Path) -> None:
    made = trustme.CA().issue_cert("voice.example")
    made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "node.pem"))
    (tmp_path / "node.pem").chmod(0o600)
    good = asyncio.run(telephony.tls(settings(tmp_path, tls_certificate=tmp_path / "node.pem")))
    assert good.level is not Level.PROBLEM
    assert asyncio.run(telephony.tls(settings(tmp_path))).level is Level.OK
    assert asyncio.run(telephony.tls(settings(tmp_path, http_tls=True))).level is Level.PROBLEM
    assert asyncio.run(telephony.tls(settings(tmp_path, tls_certificate=tmp_path / "none"))).level is Level.PROBLEM


@pytest.mark.parametrize(
    ("host", "strangers", "level"),
    [("0.0.0.0", "answer", Level.WARNING), ("127.0.0.1", "answer", Level.OK), ("0.0.0.0", "refuse", Level.OK)],
)
def test_strangers(tmp_path: Path, host: str, strangers: str, level: Level) -> None:
    found = asyncio.run(telephony.strangers(settings(tmp_path, sip=HostPort(host, 5060), strangers=strangers)))
    assert found.level is level
