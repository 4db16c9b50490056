"""Writing for those who wait for an answer: in time, or not at all.

A client of the API gives up after 5 s and may ask again; Plivo's SDKs ask three times by themselves where they get a 5xx. What
was refused must never happen after all, when the database is free again: the second attempt would do it twice.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from offhook.store.backend import StoreBusy, StoreError
from offhook.store.database import Database

T = TypeVar("T")

PATIENCE_S = 2.5
"""How long a unit of work may wait for its turn: three attempts of an SDK and their answers fit in less than 10 s."""


class _Turn:
    """Either it is begun or it is given up, whichever is first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begun = False
        self._given_up = False

    def begin(self) -> None:
        """In the database's thread, with its write lock. Raises ``StoreBusy`` where it was given up."""
        with self._lock:
            if self._given_up:
                raise StoreBusy("given up before its turn came")
            self.begun = True

    def give_up(self) -> bool:
        """Whether it will never be done. False: it is being done, and the end of it must be waited for."""
        with self._lock:
            self._given_up = not self.begun
            return self._given_up


async def in_time(database: Database, work: Callable[[Connection], T], patience_s: float = PATIENCE_S) -> T:
    """Like ``Database.write``, for those who do not wait longer for its beginning.

    Raises:
        StoreBusy: it was not done, and will not be.
    """
    turn = _Turn()

    def unit(connection: Connection) -> T:
        turn.begin()
        return work(connection)

    writing = asyncio.ensure_future(database.write(unit))
    done, _ = await asyncio.wait({writing}, timeout=patience_s)
    if not done and turn.give_up():
        writing.add_done_callback(_seen)
        raise StoreBusy(f"the database did not take anything for {patience_s:g} s")
    try:
        return await writing
    except (OperationalError, StoreError) as error:
        if turn.begun:
            raise  # Whether it was committed is not known for sure.
        raise StoreBusy(f"the database refuses: {getattr(error, 'orig', None) or error}") from error


def _seen(writing: asyncio.Future[T]) -> None:
    """Nobody waits for it any more: what it was refused with is no news."""
    if not writing.cancelled():
        writing.exception()
