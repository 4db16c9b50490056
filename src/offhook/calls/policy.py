"""What an operator decides about calls."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.routing import DefaultApplication


@dataclass(frozen=True, slots=True)
class CallSettings:
    """The settings that calls look at; the node makes them from its own."""

    auth_id: str
    """The main account: owner of calls that no application takes."""
    default: DefaultApplication | None = None
    """Runs numbers that have no application."""
    hangup_defaults_to_answer: bool = True
    """Without a hangup URL the answer URL gets the hangup request (reference ``callbacks.md`` section 4.5)."""
    nearest_voice: bool = True
    """A ``Speak`` whose voice is unknown is spoken with the nearest; else its document is invalid (``xml.md`` section 1.6)."""
    max_calls: int | None = None
    """Calls of one account at once, in and out; B legs do not count. ``None``: as many as the node takes."""
    max_dial_targets: int = 10
    """Legs that one ``Dial`` may call at once; the others are refused with 1020 (``xml.md`` section 9.2)."""
    max_fetches: int = 1000
    """Documents that one call may fetch: a loop of the customer's ends there, with 5010 (``xml.md`` section 1.8)."""
