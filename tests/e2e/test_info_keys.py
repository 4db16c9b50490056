"""Keys by INFO stop a prompt and reach the application like any others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import Answered, NameAddr, Stack
from offhook.testing.live import Customer, NodeProcess, document

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 31500 RTP/AVP 0\r\n"


def test_keys_by_info_reach_the_action_url(start_node: Callable[..., NodeProcess], customer: Customer) -> None:
    customer.says(
        "/answer",
        document('<GetDigits action="/chosen" numDigits="3" timeout="10"><Speak>Press three keys.</Speak></GetDigits>'),
    )
    customer.says("/chosen", document("<Hangup/>"))
    node = start_node("--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"))

    async def scene() -> None:
        stack = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda invite: invite.refuse(486))
        await stack.start()
        try:
            async with asyncio.timeout(20):
                out = stack.invite(node.uri(), caller=NameAddr.parse("<sip:14155550100@127.0.0.1>"), body=OFFER)
                async for event in out:
                    if isinstance(event, Answered):
                        break
                await asyncio.sleep(1)
                for kind, body in (
                    ("application/dtmf-relay", b"Signal=4\r\nDuration=160\r\n"),
                    ("application/dtmf-relay", b"Signal=4\r\nDuration=160\r\n"),
                    ("application/dtmf", b"2"),
                ):
                    out.info(kind, body)
                    await asyncio.sleep(0.1)
                async for _ in out:
                    pass
        finally:
            await stack.aclose()

    asyncio.run(scene())
    [chosen] = customer.wait_for("/chosen")
    assert chosen["Digits"] == "442"
