"""How long a URL may take and what is tried again: the fragment ``#ct=…&rt=…&rc=…`` (reference ``callbacks.md`` section 2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

XML_ATTEMPT_S = 15.0
"""How long a server may take over a reply that must be XML, unless the URL says otherwise."""

_REGIONS = frozenset({"nearest", "local", "n_california", "n_virginia", "frankfurt", "singapore", "mumbai"})
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)


class Trouble(StrEnum):
    """Why an attempt may be repeated: the words of ``rp``."""

    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    CONNECT = "ct"
    """No connection came about: refused, no such host, no TLS, too slow."""
    READ = "rt"
    """The connection stood, but no reply began."""
    OTHER = "other"
    """Only ``all`` repeats it: a redirect that must not be followed, for example."""


_RETRIABLE = frozenset(trouble for trouble in Trouble if trouble is not Trouble.OTHER)


@dataclass(frozen=True, slots=True)
class Policy:
    """What one URL is given. Times in seconds."""

    connect_s: float = 2.0
    read_s: float = 40.0
    """Until the reply begins, and between two packets of it."""
    total_s: float = 55.0
    """All attempts together."""
    attempt_s: float | None = None
    """One attempt from beginning to end; ``None``: only the limits above."""
    retries: int = 1
    retry_on: frozenset[Trouble] = frozenset({Trouble.CONNECT, Trouble.READ})
    retry_partial: bool = False
    """Whether an attempt is repeated although a part of its reply had arrived. Never so for a webhook."""

    def repeats(self, trouble: Trouble | None) -> bool:
        """Whether an attempt that failed for this reason is worth another one. ``None``: it would fail again for sure."""
        return trouble in self.retry_on


MEDIA = Policy(read_s=120.0, total_s=240.0, retries=1, retry_on=frozenset(Trouble), retry_partial=True)
"""Audio files: the fragment does not count (reference ``callbacks.md`` section 2.2). The total is ours: two read timeouts."""


@lru_cache(maxsize=512)
def read_policy(fragment: str, *, xml: bool) -> tuple[Policy, tuple[str, ...]]:
    """Read a URL's fragment.

    Args:
        fragment: what stood after ``#``, possibly empty.
        xml: whether the reply must be XML: then an attempt gets 15 s, unless the fragment has ``rt`` or ``tt``.

    Returns:
        The policy, and a remark for each part that was not understood and is ignored.
    """
    values: dict[str, float] = {}
    retry_on = Policy().retry_on
    remarks: list[str] = []
    for pair in fragment.split("&")[:32] if fragment else ():
        key, equals, value = pair.partition("=")
        if not equals and not values and pair == fragment:
            break  # An ordinary anchor, not settings: nothing to remark on.
        if key in _BOUNDS:
            number = _bounded(key, value)
            if number is None:
                low, high = _BOUNDS[key]
                remarks.append(f"URL fragment {key}={value[:40]!r} must be a whole number from {low} to {high}; ignored")
            else:
                values[key] = number
        elif key == "rp":
            retry_on, wrong = _retry_on(value)
            remarks.extend(f"URL fragment rp: {word[:40]!r} is not one of 4xx, 5xx, ct, rt, all; ignored" for word in wrong)
        elif key != "er" or value not in _REGIONS:
            remarks.append(f"URL fragment {pair[:60]!r} is unknown; ignored")
    explicit = "rt" in values or "tt" in values
    return (
        Policy(
            connect_s=values.get("ct", 2000) / 1000,
            read_s=values.get("rt", 40000 if explicit or not xml else XML_ATTEMPT_S * 1000) / 1000,
            total_s=values.get("tt", 55000) / 1000,
            attempt_s=XML_ATTEMPT_S if xml and not explicit else None,
            retries=int(values.get("rc", 1)),
            retry_on=retry_on,
        ),
        tuple(remarks),
    )


_BOUNDS = {"ct": (100, 10000), "rt": (100, 40000), "tt": (100, 55000), "rc": (0, 5)}


def _bounded(key: str, value: str) -> int | None:
    low, high = _BOUNDS[key]
    if _NUMBER.fullmatch(value) and low <= int(value) <= high:
        return int(value)
    return None


def _retry_on(value: str) -> tuple[frozenset[Trouble], list[str]]:
    words = [word.strip() for word in value.split(",")]
    if "all" in words:
        return frozenset(Trouble), [word for word in words if word != "all" and word not in _RETRIABLE]
    known = frozenset(Trouble(word) for word in words if word in _RETRIABLE)
    return known or Policy().retry_on, [word for word in words if word not in _RETRIABLE]
