"""Numbers of an account, and the pool that they are rented from (reference ``api.md`` section 9)."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
import phonenumbers

from offhook.api.context import Context, Done, Meta, Nothing
from offhook.api.errors import ApiError, invalid, not_found
from offhook.api.forms import NO_MONEY, day, zone_of
from offhook.api.reading import Ask, Line, Name, Paged
from offhook.api.routes import Route
from offhook.records import OwnNumber, PoolNumber
from offhook.store import NumberTaken, country_of, digits_of

_DIGITS = re.compile(r"[0-9]{1,20}")
MOST_AT_ONCE = 1000
Country = Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")]
Pattern = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{1,20}$")]


class Number(msgspec.Struct, kw_only=True):
    """A number of an account. Nothing is billed, and there are no messages."""

    number: str
    alias: str | None
    application: str | None
    sub_account: str | None
    number_type: str
    country: str | None
    region: str | None
    city: str | None
    carrier: str | None
    added_on: str | None
    resource_uri: str
    renewal_date: str | None = None
    monthly_rental_rate: str = NO_MONEY
    active: bool = True
    voice_enabled: bool = True
    voice_rate: str = NO_MONEY
    sms_enabled: bool = False
    sms_rate: str | None = None
    mms_enabled: bool = False
    mms_rate: str | None = None
    cnam_lookup: str = ""
    compliance_application_id: str | None = None
    compliance_status: str | None = None
    tendlc_campaign_id: str | None = None
    tendlc_registration_status: str | None = None
    toll_free_sms_verification: str | None = None


class NumberList(msgspec.Struct):
    """Numbers, the newest first."""

    meta: Meta
    objects: list[Number]


class FreeNumber(msgspec.Struct, kw_only=True):
    """A number that can be rented."""

    number: str
    prefix: str | None
    city: str | None
    country: str | None
    region: str | None
    type: str
    resource_uri: str
    rate_center: str | None = None
    lata: str | None = None
    monthly_rental_rate: str = NO_MONEY
    setup_rate: str = NO_MONEY
    sms_enabled: bool = False
    sms_rate: str | None = None
    voice_enabled: bool = True
    voice_rate: str = NO_MONEY
    restriction: str | None = None
    restriction_text: str | None = None
    prerequisites: list[str] = []


class FreeNumberList(msgspec.Struct):
    """Numbers that can be rented, in order."""

    meta: Meta
    objects: list[FreeNumber]


class RentedNumber(msgspec.Struct):
    """A number that was rented."""

    number: str
    status: str


class Rented(msgspec.Struct):
    """A number was rented."""

    message: str
    numbers: list[RentedNumber]
    status: str


class ListNumbers(Paged):
    """Which numbers are wanted."""

    type: Line | None = None
    number_startswith: Pattern | None = None
    subaccount: Line | None = None
    alias: Line | None = None
    services: Line | None = None


class AddNumbers(Ask):
    """Numbers of a carrier of one's own."""

    numbers: Annotated[str, msgspec.Meta(min_length=1, max_length=25_000)]
    carrier: Name
    region: Name
    number_type: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    app_id: Line | None = None
    subaccount: Line | None = None


class ChangeNumber(Ask):
    """What of a number can be changed."""

    app_id: Line | None = None
    subaccount: Line | None = None
    alias: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class SearchNumbers(Paged, kw_only=True):
    """Which free numbers are wanted."""

    country_iso: Country
    type: Line | None = None
    pattern: Pattern | None = None
    npanxx: Pattern | None = None
    region: Line | None = None
    city: Line | None = None
    services: Line | None = None


class RentNumber(Ask):
    """What a rented number does."""

    app_id: Line | None = None


async def list_(context: Context, ask: ListNumbers) -> NumberList:
    """The numbers of the account."""
    owner = await context.owner(ask.subaccount)
    numbers, zone = context.desk.store.own_numbers, zone_of(context.account.timezone)
    if not _voice_only(ask.services):
        return NumberList(context.meta(ask, 0, "Number"), [])
    found = await numbers.of(
        owner,
        prefix=ask.number_startswith or "",
        alias=ask.alias or "",
        number_type=(ask.type or "").lower(),
        limit=ask.limit,
        offset=ask.offset,
    )
    return NumberList(context.meta(ask, found.total, "Number"), [_shown(context, each, zone) for each in found.items])


async def add(context: Context, ask: AddNumbers) -> Done:
    """Add numbers of a carrier of one's own; only the main account's credentials do that."""
    if context.caller.parent_id is not None:
        raise ApiError(403, "only the main account adds numbers")
    owner = await context.owner(ask.subaccount)
    numbers = [digits_of(each) for each in ask.numbers.split(",") if each.strip()]
    if not numbers or len(numbers) > MOST_AT_ONCE or not all(_DIGITS.fullmatch(each) for each in numbers):
        raise invalid("numbers")
    app_id = await _application_of(context, ask.app_id, owner)
    kind = (ask.number_type or "local").lower()
    rows = [
        OwnNumber(each, owner, app_id, number_type=kind, country=country_of(each), region=ask.region, carrier=ask.carrier)
        for each in numbers
    ]
    try:
        await context.desk.store.own_numbers.claim(rows)
    except NumberTaken as taken:
        raise ApiError(409, str(taken)) from None
    return Done("changed")


