"""The HTTP side of a node. Today: whether it is alive and ready. The REST API moves in here."""

from offhook.api.server import HttpServer

__all__ = ["HttpServer"]
