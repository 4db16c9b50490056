"""The process of a ``Softphone``: takes commands as lines of JSON, tells what happens likewise."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from baresip import Account, AudioNotActive, AudioRestarted, BaresipError, Config, StaleHandleError
from baresip.call import Call, CallState
from baresip.events import Event, StackEvent
from baresip.runtime import Runtime
from baresip.ua import UserAgent

TOLD = {Event.CALL_RINGING, Event.CALL_PROGRESS, Event.CALL_ESTABLISHED, Event.CALL_CLOSED, Event.CALL_HOLD, Event.CALL_RESUME}


def tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


class Process:
    def __init__(self, runtime: Runtime, agent: UserAgent, heard: Path) -> None:
        self._runtime, self._agent, self._heard = runtime, agent, heard
        self.call: Call | None = None
        self._speaking = b""
        runtime.subscribe(self._happened)

    def _happened(self, event: StackEvent) -> None:
        if event.event in TOLD:
            tell(event.event.name.removeprefix("CALL_").lower(), text=event.text)

    def called(self, call: Call) -> None:
        self.call = call
        call.on_dtmf(lambda digit: tell("digit", text=digit.digit))
        tell("called", peer=call.peer)

    async def obey(self, command: dict[str, Any]) -> None:
        match command:
            case {"do": "dial", "uri": uri}:
                self.call = await self._agent.dial(uri)
                self.call.on_dtmf(lambda digit: tell("digit", text=digit.digit))
            case {"do": "press", "keys": keys}:
                assert self.call is not None
                with suppress(StaleHandleError):  # the last key may have been the one to end the call
                    await self.call.send_dtmf(keys)
            case {"do": "say", "file": file}:
                self._speaking = Path(file).read_bytes()  # noqa: ASYNC240 - short, and nothing else waits
            case {"do": "hold" | "resume" as what}:
                await self._change(what)
            case {"do": "answer" | "hang_up" as what}:
                assert self.call is not None
                await getattr(self.call, what.replace("_", ""))()

    async def _change(self, what: str) -> None:
        """Hold or resume, as soon as no other change is under way."""
        assert self.call is not None
        for _ in range(50):
            try:
                await getattr(self.call, what)()
                return
            except StaleHandleError:
                raise
            except BaresipError as error:
                last = error
                await asyncio.sleep(0.1)
        raise last

    async def listen_and_speak(self) -> None:
        with self._heard.open("wb", buffering=0) as file:
            while True:
                await asyncio.sleep(0.02)
                if self.call is not None and self.call.state is not CallState.CLOSED:
                    with suppress(AudioNotActive, AudioRestarted):
                        file.write(self.call.audio.read(6400))
                        self._speaking = self._speaking[self.call.audio.write(self._speaking[:1600]) :]


async def main(wishes: dict[str, Any]) -> None:
    runtime = Runtime()
    settings = "\n".join([f"sip_listen {wishes['listen']}", "rtp_ports 15000-15398", *wishes["settings"], ""])
    await runtime.start(Config(net_interface="127.0.0.1", audio_driver="aumem", extra_config_text=settings))
    try:
        account = Account(
            user=wishes["user"],
            domain=wishes["domain"],
            password=wishes["password"],
            reg_interval=600 if wishes["register"] else 0,
            transport=wishes["transport"],
            audio_codecs=(wishes["codec"],),
            extra_params=tuple(wishes["parameters"]),
        )
        agent = await UserAgent.create(runtime, account)
        process = Process(runtime, agent, Path(wishes["heard"]))
        agent.on_incoming(process.called)
        if wishes["register"]:
            await agent.register()
        working = asyncio.create_task(process.listen_and_speak())
        tell("ready")
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async for line in lines:
            command = json.loads(line)
            try:
                await process.obey(command)
                tell(f"done {command['do']}")
            except (BaresipError, AssertionError) as error:
                tell(f"done {command['do']}", error=f"{type(error).__name__}: {error}")
        working.cancel()
    finally:
        await runtime.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
