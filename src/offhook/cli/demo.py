"""``offhook demo``: a whole call on this machine: a node, a small application on the vendor SDK, and a phone that calls it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from offhook.cli.directory import with_store
from offhook.errors import OffhookError
from offhook.ids import Ids
from offhook.store import Store

START_S = 30.0
CALL_S = 45.0


class DemoFailed(OffhookError):
    """Something of the demo did not do what it should; the message says what."""


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the node's data, the logs and the recording.")] = Path("out/demo"),
) -> None:
    """Make a real call on this machine: seen as it happens, heard, recorded.

    Starts a node, the example application examples/ivr and a phone, each a process of its own, on free ports of 127.0.0.1.
    """
    example = _example()
    out.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    recording = out.resolve() / "heard.wav"
    recording.unlink(missing_ok=True)
    data = out.resolve() / f"data-{Ids().token(6)}"
    outcome, webhooks = asyncio.run(_demo(example, data, recording, console))
    _report(outcome, webhooks, data, recording, console)


def _example() -> Path:
    """The example application, of a source checkout."""
    for base in (Path.cwd(), Path(__file__).resolve().parents[3]):
        if (base / "examples" / "ivr" / "app.py").is_file():
            return base / "examples" / "ivr" / "app.py"
    raise DemoFailed("examples/ivr/app.py is not here; run the demo in a checkout of the project")


async def _demo(example: Path, data: Path, recording: Path, console: Console) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run everything; returns what the phone reports, and the webhooks that the application got."""
    out = recording.parent
    ports = _free_ports(3)
    auth_id, token = Ids().auth_id(), Ids().auth_token()
    web = f"http://127.0.0.1:{ports[0]}"
    node_environment = {
        "OFFHOOK_DATA": str(data),
        "OFFHOOK_SIP": f"127.0.0.1:{ports[1]}",
        "OFFHOOK_HTTP": f"127.0.0.1:{ports[2]}",
        "OFFHOOK_AUTH_ID": auth_id,
        "OFFHOOK_AUTH_TOKEN": token,
    }
    console.rule("[bold]Offhook: a real call, on this machine")
    async with (
        _process([sys.executable, "-u", str(example), "--port", str(ports[0])], {"PLIVO_AUTH_TOKEN": token}) as application,
        _process(
            [
                sys.executable,
                "-u",
                "-m",
                "offhook",
                "serve",
                "--dev",
                "--answer-url",
                f"{web}/answer",
                "--hangup-url",
                f"{web}/hangup",
            ],
            node_environment,
        ) as node,
    ):
        webhooks: list[dict[str, Any]] = []
        beside = [asyncio.ensure_future(_follow_application(application, webhooks, out / "application.log"))]
        try:
            await _listening(ports[0], "the example application")
            node_ready = asyncio.Event()
            beside.append(asyncio.ensure_future(_follow_node(node, node_ready, console, out / "node.log")))
            async with asyncio.timeout(START_S):
                await node_ready.wait()
            console.print(f"\nA phone calls [bold]sip:100@127.0.0.1:{ports[1]}[/bold], listens, and presses 1.\n")
            outcome = await _phone(ports[1], recording, console)
            await asyncio.sleep(1.0)  # the hangup request is on its way
        except TimeoutError:
            raise DemoFailed(f"the node was not ready within {START_S:g} s; see {out / 'node.log'}") from None
        finally:
            for task in beside:
                task.cancel()
    return outcome, webhooks


def _free_ports(count: int) -> list[int]:
    """Ports that are free now, for UDP and TCP."""
    held: list[tuple[socket.socket, socket.socket]] = []
    while len(held) < count:
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        try:
            tcp.bind(("127.0.0.1", 0))
            udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        except OSError:
            continue
        held.append((tcp, udp))
    ports: list[int] = [tcp.getsockname()[1] for tcp, _ in held]
    for pair in held:
        for each in pair:
            each.close()
    return ports


