"""SQLite in a file. Several processes may have it open; one node at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    NullPool,
    Table,
    create_engine,
    event,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from offhook.store.backend import Backend, Cursor, StoreError

BUSY_MS = 5_000
"""How long SQLite waits for another process's transaction."""


class Sqlite(Backend):
    """A file of SQLite."""

    dialect = sqlite.dialect(paramstyle="qmark")
    shared = False
    written: Any = literal_column("call_records.rowid", Integer)
    settled: Any = select(func.max(literal_column("rowid", Integer))).select_from(text("call_records")).scalar_subquery()

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def prepare(self) -> None:
        """Make the file: it holds tokens and who called whom, and SQLite would make it readable to everybody."""
        self.path.touch(mode=0o600)

    def engine(self) -> Engine:
        """Connections are prepared and transactions begun as ``_prepare`` and ``_begin`` say."""
        engine = create_engine(f"sqlite:///{self.path}", poolclass=NullPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def reading(self, *, several: bool) -> dict[str, Any]:  # noqa: ARG002 - a transaction of SQLite sees one moment
        """They take no write lock."""
        return {"reads": True}

    def lock(self, connection: Connection, *, waits: bool) -> None:
        """Every transaction that is not one of readers has it from the beginning (``_begin``)."""

    @contextmanager
    def rows(self, connection: Connection) -> Iterator[Cursor]:
        """With the write lock from the beginning."""
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        cursor = driver.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
            driver.execute("COMMIT")
        except BaseException:
            driver.rollback()
            raise

    def alone(self, cursor: Cursor) -> AbstractContextManager[None]:  # noqa: ARG002
        """A statement that fails leaves nothing behind here."""
        return nullcontext()

    def insert(self, table: Table) -> Any:
        """SQLite's."""
        return sqlite.insert(table)

    def refuses(self, error: Exception) -> bool:
        """Whatever is operational: locked, full, gone."""
        return isinstance(error, sqlite3.OperationalError | SQLAlchemyError | StoreError)

    def lost(self, error: Exception) -> bool:  # noqa: ARG002
        """A file is not lost and found again."""
        return False

    def spoils(self, error: Exception) -> bool:
        """All but what a single row can cause."""
        return isinstance(error, SQLAlchemyError | sqlite3.Error) and not isinstance(error, IntegrityError | DataError)

    def fitting(self, column: Column[Any]) -> Callable[[Any], Any] | None:  # noqa: ARG002
        """Columns have no bounds here but those of ``rows.storable``."""
        return None

    def unindexed(self, column: Column[Any]) -> Any:
        """With a plus before it (https://sqlite.org/optoverview.html, section 2)."""
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    """What each connection needs: readers beside the writer, one fsync a checkpoint, patience, real foreign keys."""
    connection.isolation_level = None  # Transactions begin where ``_begin`` says, not where the driver guesses.
    pragmas = (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and then cannot write would have to be started over."""
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
