"""``offhook endpoint``: SIP users, and where they are registered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from offhook.cli import tables
from offhook.cli.directory import Config, Data, main_account, with_store
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.records import Binding, SipEndpoint
from offhook.settings import load
from offhook.sip import Secret
from offhook.store import Store

endpoints = typer.Typer(help="SIP users: softphones, desk phones, browsers.", no_args_is_help=True)
SHORTEST_PASSWORD = 5


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(endpoints, name="endpoint")


def checked_username(text: str) -> str:
    """A name as SIP and the API want it: letters and digits, a letter first (reference ``api.md`` section 8.1)."""
    if not (text.isascii() and text.isalnum() and text[:1].isalpha() and len(text) <= 64):
        raise typer.BadParameter(f"{text!r} must be 1 to 64 letters and digits, the first a letter")
    return text


def _secret(username: str, password: str, config: Path | None, data: str | None) -> Secret:
    if len(password) < SHORTEST_PASSWORD:
        raise typer.BadParameter(f"a password must have {SHORTEST_PASSWORD} characters or more")
    realm = load(file=config, flags={"data": data}).sip_realm
    return Secret.of(username, realm, password)


Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, envvar="OFFHOOK_ENDPOINT_PASSWORD", help="Asked for when it is not given.")
]


@endpoints.command("add")
def add(
    username: str,
    password: Password,
    app: Annotated[str | None, typer.Option(help="The id of the application that runs its calls.")] = None,
    alias: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Add a SIP user, or give one another password, alias or application."""
    secret = _secret(checked_username(username), password, config, data)

    async def work(store: Store) -> str:
        if app is not None and await store.application(app) is None:
            raise SettingsError(f"there is no application {app}; 'offhook app list' shows them")
        known = await store.telephony.endpoint(username)
        endpoint = SipEndpoint(
            username=username,
            auth_id=await main_account(store),
            endpoint_id=known.endpoint_id if known is not None else Ids().endpoint_id(),
            alias=alias or (known.alias if known is not None else username),
            ha1_md5=secret.md5,
            ha1_sha256=secret.sha256,
            app_id=app or (known.app_id if known is not None else None),
        )
        await store.telephony.set_endpoints([endpoint])
        return endpoint.endpoint_id

    typer.echo(with_store(work, config, data))


@endpoints.command("list")
def list_endpoints(config: Config = None, data: Data = None) -> None:
    """List the SIP users, and where each is registered."""

    async def work(store: Store) -> tuple[list[SipEndpoint], list[Binding]]:
        return await store.telephony.endpoints(), await store.telephony.bindings(datetime.now(UTC))

    found, bindings = with_store(work, config, data)
    rows = []
    for endpoint in found:
        live = [each for each in bindings if each.username == endpoint.username]
        contacts = "\n".join(f"{each.contact} ({each.source if each.natted else 'direct'})" for each in live)
        agents = "\n".join(each.user_agent for each in live)
        rows.append((endpoint.username, endpoint.alias, endpoint.app_id or "–", contacts or "–", agents or "–"))
    tables.show(("user", "alias", "application", "registered at", "by"), rows)


@endpoints.command("remove")
def remove(username: str, config: Config = None, data: Data = None) -> None:
    """Remove a SIP user."""

    async def work(store: Store) -> None:
        if await store.telephony.endpoint(username) is None:
            raise SettingsError(f"there is no endpoint {username}; 'offhook endpoint list' shows them")
        await store.telephony.remove_endpoint(username)

    with_store(work, config, data)
