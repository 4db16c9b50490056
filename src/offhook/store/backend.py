"""What differs between the databases that a store can stand in: all of it, and nowhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Dialect, Engine, Table

from offhook.errors import OffhookError


class StoreError(OffhookError):
    """The database cannot be opened or used; the message says which and why."""


class StoreBusy(StoreError):
    """The database did not take a unit of work in time; nothing of it was done, nor will be."""


class Unreachable(StoreError):
    """There was no connection a moment ago, and it is too early to try again."""


class Cursor(Protocol):
    """The driver's own, for the rows that every call writes."""

    def execute(self, sql: str, row: Sequence[Any] = ..., /) -> Any:
        """Run a statement once."""

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> Any:
        """Run a statement for each row."""


class Backend(ABC):
    """A kind of database, and which one it is."""

    name: str
    """As people are told: without the password."""
    dialect: Dialect
    """How the driver wants the statements that are compiled once and given rows as tuples."""
    shared: bool
    """Several nodes may use it at a time: what a node has left is told from what others do by the node's id."""
    written: Any
    """Of a call record, a number that tells which were committed later."""
    settled: Any
    """Up to which such number there will be no other records than those that are there."""

    @abstractmethod
    def prepare(self) -> None:
        """What has to be done before the first connection. Raises ``OSError`` or ``StoreError``."""

    @abstractmethod
    def engine(self) -> Engine:
        """What makes connections. They may be used by any thread, one at a time. Raises ``StoreError``."""

    @abstractmethod
    def reading(self, *, several: bool) -> dict[str, Any]:
        """The execution options of connections that only read.

        Args:
            several: what a unit reads is to be of one moment, though it makes several statements.
        """

    @abstractmethod
    def lock(self, connection: Connection, *, waits: bool) -> None:
        """Begin a transaction that no other unit of ``Database.write`` runs beside, in whatever process.

        Args:
            waits: as long as it takes, where the database can; else some seconds.
        """

    @abstractmethod
    def rows(self, connection: Connection) -> AbstractContextManager[Cursor]:
        """A transaction on the driver's own cursor; committed at the end of the block."""

    @abstractmethod
    def alone(self, cursor: Cursor) -> AbstractContextManager[None]:
        """What fails within the block does not cost the transaction around it."""

    @abstractmethod
    def insert(self, table: Table) -> Any:
        """An ``INSERT`` that knows ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""

    @abstractmethod
    def refuses(self, error: Exception) -> bool:
        """Whether the database is in trouble (locked, full, gone), rather than some row impossible to store."""

    @abstractmethod
    def lost(self, error: Exception) -> bool:
        """Whether the connection may be what failed: the same work is tried once more on a new one."""

    @abstractmethod
    def spoils(self, error: Exception) -> bool:
        """Whether the connection is not to be used any more after this error."""

    @abstractmethod
    def fitting(self, column: Column[Any]) -> Callable[[Any], Any] | None:
        """What makes a value fit its column that the database has refused; ``None`` where nothing has to be done."""

    def unindexed(self, column: Column[Any]) -> Any:
        """The same column, for a condition that no index is to be chosen by; where the planner knows better, as it is."""
        return column
