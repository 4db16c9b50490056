"""Which application runs a call."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.ports import Directory, Facts
from offhook.records import Application


@dataclass(frozen=True, slots=True)
class DefaultApplication:
    """What answers numbers that have no application: ``serve --answer-url``."""

    application: Application


async def route(facts: Facts, directory: Directory, default: DefaultApplication | None) -> Application | None:
    """The calling endpoint's application; else that of the number, of the trunk, the default one; else ``None``: the call is
    refused with 404.
    """
    if facts.app_id is not None:
        found = await directory.application(facts.app_id)
        if found is not None:
            return found
    found = await directory.application_for(facts.to_user)
    if found is None and facts.fallback_app_id is not None:
        found = await directory.application(facts.fallback_app_id)
    if found is not None:
        return found
    return default.application if default is not None else None
