"""The account itself (reference ``api.md`` section 3)."""

from __future__ import annotations

import msgspec

from offhook.api.context import Context, Done
from offhook.api.errors import invalid
from offhook.api.forms import NO_MONEY, is_zone
from offhook.api.reading import Ask, Line, Name
from offhook.api.routes import Route


class Account(msgspec.Struct):
    """An account."""

    auth_id: str
    name: str
    account_type: str
    address: str | None
    city: str | None
    state: str | None
    timezone: str
    auto_recharge: bool
    billing_mode: str
    cash_credits: str
    resource_uri: str


class ChangeAccount(Ask):
    """What of an account can be changed."""

    name: Name | None = None
    city: Line | None = None
    state: Line | None = None
    address: Line | None = None
    timezone: Line | None = None


async def get(context: Context, _ask: Ask) -> Account:
    """The account."""
    account = context.account
    return Account(
        auth_id=account.auth_id,
        name=account.name,
        account_type="standard",
        address=account.address,
        city=account.city,
        state=account.state,
        timezone=account.timezone,
        auto_recharge=False,
        billing_mode="postpaid",
        cash_credits=NO_MONEY,
        resource_uri=context.uri(),
    )


async def change(context: Context, ask: ChangeAccount) -> Done:
    """Change the account; its time zone is that of its call records."""
    if ask.timezone is not None and not is_zone(ask.timezone):
        raise invalid("timezone")
    values = {name: value for name, value in msgspec.structs.asdict(ask).items() if value is not None}
    if values:
        await context.desk.store.tenants.change(context.account.auth_id, **values)
        context.desk.accounts.forget(context.account.auth_id)
    return Done("changed")


ROUTES = (
    Route(method="GET", path="", asks=Ask, answers=Account, handler=get),
    Route(method="POST", path="", asks=ChangeAccount, answers=Done, handler=change, status=202),
)
