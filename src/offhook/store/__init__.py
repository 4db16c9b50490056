"""What is written down: accounts, applications, numbers, call records, timelines, and notifications that wait for delivery."""

from offhook.store.database import StoreError
from offhook.store.inspection import Contents, contents, faults
from offhook.store.shelf import OutboxShelf
from offhook.store.store import Account, Number, Store

__all__ = [
    "Account",
    "Contents",
    "Number",
    "OutboxShelf",
    "Store",
    "StoreError",
    "contents",
    "faults",
]
