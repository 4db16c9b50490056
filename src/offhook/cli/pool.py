"""``offhook pool``: numbers that accounts may rent."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli import tables
from offhook.cli.directory import Config, Data, with_store
from offhook.errors import SettingsError
from offhook.records import PoolNumber
from offhook.store import NumberTaken, Store, country_of, digits_of

pool = typer.Typer(help="Numbers that accounts may rent by the API.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(pool, name="pool")


@pool.command("add")
def add(
    number: str,
    number_type: Annotated[str, typer.Option("--type", help="local, mobile, tollfree or fixed.")] = "local",
    country: Annotated[str | None, typer.Option(help="ISO code; else read off the number.")] = None,
    region: Annotated[str | None, typer.Option(help="For those who search by it.")] = None,
    city: Annotated[str | None, typer.Option(help="For those who search by it.")] = None,
    carrier: Annotated[str | None, typer.Option(help="Whose number it is.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Offer a number, in international form."""
    bare = digits_of(number)
    if not bare.isdigit() or len(bare) > 20:
        raise typer.BadParameter(f"{number!r} must be a number in international form, for example +14155550100")
    kind = number_type.lower()
    if kind not in {"local", "mobile", "tollfree", "fixed"}:
        raise typer.BadParameter(f"{number_type!r} must be local, mobile, tollfree or fixed")
    found = country or country_of(bare)
    if found is None:
        raise typer.BadParameter(f"the country of {number} cannot be read off it: give it with --country")
    offered = PoolNumber(bare, kind, found.upper(), region, city, carrier)

    async def work(store: Store) -> None:
        try:
            await store.own_numbers.add_to_pool(offered)
        except NumberTaken as taken:
            raise SettingsError(f"{taken}; it must be given up first") from None

    with_store(work, config, data)


@pool.command("list")
def list_pool(config: Config = None, data: Data = None) -> None:
    """List the numbers that nobody has rented."""
    rows = [
        (each.number, each.number_type, *(part or "–" for part in (each.country, each.region, each.city, each.carrier)))
        for each in with_store(lambda store: store.own_numbers.whole_pool(), config, data)
    ]
    tables.show(("number", "type", "country", "region", "city", "carrier"), rows)


@pool.command("remove")
def remove(number: str, config: Config = None, data: Data = None) -> None:
    """Offer a number no more."""

    async def work(store: Store) -> None:
        if not await store.own_numbers.remove_from_pool(number):
            raise SettingsError(f"{number} is not in the pool; 'offhook pool list' shows what is")

    with_store(work, config, data)
