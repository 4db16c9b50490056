"""A signed caller (STIR/SHAKEN): what the application is told, with a signer, a web server and a node as they are in life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import Answered, NameAddr, Signer, Stack
from offhook.testing.live import Customer, NodeProcess, Reply, document
from offhook.testing.signers import Holder

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 31400 RTP/AVP 0\r\n"


async def _call(node: NodeProcess, headers: list[tuple[str, str]]) -> None:
    stack = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda invite: invite.refuse(486))
    await stack.start()
    try:
        async with asyncio.timeout(15):
            caller = NameAddr.parse("<sip:+14155550100@127.0.0.1>")
            out = stack.invite(node.uri("+14155550199"), caller=caller, body=OFFER, headers=headers)
            async for event in out:
                if isinstance(event, Answered):
                    break
            async for _ in out:
                pass
    finally:
        await stack.aclose()


def test_the_application_is_told_whether_the_caller_s_number_is_signed_for(
    start_node: Callable[..., NodeProcess], customer: Customer, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    dates = {"begins": now - timedelta(days=1), "ends": now + timedelta(days=1)}
    root = Holder.root(**dates)
    carrier = root.issue("carrier", **dates)
    (tmp_path / "roots.pem").write_bytes(root.pem)
    customer.says("/carrier.pem", Reply(carrier.pem, content_type="application/pem-certificate-chain"))
    customer.says("/answer", document("<Hangup/>"))
    node = start_node(
        "--answer-url",
        customer.url("/answer"),
        "--hangup-url",
        customer.url("/hangup"),
        stir_authorities=str(tmp_path / "roots.pem"),
    )
    signer = Signer(carrier.key_pem, customer.url("/carrier.pem"), "B", clock=Clock(), ids=Ids(), allow_http=True)
    asyncio.run(_call(node, signer.fields("14155550100", "14155550199")))
    asyncio.run(_call(node, signer.fields("14155550111", "14155550199")))  # signed for somebody else
    asyncio.run(_call(node, []))
    asked = customer.wait_for("/answer", count=3)
    told = [(each["STIRVerification"], each["STIRAttestation"]) for each in asked]
    assert told == [("Verified", "B"), ("Not Verified", "Not Applicable"), ("Not Applicable", "Not Applicable")]
    record = node.record_number(3)
    assert {each.stir_verification for each in node.records()} == {"Verified", "Not Verified", "Not Applicable"}
    assert record.stir_attestation in {"B", "Not Applicable"}
