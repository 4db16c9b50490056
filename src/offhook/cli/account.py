"""``offhook account``: the accounts of a node, and their tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli import tables
from offhook.cli.directory import Config, Data, main_account, with_store
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.records import Tenant
from offhook.store import Store

accounts = typer.Typer(help="The main account and its subaccounts.", no_args_is_help=True)
_MOST = 100_000


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(accounts, name="account")


@accounts.command("list")
def list_accounts(config: Config = None, data: Data = None) -> None:
    """List the accounts, without their tokens."""

    async def work(store: Store) -> list[Tenant]:
        main = await store.tenants.get(await main_account(store))
        assert main is not None
        return [main, *(await store.tenants.subaccounts(main.auth_id, limit=_MOST, offset=0)).items]

    found = with_store(work, config, data)
    rows = [(each.auth_id, each.name, "enabled" if each.enabled else "disabled", each.timezone) for each in found]
    tables.show(("id", "name", "state", "time zone"), rows)


@accounts.command("rotate-token")
def rotate_token(
    auth_id: Annotated[str | None, typer.Argument(help="Whose token; else the main account's.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Make a new token and print it, once. The old one opens nothing from then on, and a node that runs signs with the new one.

    A main account whose token is set by OFFHOOK_AUTH_TOKEN gets that one back when the node starts.
    """

    async def work(store: Store) -> str:
        main = await main_account(store)
        if await store.tenants.get(auth_id or main) is None:
            raise SettingsError(f"there is no account {auth_id}; 'offhook account list' shows them")
        token = Ids().auth_token()
        await store.tenants.change(auth_id or main, auth_token=token)
        return token

    typer.echo(with_store(work, config, data))
