"""Who is not listened to for a while: scanners, and those who guess (per source address, bounded)."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

RATE_PER_S = 20.0
"""New requests outside of a dialog that one address may make, on the average; whoever is known may make as many as it likes."""
BURST = 200.0
FAILURES = 10
"""Wrong passwords, unknown names and the like, within ``WINDOW_S``, after which an address is not listened to."""
WINDOW_S = 60.0
BAN_S = 60.0
"""The first time; each further time within an hour is twice as long, up to ``LONGEST_S``."""
LONGEST_S = 3600.0
MAX_ADDRESSES = 20_000
SCANNERS = (
    "friendly-scanner",
    "sipvicious",
    "sipsak",
    "sundayddr",
    "sip-scan",
    "sipcli",
    "iwar",
    "pplsip",
    "smap",
    "vaxsipuseragent",
)
"""What scanning programs call themselves; they get no answer at all."""


@dataclass(slots=True)
class _Record:
    tokens: float
    seen_at: float
    failures: float = 0.0
    banned_until: float = 0.0
    bans: int = 0


class Defence:
    """Counts by source address.

    Args:
        time: s, of a clock that only goes forward.
        trusted: whether an address belongs to somebody we know (a trunk): it is never held up, whoever forges its packets.
        rate_per_s: new requests outside of a dialog that one address may make, on the average.
    """

    def __init__(
        self, time: Callable[[], float], trusted: Callable[[str], bool] = lambda _host: False, rate_per_s: float = RATE_PER_S
    ) -> None:
        self._time = time
        self._rate_per_s = rate_per_s
        self._trusted = trusted
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self.ignored = 0
        """Requests that got no answer."""

    def __len__(self) -> int:
        return len(self._records)

    def ignores(self, host: str) -> bool:
        """Whether nothing at all is taken from this address now."""
        record = self._records.get(host)
        ignored = record is not None and record.banned_until > self._time()
        self.ignored += ignored
        return ignored

    def takes(self, host: str, user_agent: str) -> bool:
        """Whether a new request outside of a dialog is looked at; takes one from what the address may ask."""
        if self._trusted(host):
            return True
        agent = user_agent.lower()
        if any(name in agent for name in SCANNERS):
            self._ban(host, self._of(host), f"it calls itself {user_agent[:40]!r}")
            return False
        record = self._of(host)
        if record.tokens < 1:
            self.ignored += 1
            return False
        record.tokens -= 1
        return True

    def failed(self, host: str, why: str) -> None:
        """A wrong password, an unknown name: too many of them and the address is not listened to."""
        if self._trusted(host):
            return
        record = self._of(host)
        record.failures += 1
        if record.failures >= FAILURES:
            self._ban(host, record, why)

    def succeeded(self, host: str) -> None:
        """The address has proved that it knows a password: its mistakes are forgotten, and what it took to prove it is given
        back, for an office behind one address may have hundreds of phones.
        """
        record = self._records.get(host)
        if record is not None:
            record.failures = 0
            record.tokens = min(BURST, record.tokens + 4)

    def banned(self) -> dict[str, float]:
        """Who is not listened to, and for how many more seconds."""
        now = self._time()
        return {host: each.banned_until - now for host, each in self._records.items() if each.banned_until > now}

    def _of(self, host: str) -> _Record:
        now = self._time()
        record = self._records.get(host)
        if record is None:
            record = self._records[host] = _Record(BURST, now)
            while len(self._records) > MAX_ADDRESSES:
                self._records.popitem(last=False)
        passed = now - record.seen_at
        record.tokens = min(BURST, record.tokens + passed * self._rate_per_s)
        record.failures = max(0.0, record.failures - passed * FAILURES / WINDOW_S)
        record.seen_at = now
        self._records.move_to_end(host)
        return record

    def _ban(self, host: str, record: _Record, why: str) -> None:
        now = self._time()
        if now - record.banned_until > LONGEST_S:
            record.bans = 0
        length = min(LONGEST_S, BAN_S * 2**record.bans)
        record.bans, record.failures, record.banned_until = min(record.bans + 1, 10), 0.0, now + length
        self.ignored += 1
        log.warning("%s is not listened to for %d s: %s", host, length, why)
