"""Identifiers. Randomness is handed in, so that a test can repeat a run."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]

_AUTH_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TOKEN_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Ids:
    """Makes every identifier that the platform hands out."""

    def __init__(self, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes

    def call_uuid(self) -> str:
        """A lower-case UUID of 36 characters (reference ``api.md`` section 1.4)."""
        return str(uuid.UUID(bytes=self._random_bytes(16), version=4))

    def token(self, length: int = 16) -> str:
        """``length`` hexadecimal digits, for SIP tags, branches and Call-IDs (RFC 3261 section 19.3 wants 32 bits or more)."""
        return self._random_bytes((length + 1) // 2).hex()[:length]

    def nonce(self) -> str:
        """20 decimal digits, new for each signed request (reference ``callbacks.md`` section 6)."""
        return str(int.from_bytes(self._random_bytes(9), "big") % 10**20).zfill(20)

    def app_id(self) -> str:
        """17 decimal digits, the first not 0 (reference ``api.md`` section 1.4)."""
        return str(10**16 + int.from_bytes(self._random_bytes(8), "big") % (9 * 10**16))

    def endpoint_id(self) -> str:
        """14 decimal digits, the first not 0 (reference ``api.md`` section 1.4)."""
        return str(10**13 + int.from_bytes(self._random_bytes(8), "big") % (9 * 10**13))

    def auth_id(self) -> str:
        """``MA`` and 18 capitals or digits (reference ``api.md`` section 1.1)."""
        return "MA" + self._letters()

    def subaccount_id(self) -> str:
        """``SA`` and 18 capitals or digits (reference ``api.md`` section 1.1)."""
        return "SA" + self._letters()

    def _letters(self) -> str:
        return "".join(_AUTH_ID_LETTERS[b % 36] for b in self._random_bytes(18))

    def auth_token(self) -> str:
        """40 letters or digits."""
        return "".join(_TOKEN_LETTERS[b % 62] for b in self._random_bytes(40))
