"""Which application runs a call."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.ports import Directory
from offhook.records import Application


@dataclass(frozen=True, slots=True)
class DefaultApplication:
    """What answers numbers that have no application: ``serve --answer-url``."""

    application: Application


async def route(called: str, directory: Directory, default: DefaultApplication | None) -> Application | None:
    """The number's own application, else the default one, else ``None``: the call is refused with 404."""
    found = await directory.application_for(called)
    if found is not None:
        return found
    return default.application if default is not None else None
