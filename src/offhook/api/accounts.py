"""Who asks, and whose account they ask about."""

from __future__ import annotations

import base64
import binascii
import hmac

from offhook.api.errors import unauthorized
from offhook.clock import Clock
from offhook.records import Tenant
from offhook.store import Store

FRESH_S = 1.0
"""What another process changes in an account is known here within this time."""
_MOST_REMEMBERED = 10_000
_NOBODY = "*" * 40


class Accounts:
    """Accounts, remembered for a second; and their credentials."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[Tenant | None, float]] = {}

    async def get(self, auth_id: str) -> Tenant | None:
        """One by its id."""
        known = self._known.get(auth_id)
        if known is None or known[1] <= self._clock.now():
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = await self._store.tenants.get(auth_id) if len(auth_id) == 20 else None
            known = self._known[auth_id] = found, self._clock.now() + FRESH_S
        return known[0]

    def forget(self, auth_id: str) -> None:
        """It has changed."""
        self._known.pop(auth_id, None)

    async def admit(self, authorization: str, auth_id: str | None) -> tuple[Tenant, Tenant]:
        """Check credentials (HTTP Basic, RFC 7617) for the account of a path; ``None``: the path has none, theirs is meant.

        Returns:
            Whose credentials they are, and the account: the same, or a main account and its subaccount.

        Raises:
            ApiError: 401. Whether the account exists cannot be told from it.
        """
        user, password = _basic(authorization)
        caller = await self.get(user)
        # As much is compared for an account that does not exist.
        fits = hmac.compare_digest((caller.auth_token if caller is not None else _NOBODY).encode(), password.encode())
        if caller is None or not fits or not caller.auth_token or not caller.enabled:
            raise unauthorized()
        account = caller if auth_id is None or auth_id == caller.auth_id else await self.get(auth_id)
        if account is None or (account is not caller and account.parent_id != caller.auth_id):
            raise unauthorized()
        return caller, account


def _basic(authorization: str) -> tuple[str, str]:
    """User and password of an ``Authorization`` header; empty ones where it is none of Basic."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password
