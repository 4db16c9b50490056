"""``offhook serve``: run a node."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from offhook.settings import Settings, load

LOG_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
MIN_DESCRIPTORS = 65536


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("serve")(serve)


def serve(
    dev: Annotated[bool, typer.Option("--dev", help="For your own machine: customers' URLs may be on loopback.")] = False,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    answer_url: Annotated[str | None, typer.Option(help="Answers any number that has no application.")] = None,
    fallback_url: Annotated[str | None, typer.Option(help="Asked when the answer URL fails.")] = None,
    hangup_url: Annotated[str | None, typer.Option(help="Told when such a call is over.")] = None,
    data: Annotated[str | None, typer.Option(help="Folder for the database and caches.")] = None,
    sip: Annotated[str | None, typer.Option(help="host:port for SIP, UDP and TCP.")] = None,
    http: Annotated[str | None, typer.Option(help="host:port for HTTP.")] = None,
    rtp_ports: Annotated[str | None, typer.Option(help="low-high, the UDP ports for audio.")] = None,
    public_address: Annotated[str | None, typer.Option(help="The address that peers reach this node at.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run a node until it gets SIGTERM or Ctrl-C; running calls may finish then, a second signal ends them.

    Every option is a setting too: in the TOML file, or as OFFHOOK_<NAME> in the environment.
    """
    flags = {
        "answer_url": answer_url,
        "fallback_url": fallback_url,
        "hangup_url": hangup_url,
        "data": data,
        "sip": sip,
        "http": http,
        "rtp_ports": rtp_ports,
        "public_address": public_address,
        "log_level": log_level,
        "allow_private_urls": "true" if dev else None,
    }
    settings = load(file=config, flags=flags)
    logging.basicConfig(level=settings.log_level.upper(), format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    _raise_descriptor_limit()

    import uvloop  # noqa: PLC0415 - only this command needs it

    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from offhook.node import running  # noqa: PLC0415 - the other commands need not load a whole node

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None

    def asked_to_stop() -> None:
        if stop.is_set():
            main.cancel()  # asked twice: do not wait for the running calls
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop)
    try:
        async with running(settings) as node:
            # What stands now stands for good: the collector need not walk it again and again while calls come and go.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)
            if node.account_is_new:
                print(f"account {node.account.auth_id} token {node.account.auth_token} (shown once; keep it)", flush=True)
            print(node.ready_line(), flush=True)
            loop.add_signal_handler(signal.SIGHUP, node.parts.stack.renew_certificates)
            await stop.wait()
            print(f"stopping: {node.live_calls} call(s) running, waiting up to {settings.drain_s:g} s", flush=True)
    except asyncio.CancelledError:
        print("stopped without waiting", flush=True)


def _raise_descriptor_limit() -> None:
    """A call takes a UDP socket: ask for as many descriptors as we may have. The media plane says when that is few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, MIN_DESCRIPTORS)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
