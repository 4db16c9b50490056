"""A softphone made of baresip: registers with a password, calls somebody, stays until it is hung up on. Prints JSON.

python baresip_endpoint.py USER PASSWORD HOST:PORT TRANSPORT TARGET
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from baresip import Account, CallFailed, Config
from baresip.call import CallState
from baresip.runtime import Runtime
from baresip.ua import UserAgent


async def main(user: str, password: str, server: str, transport: str, target: str) -> dict[str, object]:
    runtime = Runtime()
    await runtime.start(Config(net_interface="127.0.0.1", audio_driver="aumem", extra_config_text="sip_verify_server no\n"))
    try:
        account = Account(
            user=user, domain=server, password=password, reg_interval=300, audio_codecs=("pcmu",), transport=transport
        )
        agent = await UserAgent.create(runtime, account)
        try:
            await asyncio.wait_for(agent.register(), 8)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not registered
            return {"registered": False, "why": repr(error)}
        if target == "-":
            return {"registered": True}
        try:
            call = await agent.dial(target)
            await call.wait_established(10)
        except CallFailed as failure:
            return {"registered": True, "answered": False, "why": str(failure)}
        until = time.monotonic() + 10
        while call.state is CallState.ESTABLISHED and time.monotonic() < until:  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.05)
        return {"registered": True, "answered": True, "state": call.state.name}
    finally:
        await runtime.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:6]))))
