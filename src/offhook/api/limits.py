"""How much an account may ask."""

from __future__ import annotations

import math
from collections import deque

from offhook.api.errors import ApiError
from offhook.clock import Clock

WINDOW_S = 5.0
_MOST_REMEMBERED = 10_000


class RateLimit:
    """So many requests in any five seconds (reference ``api.md`` section 1.1).

    Args:
        most: requests of one account in five seconds; 0: as many as it likes.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._asked: dict[str, deque[float]] = {}

    def take(self, auth_id: str) -> dict[str, str]:
        """Count a request.

        Returns:
            Headers that say how many are left.

        Raises:
            ApiError: 429, with ``Retry-After``; such a request does not count.
        """
        if not self._most:
            return {}
        now = self._clock.now()
        asked = self._asked.get(auth_id)
        if asked is None:
            if len(self._asked) >= _MOST_REMEMBERED:
                self._asked = {name: times for name, times in self._asked.items() if times and times[-1] > now - WINDOW_S}
            asked = self._asked[auth_id] = deque()
        while asked and asked[0] <= now - WINDOW_S:
            asked.popleft()
        wait_s = math.ceil(asked[0] + WINDOW_S - now) or 1 if asked else math.ceil(WINDOW_S)
        headers = self._headers(max(0, self._most - len(asked) - 1), wait_s)
        if len(asked) >= self._most:
            text = f"more than {self._most} requests in {WINDOW_S:g} seconds"
            raise ApiError(429, text, {**headers, "Retry-After": str(wait_s)})
        asked.append(now)
        return headers

    def _headers(self, left: int, more_in_s: int) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers (from revision 08 on), and those that came before it everywhere."""
        return {
            "RateLimit-Policy": f'"account";q={self._most};w={WINDOW_S:g}',
            "RateLimit": f'"account";r={left};t={more_in_s}',
            "X-RateLimit-Limit": str(self._most),
            "X-RateLimit-Remaining": str(left),
        }
