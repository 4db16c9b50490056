"""Where the stores of tests stand: in files of SQLite; with ``OFFHOOK_TEST_DATABASE=postgresql``, in a server of their own."""

from __future__ import annotations

import asyncio
import atexit
import functools
import hashlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from offhook.clock import Clock
from offhook.store import Store

ON_POSTGRESQL = os.environ.get("OFFHOOK_TEST_DATABASE", "") == "postgresql"
"""Whether the stores of tests that leave it open stand in PostgreSQL."""
START_S = 60.0
_USER = "offhook"
_FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60", "jit=off")
_TEMPLATE = "with_tables"


def database_in(folder: Path) -> Path | str:
    """The database of a folder: its file ``offhook.db``, or a database of its own in the server that all tests share."""
    if not ON_POSTGRESQL:
        return folder / "offhook.db"
    return shared_cluster().database(hashlib.sha256(str(folder).encode()).hexdigest()[:24])


@functools.cache
def shared_cluster() -> Cluster:
    """The server that the tests of this process share; it is stopped at the end."""
    cluster = Cluster()
    atexit.register(cluster.remove)
    return cluster


def postgresql_program(name: str) -> str | None:
    """Where a program of the server is: Debian keeps them off the path."""
    found = [*Path("/usr/lib/postgresql").glob(f"*/bin/{name}")]
    newest = max(found, key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0, default=None)
    return str(newest) if newest is not None else shutil.which(name)


class Cluster:
    """A server of PostgreSQL with nothing in it, in a folder of its own, reached by a Unix socket.

    It keeps nothing safe from a crash of the machine, and is the faster for it.

    Raises:
        RuntimeError: PostgreSQL is not installed, or does not start.
    """

    def __init__(self) -> None:
        initdb = postgresql_program("initdb")
        if initdb is None:
            raise RuntimeError("PostgreSQL is not installed (Debian: postgresql)")
        self.folder = Path(tempfile.mkdtemp(prefix="offhook-pg-"))
        self._as = _who()
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self._numbers = itertools.count(1)
        self._made: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        command = [initdb, "-D", str(self.folder / "data"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        done = subprocess.run(command, capture_output=True, check=False, cwd=self.folder, timeout=120, **self._as)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.decode()[-500:]}")
        self.start()

    def url(self, name: str) -> str:
        """Of a database."""
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it takes connections; nothing where it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        settings = [part for each in _FAST for part in ("-c", each)]
        program = postgresql_program("postgres")
        assert program is not None
        command = [program, "-D", str(self.folder / "data"), "-k", str(self.folder), "-c", "listen_addresses=", *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as)  # noqa: S603
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-1000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        import psycopg  # noqa: PLC0415 - tests on SQLite do without

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT cuts all connections and shuts down in order, SIGQUIT is a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)

    def remove(self) -> None:
        """Stop it, and remove all that it has written."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the server's administrator. Returns its rows."""
        import psycopg  # noqa: PLC0415

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def database(self, name: str = "", *, empty: bool = False) -> str:
        """The URL of a database; made at the first time that its name is asked for.

        Args:
            name: without one it is a new one.
            empty: without tables; else it has those of this version, which saves making them again for each test.
        """
        name = name or f"new{next(self._numbers)}"
        if not empty and _TEMPLATE not in self._made:
            with ThreadPoolExecutor(1) as thread:  # a loop may be running in this one
                thread.submit(asyncio.run, _with_tables(self.database(_TEMPLATE, empty=True))).result()
        if name not in self._made:
            self.run(f'CREATE DATABASE "{name}" TEMPLATE "{"template0" if empty else _TEMPLATE}"')
            self._made.add(name)
        return self.url(name)


async def _with_tables(url: str) -> None:
    await (await Store.open(url, clock=Clock())).aclose()


def _who() -> dict[str, Any]:
    """Whom the server runs as: it refuses to be root's."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user 'postgres' nor 'nobody'")
