"""Recordings of a node: under which URL they are had, and how long they are kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from offhook.calls import Recorder
from offhook.clock import Clock
from offhook.hooks import Hooks
from offhook.ids import Ids
from offhook.media import mend
from offhook.settings import Settings, recordings_folder
from offhook.store import Archive, Store

log = logging.getLogger(__name__)

TIDY_S = 3600.0
"""How often recordings that have been kept long enough are looked for."""
_EVERY_INTERFACE = {"0.0.0.0", "::"}  # noqa: S104 - what the setting says when it means all
_LOOPBACK = "127.0.0.1"


class PublicUrl:
    """Scheme and host of the HTTP port, as customers reach it: as it is set, else as far as the node can know."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.port = settings.http.port
        """The real one, once HTTP has begun."""

    def __call__(self) -> str:
        settings = self._settings
        if settings.public_url is not None:
            return settings.public_url.rstrip("/")
        listens = settings.http.host if settings.http.host not in _EVERY_INTERFACE else None
        host = listens or settings.public_address.default or _LOOPBACK
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if settings.http_tls else 'http'}://{shown}:{self.port}"


class Recordings:
    """What records, and what keeps it."""

    def __init__(self, settings: Settings, store: Store, hooks: Hooks, clock: Clock, ids: Ids) -> None:
        self.url = PublicUrl(settings)
        self.archive = Archive(
            recordings_folder(settings),
            store.recordings,
            mend=mend,
            base_url=self.url,
            reserve_bytes=settings.disk_reserve_mb << 20,
        )
        self.recorder = Recorder(self.archive, hooks, clock, ids)


@asynccontextmanager
async def kept(settings: Settings, store: Store, hooks: Hooks, clock: Clock, ids: Ids) -> AsyncIterator[Recordings]:
    """The recordings of a node; old ones are deleted as long as the block lasts."""
    recordings = Recordings(settings, store, hooks, clock, ids)
    work = asyncio.create_task(expire(recordings.archive, clock, settings.recording_days), name="expiry")
    try:
        yield recordings
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def expire(archive: Archive, clock: Clock, days: int) -> None:
    """Delete recordings that are older than ``days``, now and every hour. 0: they are kept for ever."""
    while days:
        try:
            gone = await archive.expire(clock.wall() - timedelta(days=days))
        except Exception:
            log.exception("recordings older than %d days could not be deleted", days)
        else:
            if gone:
                log.info("%d recording(s) older than %d days were deleted", gone, days)
        await asyncio.sleep(TIDY_S)
