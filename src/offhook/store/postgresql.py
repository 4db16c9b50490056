"""PostgreSQL, for nodes that share what is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    NullPool,
    String,
    Table,
    create_engine,
    event,
    literal_column,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from offhook.store.backend import Backend, Cursor, StoreError

if TYPE_CHECKING:
    import psycopg

LOCK = 0x0FF_400C
"""The advisory lock that units of ``Database.write`` take: they run one after another, as they do in SQLite."""
BUSY_MS = 5_000
"""How long a unit waits for it, and for rows that another transaction has changed."""
_MOST = 2**31 - 1
_DEFAULTS = {
    "connect_timeout": "5",  # s
    "application_name": "offhook",
    # A server that is cut off is found out within half a minute, also while nothing is sent.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # ms
}
ABANDONED_MS = 60_000
"""A node that stops in the middle of a transaction must not stop the others for ever."""


def is_postgresql(where: str) -> bool:
    """Whether a URL is one of PostgreSQL, as its own client library reads them."""
    return where.startswith(("postgresql://", "postgres://"))


class PostgreSql(Backend):
    """A database of PostgreSQL.

    Args:
        url: ``postgresql://user:password@host:port/database`` and whatever else the client library knows
            (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).

    Raises:
        StoreError: the driver is not installed, or the URL is none.
    """

    dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
    shared = True
    written: Any = literal_column("call_records.written_by", BigInteger)
    """The transaction that wrote it: the column has that as its default, and none but this database has it."""
    settled: Any = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1", BigInteger)
    """Transactions below the oldest that runs are over."""

    def __init__(self, url: str) -> None:
        self._psycopg = _driver()
        try:
            given = self._psycopg.conninfo.conninfo_to_dict(url)
        except self._psycopg.ProgrammingError as error:
            said = " ".join(str(error).replace(url, "…").split())  # there may be a password in it
            raise StoreError(f"the database's URL cannot be read: {said}; docs/operations.md has an example") from None
        user, host, port = (str(given.get(each) or "") for each in ("user", "host", "port"))
        place = (f"{user}@" if user else "") + host + (f":{port}" if port else "")
        self.name = f"postgresql://{place}/{given.get('dbname') or ''}"
        ours = f"-c lock_timeout={BUSY_MS} -c idle_in_transaction_session_timeout={ABANDONED_MS}"
        options = f"{ours} {given.get('options') or ''}".strip()  # Of one that is named twice the later holds.
        self._conninfo = self._psycopg.conninfo.make_conninfo(**{**_DEFAULTS, **given, "options": options})

    def prepare(self) -> None:
        """The database itself is made by its administrator."""

    def engine(self) -> Engine:
        """Connections go by the client library's reading of the URL, not by SQLAlchemy's."""
        engine = create_engine("postgresql+psycopg://", creator=self._connect, poolclass=NullPool, use_native_hstore=False)
        event.listen(engine, "connect", self._check)
        event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
        return engine

    def _connect(self) -> psycopg.Connection[Any]:
        return cast("psycopg.Connection[Any]", self._psycopg.connect(self._conninfo))

    def _check(self, connection: Any, _record: Any) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreError(f"the database {self.name} has the encoding {encoding}; make it anew with ENCODING 'UTF8'")

    def reading(self, *, several: bool) -> dict[str, Any]:
        """One statement needs no transaction around it; several need one that sees one moment."""
        if several:
            return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return {"isolation_level": "AUTOCOMMIT"}

    def lock(self, connection: Connection, *, waits: bool) -> None:
        """An advisory lock, so that what reads first and then writes need not be started over. Grouped rows do not take it."""
        if waits:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))

    @contextmanager
    def rows(self, connection: Connection) -> Iterator[Cursor]:
        """The driver sends the rows of a statement without waiting for the reply to each (pipeline mode)."""
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        with driver.transaction(), driver.cursor() as cursor:
            yield cast(Cursor, cursor)

    @contextmanager
    def alone(self, cursor: Cursor) -> Iterator[None]:
        """Within a savepoint."""
        with cast("psycopg.Cursor[Any]", cursor).connection.transaction():
            yield

    def insert(self, table: Table) -> Any:
        """PostgreSQL's."""
        return postgresql.insert(table)

    def refuses(self, error: Exception) -> bool:
        """Whatever the server or the driver says, but what it says of a row's values."""
        if isinstance(error, StoreError | SQLAlchemyError):
            return True
        of_a_row = self._psycopg.DataError, self._psycopg.IntegrityError
        return isinstance(error, self._psycopg.Error) and not isinstance(error, of_a_row)

    def lost(self, error: Exception) -> bool:
        """Operational errors: the server went, the network did, or it was stopped; a second attempt does no harm."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        return isinstance(cause, self._psycopg.OperationalError | self._psycopg.InterfaceError)

    def spoils(self, error: Exception) -> bool:
        """All but what a single row can cause."""
        if isinstance(error, SQLAlchemyError):
            return not isinstance(error, IntegrityError | DataError)
        return isinstance(error, self._psycopg.Error) and self.refuses(error)

    def fitting(self, column: Column[Any]) -> Callable[[Any], Any] | None:
        """Texts have lengths here, and integers have 32 bits."""
        if type(column.type) is Integer:
            return _within
        length = column.type.length if isinstance(column.type, String) else None
        return None if length is None else lambda value: value[:length] if isinstance(value, str) else value


def _without_nul(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> tuple[str, Any]:
    """Texts of PostgreSQL have no NUL: who looks for one finds nothing, as there is nothing with the sign that stands for it."""
    return sql, [_cleaned(each) for each in values] if many else _cleaned(values)


def _cleaned(values: Any) -> Any:
    if isinstance(values, dict):
        return {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in values.items()}
    return tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in values)


def _within(value: Any) -> Any:
    return max(-_MOST - 1, min(value, _MOST)) if isinstance(value, int) else value


def _driver() -> Any:
    """The driver, loaded where it is needed alone."""
    try:
        import psycopg  # noqa: PLC0415
        import psycopg.conninfo  # noqa: PLC0415
    except ImportError as error:
        raise StoreError(f"PostgreSQL needs its driver ({error}): pip install 'offhook[postgresql]'") from None
    return psycopg
