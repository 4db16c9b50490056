"""Tokens that browsers and apps show instead of a password (reference ``api.md`` section 8.3): JWT (RFC 7519) with HS256."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from offhook.api.context import Context
from offhook.api.errors import ApiError, invalid, missing
from offhook.api.reading import Ask, Line
from offhook.api.routes import Route

SHORTEST_S, LONGEST_S = 180, 86_400
_HEADER = {"alg": "HS256", "cty": "plivo;v=1", "typ": "JWT"}
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class VoicePermissions(msgspec.Struct):
    """What the bearer may do: be called, and call."""

    incoming_allow: bool = False
    outgoing_allow: bool = False


class Permissions(msgspec.Struct):
    """By medium."""

    voice: VoicePermissions = msgspec.field(default_factory=VoicePermissions)


class MakeToken(Ask):
    """A token to make: for whom, from when to when (seconds since 1970), for what."""

    iss: Line
    sub: Line | None = None
    nbf: Epoch | None = None
    exp: Epoch | None = None
    app: Line | None = None
    per: Permissions | None = None


class Token(msgspec.Struct):
    """A token; the account's own token is the key that it is signed with."""

    token: str


async def make(context: Context, ask: MakeToken) -> Token:
    """Make a token for an endpoint; it lasts a day unless ``exp`` says otherwise, from three minutes to a day."""
    if ask.iss != context.account.auth_id:
        raise invalid("iss")
    voice = (ask.per or Permissions()).voice
    if voice.incoming_allow and not ask.sub:
        raise missing("sub")
    begins = ask.nbf if ask.nbf is not None else int(context.desk.clock.wall().timestamp())
    ends = ask.exp if ask.exp is not None else begins + LONGEST_S
    if not SHORTEST_S <= ends - begins <= LONGEST_S:
        raise ApiError(400, f"exp should be between {SHORTEST_S} and {LONGEST_S} seconds after nbf")
    permitted = {"voice": msgspec.to_builtins(voice)}
    # Tokens that the service makes say "per", those that the SDKs make themselves "grants": this one suits the readers of both.
    claims: dict[str, Any] = {"jti": context.desk.ids.call_uuid(), "iss": ask.iss, "nbf": begins, "exp": ends}
    claims |= {name: value for name, value in (("sub", ask.sub), ("app", ask.app)) if value}
    return Token(signed({**claims, "per": permitted, "grants": permitted}, context.account.auth_token))


def signed(claims: Mapping[str, Any], key: str) -> str:
    """Claims as a compact JWS (RFC 7515 section 7.1)."""
    text = f"{_part(msgspec.json.encode(_HEADER))}.{_part(msgspec.json.encode(claims))}"
    return f"{text}.{_part(hmac.digest(key.encode('utf-8'), text.encode('ascii'), 'sha256'))}"


def _part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


ROUTES = (Route(method="POST", path="JWT/Token/", asks=MakeToken, answers=Token, handler=make),)
