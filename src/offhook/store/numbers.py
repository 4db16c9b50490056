"""Numbers of accounts, and the pool that they are rented from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.records import OwnNumber, PoolNumber
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page, one, page
from offhook.store.patience import in_time
from offhook.store.rows import row_of, value_of

T = TypeVar("T")


def digits_of(number: str) -> str:
    """A number as it is looked up: without ``+`` and what people write between digits; other names in lower case."""
    bare = "".join(each for each in number if each not in "+ -().")
    return bare if not bare or (bare.isdigit() and bare.isascii()) else number.strip().lower()


def country_of(number: str) -> str | None:
    """Which country a number is of (ISO 3166), as far as its digits tell; of those that share a code, the main one.

    Args:
        number: in international form, digits only.
    """
    import phonenumbers  # noqa: PLC0415 - large, and few commands need it

    try:
        parsed = phonenumbers.parse("+" + number)
    except phonenumbers.NumberParseException:
        return None
    found = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return str(found) if len(found) == 2 and found != "ZZ" else None


@dataclass(eq=False)
class NumberTaken(OffhookError):
    """A number belongs to another account."""

    number: str

    def __str__(self) -> str:
        return f"number {self.number} belongs to another account"


class Numbers:
    """Which number belongs to whom.

    Args:
        changed: called after what calls are routed by has changed.
    """

    def __init__(self, database: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def of(
        self, auth_id: str, *, prefix: str = "", alias: str = "", number_type: str = "", limit: int, offset: int
    ) -> Page[OwnNumber]:
        """Those of an account, the newest first.

        Args:
            prefix: their first digits.
            alias: their alias, exactly.
            number_type: ``local``, ``mobile``, ``tollfree``, …
        """
        columns = tables.numbers.c
        conditions = [columns.auth_id == auth_id]
        if prefix:
            conditions.append(columns.number.startswith(digits_of(prefix), autoescape=True))
        if alias:
            conditions.append(columns.alias == alias)
        if number_type:
            conditions.append(columns.number_type == number_type)
        order = columns.added_at.desc(), columns.number
        return await page(self._database, OwnNumber, tables.numbers, conditions, order, limit, offset)

    async def get(self, number: str) -> OwnNumber | None:
        """One, however it is written."""
        return await one(self._database, OwnNumber, tables.numbers, tables.numbers.c.number == digits_of(number))

    async def claim(self, numbers: Sequence[OwnNumber]) -> None:
        """Give numbers to their account: all or none. Those of the pool leave it.

        Raises:
            NumberTaken: one of them belongs to another account.
        """
        now = self._clock.wall()

        def work(connection: Connection) -> None:
            for each in numbers:
                owner = connection.execute(
                    select(tables.numbers.c.auth_id).where(tables.numbers.c.number == each.number)
                ).scalar()
                if owner not in {None, each.auth_id}:
                    raise NumberTaken(each.number)
                left = connection.execute(delete(tables.number_pool).where(tables.number_pool.c.number == each.number))
                row = row_of(replace(each, added_at=now, pooled=bool(left.rowcount)))
                kept = {name: value for name, value in row.items() if name not in {"number", "added_at", "pooled"}}
                connection.execute(self._database.upsert(tables.numbers, "number", row, kept))

        await self._write(work)

    async def rent(self, number: str, auth_id: str, app_id: str | None) -> bool:
        """Give a number of the pool to an account; false where the pool has it not, or not any more."""
        now, bare = self._clock.wall(), digits_of(number)

        def work(connection: Connection) -> bool:
            chosen = tables.number_pool.c.number == bare
            row = connection.execute(select(tables.number_pool).where(chosen)).mappings().first()
            if row is None:
                return False
            connection.execute(delete(tables.number_pool).where(chosen))
            own = OwnNumber(**row, auth_id=auth_id, app_id=app_id, added_at=now, pooled=True)
            connection.execute(insert(tables.numbers), row_of(own))
            return True

        return await self._write(work)

    async def change(self, number: str, values: dict[str, Any]) -> None:
        """Set columns of one."""
        chosen = update(tables.numbers).where(tables.numbers.c.number == number)
        if values:
            await self._write(lambda connection: connection.execute(chosen.values(values)))

    async def give_up(self, number: str) -> None:
        """It belongs to no account any more; one of the pool goes back there."""
        columns = tables.numbers.c
        names = [column.name for column in tables.number_pool.columns]
        back = select(*(columns[name] for name in names)).where(columns.number == number, columns.pooled)

        def work(connection: Connection) -> None:
            connection.execute(insert(tables.number_pool).from_select(names, back))
            connection.execute(delete(tables.numbers).where(columns.number == number))

        await self._write(work)

    # -- the pool --------------------------------------------------------------------------------------------------

    async def pool(
        self,
        *,
        country: str = "",
        number_type: str = "",
        prefixes: Sequence[str] = (),
        region: str = "",
        city: str = "",
        limit: int,
        offset: int,
    ) -> Page[PoolNumber]:
        """Free numbers, in order.

        Args:
            prefixes: they begin with one of these; none: with anything.
            region, city: in any case of letters.
        """
        columns = tables.number_pool.c
        conditions: list[Any] = []
        if country:
            conditions.append(columns.country == country)
        if number_type:
            conditions.append(columns.number_type == number_type)
        if prefixes:
            conditions.append(or_(*(columns.number.startswith(each, autoescape=True) for each in prefixes)))
        if region:
            conditions.append(func.lower(columns.region) == region.lower())
        if city:
            conditions.append(func.lower(columns.city) == city.lower())
        return await page(self._database, PoolNumber, tables.number_pool, conditions, [columns.number], limit, offset)

    async def add_to_pool(self, number: PoolNumber) -> None:
        """Offer a number.

        Raises:
            NumberTaken: an account has it.
        """
        row = row_of(number)

        def work(connection: Connection) -> None:
            if connection.execute(select(tables.numbers.c.number).where(tables.numbers.c.number == number.number)).first():
                raise NumberTaken(number.number)
            connection.execute(self._database.upsert(tables.number_pool, "number", row))

        await self._write(work)

    async def remove_from_pool(self, number: str) -> bool:
        """Offer it no more; false where it was not offered."""
        chosen = tables.number_pool.c.number == digits_of(number)
        return await self._write(lambda connection: bool(connection.execute(delete(tables.number_pool).where(chosen)).rowcount))

    async def whole_pool(self) -> list[PoolNumber]:
        """All free numbers, in order."""
        query = select(tables.number_pool).order_by(tables.number_pool.c.number)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [value_of(PoolNumber, row) for row in rows]

    async def _write(self, work: Callable[[Connection], T]) -> T:
        result = await in_time(self._database, work)
        self._changed()
        return result