@asynccontextmanager
async def _process(command: list[str], environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
        limit=1 << 20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _lines(process: asyncio.subprocess.Process, log: Path) -> AsyncIterator[str]:
    assert process.stdout is not None
    with log.open("w") as file:
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            print(line, file=file, flush=True)
            yield line


async def _follow_node(process: asyncio.subprocess.Process, ready: asyncio.Event, console: Console, log: Path) -> None:
    async for line in _lines(process, log):
        console.print(f"[cyan]node [/cyan] {line}" if "ready" in line else f"[dim]node [/dim] {line}", markup=True)
        if line.startswith("ready"):
            ready.set()


async def _follow_application(process: asyncio.subprocess.Process, webhooks: list[dict[str, Any]], log: Path) -> None:
    async for line in _lines(process, log):
        if line.startswith('{"webhook"'):
            webhooks.append(json.loads(line))  # noqa: PERF401 - as they come


async def _listening(port: int, what: str) -> None:
    for _ in range(int(START_S / 0.1)):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise DemoFailed(f"{what} did not start within {START_S:g} s")


async def _phone(sip_port: int, recording: Path, console: Console) -> dict[str, Any]:
    command = [
        sys.executable,
        "-u",
        "-m",
        "offhook",
        "call",
        f"sip:100@127.0.0.1:{sip_port}",
        "--press",
        "WWWW1",
        "--for",
        f"{CALL_S:g}",
    ]
    async with _process([*command, "--record", str(recording), "--json-to", str(recording.with_suffix(".json"))], {}) as phone:
        assert phone.stdout is not None
        async for raw in phone.stdout:
            console.print("[green]phone[/green] " + raw.decode("utf-8", "replace").rstrip(), markup=True)
        status = await phone.wait()
    if status != 0:
        raise DemoFailed(f"the phone ended with status {status}; see the lines above")
    found: dict[str, Any] = json.loads(recording.with_suffix(".json").read_text())
    return found


def _report(outcome: dict[str, Any], webhooks: list[dict[str, Any]], data: Path, recording: Path, console: Console) -> None:
    async def work(store: Store) -> Any:
        account, _ = await store.ensure_account(None, None)
        return await store.records(account.auth_id, limit=1)

    records = with_store(work, None, str(data))
    console.rule("the call record")
    for record in records:
        console.print(f"call {record.call_uuid}")
        console.print(f"from {record.from_number} to {record.to_number}, {record.duration_s} s")
        console.print(f"{record.hangup_cause_code} {record.hangup_cause_name} ({record.hangup_cause}), by {record.hangup_source}")
    console.rule("the webhooks that the application got, signatures checked with the vendor's SDK")
    for each in webhooks:
        facts = {
            name: value
            for name, value in each.items()
            if name in {"Event", "CallStatus", "Digits", "HangupCauseName", "Duration"}
        }
        console.print(f"{each['webhook']:<10} " + "  ".join(f"{name}={value}" for name, value in facts.items()))
    _check(outcome, webhooks, records)
    spans = ", ".join(f"{since:.1f}–{until:.1f} s" for since, until in outcome["spans"])
    console.rule("what the phone heard")
    console.print(f"sound for {outcome['heard_sound_s']} s ({spans}), loudest {outcome['loudest_dbov']} dBov")
    console.print(f"listen to it: {recording}")
    console.rule("next")
    console.print(f"See the whole call: [bold]offhook calls show {records[0].call_uuid} --data {escape(str(data))}[/bold]\n")
    console.print(
        "Point a softphone at your own node:\n\n"
        "  . .venv/bin/activate\n"
        "  python examples/ivr/app.py --port 5001 &\n"
        "  offhook serve --dev --answer-url http://127.0.0.1:5001/answer\n\n"
        "and call [bold]sip:anything@<this machine>:5060[/bold] from Linphone, Zoiper or baresip, without an account,\n"
        "or from this terminal: [bold]offhook call sip:100@127.0.0.1:5060[/bold]"
    )


def _check(outcome: dict[str, Any], webhooks: list[dict[str, Any]], records: list[Any]) -> None:
    """The demo is no film: what did not happen is said."""
    seen = [each["webhook"] for each in webhooks]
    wanted = ["/answer", "/chosen", "/hours", "/hangup"]
    if seen != wanted:
        raise DemoFailed(f"the application should have been asked for {wanted}, but was for {seen}")
    if len(records) != 1:
        raise DemoFailed(f"there should be one call record, there are {len(records)}")
    if outcome["heard_sound_s"] < 4 or (outcome["loudest_dbov"] or -127) < -35:
        raise DemoFailed(f"the phone heard too little: {outcome['heard_sound_s']} s, loudest {outcome['loudest_dbov']} dBov")
