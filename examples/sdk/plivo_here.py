"""Points Plivo's Python SDK, unmodified, at an Offhook node.

    import plivo
    import plivo_here

    plivo_here.use("http://127.0.0.1:8080")
    client = plivo.RestClient("MA…", "…")

The SDK has no setting for its host, but it looks its addresses up in its own module each time it sends a request. Whether
``use`` is called before or after a client is made does not matter. Without an argument it takes ``OFFHOOK_URL``.

A program that shall stay as it is needs no line of this: see ``sitecustomize.py`` beside this file.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from urllib.parse import urlsplit

MODULE = "plivo.rest.client"
"""The SDK's module that holds its addresses."""
ADDRESSES = ("PLIVO_API_BASE_URI", "API_VOICE_BASE_URI", "API_VOICE_BASE_URI_FALLBACK_1", "API_VOICE_BASE_URI_FALLBACK_2")
FEEDBACK = "CALLINSIGHTS_BASE_URL"
"""Where the quality of calls is reported to; another host at Plivo, the same node here."""


def use(node: str | None = None) -> None:
    """Send every request of every client in this process to a node, such as ``https://voice.example.com``.

    Raises:
        ValueError: that is no address of a node.
        RuntimeError: this version of the SDK keeps its addresses elsewhere.
    """
    point(importlib.import_module(MODULE), node or os.environ.get("OFFHOOK_URL", ""))


def point(sdk: ModuleType, node: str) -> None:
    """Set the addresses in the SDK's module ``plivo.rest.client``."""
    base = node.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
        raise ValueError(
            f"{node!r} is no address of a node; it looks like http://127.0.0.1:8080 (argument of use, or OFFHOOK_URL)"
        )
    for name in (*ADDRESSES, FEEDBACK):
        if not hasattr(sdk, name):
            raise RuntimeError(f"this version of the SDK has no {name}: look for its addresses in {sdk.__file__}")
    for name in ADDRESSES:
        setattr(sdk, name, base + "/v1/Account")
    setattr(sdk, FEEDBACK, base)
