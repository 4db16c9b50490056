"""Points Plivo's Python SDK, unmodified, at an Offhook node.

    import plivo
    import plivo_here

    plivo_here.use("http://127.0.0.1:8080")
    client = plivo.RestClient("MA…", "…")

The SDK has no setting for its host, but it looks its addresses up in its own module each time it sends a request. Whether
``use`` is called before or after a client is made does not matter. Without an argument it takes ``OFFHOOK_URL``.
"""

import os

import plivo.rest.client as sdk

ADDRESSES = ("PLIVO_API_BASE_URI", "API_VOICE_BASE_URI", "API_VOICE_BASE_URI_FALLBACK_1", "API_VOICE_BASE_URI_FALLBACK_2")


def use(node: str | None = None) -> None:
    """Send every request of every client in this process to a node, such as ``https://voice.example.com``."""
    base = (node or os.environ["OFFHOOK_URL"]).rstrip("/")
    for name in ADDRESSES:
        if not hasattr(sdk, name):
            raise RuntimeError(f"this version of the SDK has no {name}: look for its addresses in {sdk.__file__}")
        setattr(sdk, name, base + "/v1/Account")
    sdk.CALLINSIGHTS_BASE_URL = base