async def get(context: Context, _ask: Ask) -> Number:
    """One number of the account."""
    return _shown(context, await _found(context), zone_of(context.account.timezone))


async def change(context: Context, ask: ChangeNumber) -> Done:
    """Change a number: what is given. An empty ``app_id`` takes it off its application."""
    found = await _found(context)
    values: dict[str, Any] = {}
    if ask.app_id is not None:
        values["app_id"] = await context.attached(ask.app_id)
    if ask.alias is not None:
        values["alias"] = ask.alias or None
    if ask.subaccount:
        values["auth_id"] = await context.owner(ask.subaccount)
    await context.desk.store.own_numbers.change(found.number, values)
    return Done("changed")


async def remove(context: Context, _ask: Ask) -> Nothing:
    """Give a number up; one of the pool can be rented again."""
    await context.desk.store.own_numbers.give_up((await _found(context)).number)
    return Nothing()


async def search(context: Context, ask: SearchNumbers) -> FreeNumberList:
    """Numbers of the operator's pool that can be rented."""
    country = ask.country_iso.upper()
    if not _voice_only(ask.services):
        return FreeNumberList(context.meta(ask, 0, "PhoneNumber"), [])
    found = await context.desk.store.own_numbers.pool(
        country=country,
        number_type="" if ask.type in {None, "any"} else str(ask.type).lower(),
        prefixes=_prefixes(country, ask.pattern or ask.npanxx),
        region=ask.region or "",
        city=ask.city or "",
        limit=ask.limit,
        offset=ask.offset,
    )
    return FreeNumberList(context.meta(ask, found.total, "PhoneNumber"), [_offered(context, each) for each in found.items])


async def rent(context: Context, ask: RentNumber) -> Rented:
    """Rent a number of the pool; without ``app_id`` it gets the account's default application."""
    number, owner = digits_of(context.path["number"]), context.account.auth_id
    app_id = await _application_of(context, ask.app_id, owner)
    if not await context.desk.store.own_numbers.rent(number, owner, app_id):
        raise not_found("number")
    return Rented("created", [RentedNumber(number, "Success")], "fulfilled")


async def _application_of(context: Context, app_id: str | None, owner: str) -> str | None:
    if app_id:
        return await context.attached(app_id)
    return await context.desk.store.catalogue.default_application(owner, "number")


async def _found(context: Context) -> OwnNumber:
    found = await context.desk.store.own_numbers.get(context.path["number"])
    if found is None or not await context.reaches(found.auth_id):
        raise not_found()
    return found


def _voice_only(services: str | None) -> bool:
    return {each.strip().lower() for each in (services or "").split(",")} <= {"", "voice"}


def _prefixes(country: str, pattern: str | None) -> tuple[str, ...]:
    """How numbers begin that fit a pattern: with or without the country's code."""
    if pattern is None:
        return ()
    digits = pattern.lstrip("+")
    code = phonenumbers.country_code_for_region(country)
    return (digits,) if pattern.startswith("+") or not code else (digits, f"{code}{digits}")


def _shown(context: Context, number: OwnNumber, zone: Any) -> Number:
    return Number(
        number=number.number,
        alias=number.alias,
        application=context.uri("Application", number.app_id) if number.app_id is not None else None,
        sub_account=context.sub_account(number.auth_id),
        number_type=number.number_type,
        country=number.country,
        region=number.region,
        city=number.city,
        carrier=number.carrier,
        added_on=day(number.added_at, zone),
        resource_uri=context.uri("Number", number.number),
    )


def _offered(context: Context, number: PoolNumber) -> FreeNumber:
    code = phonenumbers.country_code_for_region(number.country) if number.country else 0
    return FreeNumber(
        number=number.number,
        prefix=str(code) if code else None,
        city=number.city,
        country=number.country,
        region=number.region,
        type=number.number_type,
        resource_uri=context.uri("PhoneNumber", number.number),
    )


_ONE = "Number/{number}/"
ROUTES = (
    Route(method="GET", path="Number/", asks=ListNumbers, answers=NumberList, handler=list_, is_list=True),
    Route(method="POST", path="Number/", asks=AddNumbers, answers=Done, handler=add, status=202),
    Route(method="GET", path=_ONE, asks=Ask, answers=Number, handler=get),
    Route(method="POST", path=_ONE, asks=ChangeNumber, answers=Done, handler=change, status=202),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Nothing, handler=remove, status=204),
    Route(method="GET", path="PhoneNumber/", asks=SearchNumbers, answers=FreeNumberList, handler=search, is_list=True),
    Route(method="POST", path="PhoneNumber/{number}/", asks=RentNumber, answers=Rented, handler=rent, status=201),
)
