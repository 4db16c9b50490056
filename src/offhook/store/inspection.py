"""A look into a database from outside: nothing is made, brought up to date or written, and a node may have it open.

But ``emptied``, for what measures and tests.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError

from offhook.store.backend import StoreError
from offhook.store.database import backend_of, reason
from offhook.store.sqlite import Sqlite
from offhook.store.tables import HEAD, metadata

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


def contents(where: Path | str) -> Contents:
    """Read a database, of which nothing needs to be there yet. It blocks, for milliseconds.

    Args:
        where: a file of SQLite, or a URL, as for ``Store.open``.

    Raises:
        StoreError: it cannot be read, or is none.
    """
    backend = backend_of(where)
    if isinstance(backend, Sqlite):
        if not backend.path.exists():
            return Contents(None)
        with _open(backend.path) as connection:
            return _contents(lambda sql: connection.execute(sql).fetchall(), _SQLITE_TABLES)
    engine = backend.engine()
    try:
        with engine.execution_options(**backend.reading(several=True)).connect() as server:
            return _contents(lambda sql: [tuple(row) for row in server.exec_driver_sql(sql)], _SERVER_TABLES)
    except SQLAlchemyError as error:
        raise StoreError(f"the database {backend.name} cannot be read: {reason(error)}") from error


def size(url: str) -> tuple[str, int, str]:
    """What a server says of itself and of a database. It blocks.

    Returns:
        The database's name as people are told, its size in octets, and the server's version.

    Raises:
        StoreError: it cannot be reached.
    """
    backend = backend_of(url)
    try:
        with backend.engine().connect() as server:
            row = server.exec_driver_sql("SELECT pg_database_size(current_database()), current_setting('server_version')").one()
    except SQLAlchemyError as error:
        raise StoreError(f"the database {backend.name} cannot be read: {reason(error)}") from error
    return backend.name, int(row[0]), str(row[1])


def emptied(url: str) -> None:
    """Remove all tables of ours from a database, with all that is in them. It blocks.

    Raises:
        StoreError: it cannot be reached.
    """
    backend = backend_of(url)
    try:
        with backend.engine().begin() as connection:
            metadata.drop_all(connection)
            connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    except SQLAlchemyError as error:
        raise StoreError(f"the database {backend.name} cannot be emptied: {reason(error)}") from error


_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_SERVER_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"


def _contents(ask: Callable[[str], Sequence[Sequence[Any]]], all_tables: str) -> Contents:
    """Plain statements, for the tables may be those of another version."""
    there = {name for (name,) in ask(all_tables)}
    if "alembic_version" not in there:
        return Contents(None)
    version = next((row[0] for row in ask("SELECT version_num FROM alembic_version")), None)
    account = next((row[0] for row in ask("SELECT auth_id FROM accounts WHERE is_main")), None)
    applications = ask("SELECT name, answer_url, fallback_url, hangup_url FROM applications ORDER BY name")
    urls = tuple((name, url) for name, *each in applications for url in each if url)
    # None where an older version has not got the table.
    endpoints, trunks = (
        int(ask(f"SELECT count(app_id) FROM {table}")[0][0]) if table in there else 0  # noqa: S608 - one of ours
        for table in ("sip_endpoints", "trunks")
    )
    ((numbers, with_application),) = ask("SELECT count(*), count(app_id) FROM numbers")
    return Contents(version, account, urls, numbers, numbers - with_application, endpoints, trunks)


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
