"""Bringing a database to the tables of this version. Alembic is only loaded when there is something to do: it is slow to load."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from offhook.store.tables import HEAD


def migrate(connection: Connection) -> bool:
    """Run the steps that are missing, in the connection's own transaction.

    Returns:
        Whether there were any.
    """
    if _version(connection) == HEAD:
        return False
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
