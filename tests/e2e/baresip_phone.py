"""A phone made of baresip, a SIP user agent in C: calls, listens, presses keys. One call a process; prints JSON.

python baresip_phone.py sip:1@127.0.0.1:5060 heard.raw KEYS [CODEC [MEDIA_ENCRYPTION]]
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path

from baresip import Account, AudioNotActive, AudioRestarted, CallFailed, Config
from baresip.call import Call, CallState
from baresip.runtime import Runtime
from baresip.ua import UserAgent

LIMIT_S = 20.0


async def main(target: str, heard: Path, keys: str, codec: str = "pcmu", *encryption: str) -> dict[str, object]:
    runtime = Runtime()
    await runtime.start(Config(net_interface="127.0.0.1", audio_driver="aumem"))
    try:
        extra = tuple(f"mediaenc={each}" for each in encryption)
        account = Account(
            user="14155550100", domain="127.0.0.1", password="", reg_interval=0, audio_codecs=(codec,), extra_params=extra
        )
        agent = await UserAgent.create(runtime, account)
        call = await agent.dial(target)
        await call.wait_established(10)
        await _listen(call, heard, keys)
        return {"answered": True, "state": call.state.name}
    except CallFailed as failure:
        return {"answered": False, "why": str(failure)}
    finally:
        await runtime.close()


async def _listen(call: Call, heard: Path, keys: str) -> None:
    pressing = asyncio.ensure_future(_press(call, keys))
    until = time.monotonic() + LIMIT_S
    with heard.open("wb") as file:
        while call.state is CallState.ESTABLISHED and time.monotonic() < until:
            with suppress(AudioNotActive, AudioRestarted):
                file.write(call.audio.read(3200))
            await asyncio.sleep(0.02)
    pressing.cancel()


async def _press(call: Call, keys: str) -> None:
    for key in keys:
        if key == "W":
            await asyncio.sleep(1)
        else:
            await call.send_dtmf(key)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))))
