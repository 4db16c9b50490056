"""Calls to a domain whose servers a real DNS server names: the first is dead, the second answers."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import Answered, IncomingInvite, NameAddr, Stack
from offhook.sip.dns import Dns


def test_a_call_to_a_domain_reaches_the_server_that_lives(name_server, tmp_path: Path) -> None:
    calls: list[IncomingInvite] = []

    def take(invite: IncomingInvite) -> None:
        calls.append(invite)
        invite.accept(b"v=0\r\n")

    async def scene() -> None:
        callee = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=take)
        await callee.start()
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # bound, and not listening: connections are refused
            records = (
                f"srv-host=_sip._tcp.calls.example,dead.calls.example,{nobody.getsockname()[1]},1,0\n"
                f"srv-host=_sip._tcp.calls.example,live.calls.example,{callee.port},2,0\n"
                "host-record=dead.calls.example,127.0.0.1\nhost-record=live.calls.example,127.0.0.1\n"
            )
            server = name_server(tmp_path, records)
            clock = Clock()
            names = Dns(clock, nameservers=["127.0.0.1"], port=server.port, hosts=tmp_path / "none")
            caller = Stack(
                host="127.0.0.1", port=0, ids=Ids(), clock=clock, on_invite=lambda invite: invite.refuse(486), dns=names
            )
            await caller.start()
            try:
                async with asyncio.timeout(10):
                    out = caller.invite(
                        "sip:bob@calls.example;transport=tcp", caller=NameAddr.parse("<sip:a@b>"), body=b"v=0\r\n"
                    )
                    assert isinstance(await out.next(), Answered)
                    assert calls[0].request.uri_text == "sip:bob@calls.example;transport=tcp"
                    out.bye()
            finally:
                await caller.aclose()
                await callee.aclose()
                server.stop()

    asyncio.run(scene())
