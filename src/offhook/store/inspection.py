"""A look into a database from outside: nothing is made, brought up to date or written, and a node may have it open."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from offhook.store.database import StoreError
from offhook.store.tables import HEAD

_BUSY_S = 2.0
_MOST_FAULTS = 5
_STEPS_BETWEEN_LOOKS = 10_000
"""Of SQLite's virtual machine, until it is asked again whether the time is over: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an operator has put into a database."""

    version: str | None
    """Of its tables; ``None``: there are none yet."""
    auth_id: str | None = None
    """Of the main account."""
    urls: tuple[tuple[str, str], ...] = ()
    """Name of an application, and one of its URLs."""
    numbers: int = 0
    idle_numbers: int = 0
    """Numbers that no application runs."""
    endpoints: int = 0
    """Endpoints whose calls an application runs."""
    trunks: int = 0
    """Trunks whose calls an application runs, whatever number they are for."""

    @property
    def current(self) -> bool:
        """Whether its tables are those of this version of Offhook."""
        return self.version == HEAD

    @property
    def newer(self) -> bool:
        """Whether a newer version of Offhook has made them: this one does not start on it."""
        return self.version is not None and self.version > HEAD


def contents(path: Path) -> Contents:
    """Read a database. It blocks, for milliseconds.

    Raises:
        StoreError: it cannot be read, or is none.
    """
    with _open(path) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return Contents(None)
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
        account = connection.execute("SELECT auth_id FROM accounts WHERE is_main").fetchone()
        applications = connection.execute("SELECT name, answer_url, fallback_url, hangup_url FROM applications ORDER BY name")
        urls = tuple((name, url) for name, *each in applications.fetchall() for url in each if url)
        endpoints, trunks = (_with_application(connection, table) for table in ("sip_endpoints", "trunks"))
        ((numbers, with_application),) = connection.execute("SELECT count(*), count(app_id) FROM numbers").fetchall()
    return Contents(version, account[0] if account else None, urls, numbers, numbers - with_application, endpoints, trunks)


def _with_application(connection: sqlite3.Connection, table: str) -> int:
    """How many rows of a table name an application; none where an older version has not got the table."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return 0
    ((count,),) = connection.execute(f"SELECT count(app_id) FROM {table}")  # noqa: S608 - one of ours
    return int(count)


def faults(path: Path, *, limit_s: float) -> tuple[str, ...] | None:
    """Check that the database is whole (``PRAGMA quick_check``). It blocks, for up to ``limit_s``.

    Returns:
        The first things that are wrong, in SQLite's words; ``None``: there was not time enough to look at all of it.

    Raises:
        StoreError: it cannot be read, or is none.
    """
    until = time.monotonic() + limit_s  # a thread has no loop whose time it could take
    with _open(path) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)
        try:
            rows = connection.execute(f"PRAGMA quick_check({_MOST_FAULTS})").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
    return tuple(str(row[0]) for row in rows if row[0] != "ok")


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    connection = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S)
        yield connection
    except sqlite3.Error as error:
        raise StoreError(f"the database {path} cannot be read: {error}") from error
    finally:
        if connection is not None:
            connection.close()
