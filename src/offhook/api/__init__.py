"""The HTTP side of a node: whether it is alive and ready, and the REST API."""

from offhook.api.accounts import Accounts
from offhook.api.context import ApiSettings, Desk
from offhook.api.frame import Api
from offhook.api.live import LiveCalls, NoLiveCalls, RunningCall
from offhook.api.rooms import Conferences, MultiPartyCalls, NotPossible, Streams
from offhook.api.scrape import Scrape
from offhook.api.server import HttpServer

__all__ = [
    "Accounts",
    "Api",
    "ApiSettings",
    "Conferences",
    "Desk",
    "HttpServer",
    "LiveCalls",
    "MultiPartyCalls",
    "NoLiveCalls",
    "NotPossible",
    "RunningCall",
    "Scrape",
    "Streams",
]
