"""How an attempt went, in one word of a few, for figures."""

from __future__ import annotations

from offhook.events import HttpAttempted

_CLASSES = {2: "ok", 3: "redirect", 4: "client-error", 5: "server-error"}


def outcome_of(attempt: HttpAttempted) -> str:
    """``ok``, ``redirect``, ``client-error``, ``server-error``, ``given-up``, or the reason for which there was no answer."""
    if attempt.error:
        return attempt.error.partition(":")[0].replace(" ", "-")
    if attempt.status is None:
        return "given-up"
    return "ok" if attempt.status == 304 else _CLASSES.get(attempt.status // 100, "other")
