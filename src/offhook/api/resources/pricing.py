"""Prices: there are none (reference ``api.md`` section 11)."""

from __future__ import annotations

from typing import Annotated

import msgspec
import phonenumbers

from offhook.api.context import Context
from offhook.api.errors import invalid
from offhook.api.forms import NO_MONEY
from offhook.api.reading import Ask
from offhook.api.routes import Route


class Rate(msgspec.Struct):
    """A price."""

    rate: str = NO_MONEY


class NumberRates(msgspec.Struct):
    """Of numbers, a month."""

    local: Rate
    tollfree: Rate


class PrefixRate(msgspec.Struct):
    """Of calls to numbers that begin so, a minute."""

    prefix: list[str]
    rate: str = NO_MONEY


class InboundRates(msgspec.Struct):
    """Of calls that come in, a minute."""

    ip: Rate
    local: Rate
    tollfree: Rate


class OutboundRates(msgspec.Struct):
    """Of calls that go out, a minute."""

    ip: Rate
    local: Rate
    tollfree: Rate
    rates: list[PrefixRate]


class VoiceRates(msgspec.Struct):
    """Of calls."""

    inbound: InboundRates
    outbound: OutboundRates


class MessageRates(msgspec.Struct):
    """Of messages."""

    inbound: Rate
    outbound: Rate
    outbound_networks_list: list[str]


class Pricing(msgspec.Struct):
    """What a country costs."""

    country: str
    country_code: int
    country_iso: str
    phone_numbers: NumberRates
    voice: VoiceRates
    message: MessageRates


class GetPricing(Ask):
    """Which country."""

    country_iso: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")]


async def get(_context: Context, ask: GetPricing) -> Pricing:
    """Prices of a country: nothing costs anything here; ``country`` is its ISO code."""
    iso = ask.country_iso.upper()
    code = phonenumbers.country_code_for_region(iso)
    if not code:
        raise invalid("country_iso")
    rate = Rate()
    outbound = OutboundRates(rate, rate, rate, [PrefixRate([str(code)])])
    return Pricing(
        country=iso,
        country_code=code,
        country_iso=iso,
        phone_numbers=NumberRates(rate, rate),
        voice=VoiceRates(InboundRates(rate, rate, rate), outbound),
        message=MessageRates(rate, rate, []),
    )


ROUTES = (Route(method="GET", path="Pricing/", asks=GetPricing, answers=Pricing, handler=get),)
