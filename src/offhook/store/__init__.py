"""What is written down: accounts, applications, numbers, call records, timelines, and notifications that wait for delivery."""

from offhook.store.archive import Archive
from offhook.store.backend import StoreBusy, StoreError
from offhook.store.history import CallFilter
from offhook.store.inspection import Contents, contents, emptied, faults, size
from offhook.store.nodes import known_node_id, node_id
from offhook.store.notices import CannotRetry, Notice, State
from offhook.store.numbers import NumberTaken, country_of, digits_of
from offhook.store.paging import Page
from offhook.store.places import Place
from offhook.store.recordings import RecordingFilter, RecordingShelf
from offhook.store.shelf import OutboxShelf
from offhook.store.store import Account, Number, Store

__all__ = [
    "Account",
    "Archive",
    "CallFilter",
    "CannotRetry",
    "Contents",
    "Notice",
    "Number",
    "NumberTaken",
    "OutboxShelf",
    "Page",
    "Place",
    "RecordingFilter",
    "RecordingShelf",
    "State",
    "Store",
    "StoreBusy",
    "StoreError",
    "contents",
    "country_of",
    "digits_of",
    "emptied",
    "faults",
    "known_node_id",
    "node_id",
    "size",
]
