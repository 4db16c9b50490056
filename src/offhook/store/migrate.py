"""Bringing a database to the tables of this version. Alembic is only loaded when there is something to do: it is slow to load."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from offhook.store.backend import StoreError
from offhook.store.tables import HEAD


def migrate(connection: Connection) -> bool:
    """Run the steps that are missing, in the connection's own transaction: all or none, and only one process at a time.

    Returns:
        Whether there were any.

    Raises:
        StoreError: a newer version of Offhook has made this database.
    """
    version = _version(connection)
    if version == HEAD:
        return False
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"the database is at version {version}, this program knows {HEAD}: it was made by a newer Offhook; "
            "start that one, or restore a backup from before the update"
        ) from None
    return True


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
