"""``offhook app`` and ``offhook number``: which application runs which number."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from offhook.cli import tables
from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.records import Application
from offhook.settings import load
from offhook.store import Store, known_node_id

apps = typer.Typer(help="Applications: the web hooks that run calls.", no_args_is_help=True)
numbers = typer.Typer(help="Numbers, and the applications that run them.", no_args_is_help=True)
Config = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.")]
Data = Annotated[str | None, typer.Option("--data", help="The node's data folder.")]
T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(apps, name="app")
    app.add_typer(numbers, name="number")


def with_store(work: Callable[[Store], Awaitable[T]], config: Path | None, data: str | None) -> T:
    """Do something with the node's store; the node may be running."""
    settings = load(file=config, flags={"data": data})

    async def run() -> T:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = await Store.open(settings.stored_in, clock=Clock(), node=known_node_id(settings.data))
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(run())


async def main_account(store: Store) -> str:
    """The main account's id; made, and shown once, where there is none yet."""
    account, is_new = await store.ensure_account(None, None)
    if is_new:
        typer.echo(f"account {account.auth_id} token {account.auth_token} (shown once; keep it)", err=True)
    return account.auth_id


@apps.command("add")
def add_app(
    name: str,
    answer_url: Annotated[str, typer.Option(help="Asked what to do when a call arrives.")],
    answer_method: str = "POST",
    fallback_url: Annotated[str | None, typer.Option(help="Asked when the answer URL fails.")] = None,
    hangup_url: Annotated[str | None, typer.Option(help="Told when the call is over; else the answer URL is.")] = None,
    hangup_method: str = "POST",
    config: Config = None,
    data: Data = None,
) -> None:
    """Add an application; prints its id."""
    for url in (answer_url, fallback_url, hangup_url):
        if url is not None and not url.lower().startswith(("http://", "https://")):
            raise typer.BadParameter(f"{url!r} must start with http:// or https://")

    async def work(store: Store) -> str:
        application = Application(
            app_id=Ids().app_id(),
            auth_id=await main_account(store),
            name=name,
            answer_url=answer_url,
            answer_method=answer_method.upper(),
            fallback_url=fallback_url,
            hangup_url=hangup_url,
            hangup_method=hangup_method.upper(),
        )
        await store.add_application(application)
        return application.app_id

    typer.echo(with_store(work, config, data))


@apps.command("list")
def list_apps(config: Config = None, data: Data = None) -> None:
    """List the applications."""

    async def work(store: Store) -> list[Application]:
        return list(await store.applications(await main_account(store)))

    found = with_store(work, config, data)
    rows = [(each.app_id, each.name, f"{each.answer_method} {each.answer_url}", each.hangup_url or "–") for each in found]
    tables.show(("id", "name", "answer URL", "hangup URL"), rows)


@apps.command("remove")
def remove_app(app_id: str, config: Config = None, data: Data = None) -> None:
    """Remove an application; its numbers are left without one."""

    async def work(store: Store) -> None:
        if await store.application(app_id) is None:
            raise SettingsError(f"there is no application {app_id}; 'offhook app list' shows them")
        await store.remove_application(app_id)

    with_store(work, config, data)


@numbers.command("add")
def add_number(
    number: str,
    app: Annotated[str, typer.Option(help="The id of the application that runs it.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Let an application run a number (or any user part of a SIP URI that is called)."""

    async def work(store: Store) -> None:
        if await store.application(app) is None:
            raise SettingsError(f"there is no application {app}; 'offhook app list' shows them")
        await store.set_number(number, await main_account(store), app)

    with_store(work, config, data)


@numbers.command("list")
def list_numbers(config: Config = None, data: Data = None) -> None:
    """List the numbers."""
    found = with_store(lambda store: store.numbers(), config, data)
    tables.show(("number", "application"), [(each.number, each.app_id or "–") for each in found])


@numbers.command("remove")
def remove_number(number: str, config: Config = None, data: Data = None) -> None:
    """Forget a number."""
    with_store(lambda store: store.remove_number(number), config, data)
