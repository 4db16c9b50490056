"""``Redirect``: go on with the document of another URL (reference ``xml.md`` section 12)."""

from __future__ import annotations

from offhook.calls.call import Call, Next
from offhook.causes import UrlKind
from offhook.xml import Redirect


def about(element: Redirect) -> str:
    """The URL."""
    return element.url


async def run(element: Redirect, call: Call) -> Next | None:  # noqa: ARG001 - a verb's signature
    """Name the next document; the call is not answered for it."""
    return Next(element.url, element.method, UrlKind.REDIRECT, {})
