"""Requests to customers' web servers: documents, notifications, audio files; signed, retried, guarded."""

from offhook.hooks.courier import Shelf
from offhook.hooks.guard import is_public
from offhook.hooks.hooks import MEDIA_LIMIT, XML_LIMIT, Hooks, HookSettings, MediaReply, Reply
from offhook.hooks.memory_shelf import MemoryShelf
from offhook.hooks.policy import Policy, Trouble, read_policy
from offhook.hooks.signature import Tokens, signature_headers, websocket_headers
from offhook.hooks.target import redacted

__all__ = [
    "MEDIA_LIMIT",
    "XML_LIMIT",
    "HookSettings",
    "Hooks",
    "MediaReply",
    "MemoryShelf",
    "Policy",
    "Reply",
    "Shelf",
    "Tokens",
    "Trouble",
    "is_public",
    "read_policy",
    "redacted",
    "signature_headers",
    "websocket_headers",
]
