"""Call records are kept for as long as the operator wants them."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from offhook.clock import Clock
from offhook.store import Store

log = logging.getLogger(__name__)

EVERY_S = 3600.0


async def remove_old_calls(store: Store, clock: Clock, kept: timedelta) -> None:
    """Remove, now and every hour, what ended longer ago than ``kept``; runs until it is cancelled."""
    while True:
        try:
            removed = await store.retention.remove(clock.wall() - kept)
        except Exception:
            log.exception("old call records could not be removed; in an hour it is tried again")
        else:
            if removed:
                log.info("%d call record(s) are older than %d days and were removed", removed, kept.days)
        await asyncio.sleep(EVERY_S)
