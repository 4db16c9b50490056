"""``offhook hooks``: what customers' servers were told, what waits, what was given up; and to send that again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from offhook.cli import tables
from offhook.cli.directory import Config, Data, with_store
from offhook.cli.nodes import node_runs
from offhook.errors import SettingsError
from offhook.hooks import redacted
from offhook.printable import printable
from offhook.settings import load
from offhook.store import Notice, State, Store

_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

hooks = typer.Typer(help="Notifications to customers' web servers: delivered, waiting, given up.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(hooks, name="hooks")


@hooks.command("list")
def list_hooks(
    call: Annotated[str | None, typer.Option(help="Only those of the call with this CallUUID.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="Only those that wait; with --failed both.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with everything.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List notifications: those that wait first, then the newest of those that were delivered or given up."""
    wanted = ({State.GIVEN_UP} if failed else set()) | ({State.PENDING} if pending else set())
    found = with_store(lambda store: store.notices.list(wanted or set(State), call_uuid=call, limit=limit), config, data)
    if as_json:
        for notice in found:
            print(json.dumps(_shown(notice), default=str))
        return
    rows = []
    for notice in found:
        moment = notice.finished_at or notice.created_at
        row = (
            notice.id,
            f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "–",
            _state(notice),
            notice.purpose or "–",
            notice.call_uuid or "–",
            str(notice.attempts),
            _last(notice),
            f"{notice.method} {_url(notice)}".strip() or "–",
        )
        rows.append(row)
    tables.show(("id", "when", "state", "what", "call", "tries", "last", "URL"), rows)


@hooks.command("show")
def show(
    notification: Annotated[str, typer.Argument(metavar="ID")],
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show a notification: who, where, every attempt, and what it says unless it was delivered."""
    notice = with_store(lambda store: store.notices.find(notification), config, data)
    if notice is None:
        raise SettingsError(f"there is no notification {printable(notification)}; 'offhook hooks list' shows them")
    if as_json:
        print(json.dumps(_shown(notice), default=str))
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in _told(notice):
        console.print(printable(line), markup=False)


@hooks.command("retry")
def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="With --failed: given up since then; 90m, 12h, 7d ago, or a time like 2026-03-01T12:30, UTC."),
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Send again what was given up: the same request with the same parameters, signed anew.

    A node that runs delivers it within seconds, else the next one that starts. If one of the ids cannot be sent again, none is.
    """
    if bool(ids) == failed:
        raise typer.BadParameter("give ids ('offhook hooks list --failed' shows them), or --failed for all")
    if since is not None and not failed:
        raise typer.BadParameter("--since goes with --failed")
    moment = _moment(since) if since is not None else None

    async def work(store: Store) -> Sequence[str]:
        if not ids:
            return await store.notices.retry_failed(moment)
        await store.notices.retry(ids)
        return ids

    asked = with_store(work, config, data)
    if not asked:
        typer.echo("nothing was given up" + (f" since {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""))
        return
    when = (
        "by the node that runs, within seconds"
        if node_runs(load(file=config, flags={"data": data}).data)
        else "at the next start"
    )
    typer.echo(f"{len(asked)} notification(s) will be sent again {when}; 'offhook hooks list' shows how it goes")


def _moment(text: str) -> datetime:
    """A time, or how long ago. Raises ``BadParameter``."""
    now = datetime.now(UTC)
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"--since is {text!r}, but must be 90m, 12h, 7d, or a time like 2026-03-01T12:30") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _url(notice: Notice) -> str:
    return redacted(notice.url)


def _state(notice: Notice) -> str:
    if notice.state is State.PENDING and notice.due_at is not None:
        return f"again {notice.due_at:%H:%M:%S}"
    return notice.state.value


def _last(notice: Notice) -> str:
    """How the last attempt ended."""
    if notice.status is not None:
        return f"HTTP {notice.status}"
    return notice.error or "–"


def _shown(notice: Notice) -> dict[str, object]:
    return {**asdict(notice), "url": _url(notice)}


def _told(notice: Notice) -> list[str]:
    lines = [
        f"{notice.id}: {notice.purpose or 'a notification'}, {notice.state.value}"
        + (f", {notice.error}" if notice.error and notice.state is State.GIVEN_UP else ""),
        f"{notice.method} {_url(notice)}".strip(),
        f"call {notice.call_uuid or '–'} of {notice.auth_id or '–'}",
    ]
    if notice.created_at is not None:
        lines.append(f"queued       {notice.created_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC")
    for each in notice.log:
        how = f"HTTP {each.status}" if each.status is not None else each.error
        error = f" ({each.error})" if each.error and each.status is not None else ""
        lines.append(
            f"attempt {each.number:<4} {each.at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" UTC  {how}{error} in {each.duration_ms} ms"
        )
    if notice.due_at is not None:
        lines.append(f"next attempt {notice.due_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC")
    if notice.finished_at is not None:
        word = "delivered" if notice.state is State.DELIVERED else "given up"
        lines.append(f"{word:<12} {notice.finished_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC")
    for name, value in sorted((notice.parameters or {}).items()):
        lines.append(f"  {name}={value}")
    return lines
