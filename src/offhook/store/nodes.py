"""Which nodes use a database, and what becomes of what one that is gone has left.

A node closes the calls and delivers the notifications that it has left itself, at its next start. Where several share a database,
another does it for one that does not come back.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from offhook.records import LiveCall, Notification
from offhook.store import tables
from offhook.store.backend import StoreError
from offhook.store.database import Database
from offhook.store.rows import utc, value_of
from offhook.store.shelf import notification_of

FILE = "node-id"


def node_id(folder: Path) -> str:
    """The id of the node that a data folder belongs to; made, and kept in the file ``node-id``, at its first start.

    Raises:
        StoreError: the file holds something else, or cannot be made.
    """
    path = folder / FILE
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(f"{uuid.uuid4()}\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    found = known_node_id(folder)
    if not found:
        raise StoreError(f"{path} does not hold a node's id; remove it, and the next start makes a new one")
    return found


def known_node_id(folder: Path) -> str:
    """The id that stands in a data folder; empty where there is none."""
    try:
        return str(uuid.UUID((folder / FILE).read_text("ascii", "replace").strip()))
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class Left:
    """What a node that is gone has left."""

    calls: list[LiveCall]
    notifications: list[Notification]
    """The oldest first."""


class Nodes:
    """The nodes that share a database, by their heartbeats.

    Args:
        own: the id of this one; empty: this process is no node, but a command that looks in.
    """

    def __init__(self, database: Database, own: str) -> None:
        self._database = database
        self.own = own

    @property
    def shared(self) -> bool:
        """Whether other nodes may use the database."""
        return self._database.backend.shared

    async def others(self) -> dict[str, datetime]:
        """When each of the others last lived, by its own clock."""
        columns = tables.heartbeats.c
        query = select(columns.node, columns.beat_at).where(columns.node != self.own)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.node: row.beat_at.replace(tzinfo=UTC) for row in rows}

    async def adopt(self, node: str, beat_at: datetime) -> Left | None:
        """Take over what a node has left that has not lived since ``beat_at``; of several that try, one gets it.

        Returns:
            What is this node's from now on: the calls are to be closed, the notifications delivered. ``None``: it lives, or
            another one was first.
        """
        beats, calls, outbox = tables.heartbeats, tables.live_calls, tables.outbox

        def work(connection: Connection) -> Left | None:
            same = beats.c.node == node, beats.c.beat_at == utc(beat_at)
            if not connection.execute(delete(beats).where(*same)).rowcount:
                return None
            left = connection.execute(select(calls).where(calls.c.node == node)).mappings().all()
            waiting = select(outbox).where(outbox.c.node == node).order_by(outbox.c.position)
            notifications = connection.execute(waiting).mappings().all()
            for table in (calls, outbox):
                connection.execute(update(table).where(table.c.node == node).values(node=self.own))
            return Left([value_of(LiveCall, row) for row in left], [notification_of(row) for row in notifications])

        return await self._database.write(work)
