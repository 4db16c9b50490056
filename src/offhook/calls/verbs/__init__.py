"""One module for each element: ``run`` does it, ``about`` says in a few words what it is about to do.

Adding an element is one dataclass in ``xml`` and one module here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from offhook import xml
from offhook.calls.call import Call, Next
from offhook.calls.verbs import dial, dtmf, get_digits, hangup, message, play, pre_answer, redirect, speak, wait

__all__ = ["VERBS", "Verb"]


@dataclass(frozen=True, slots=True)
class Verb:
    """How an element is run."""

    run: Callable[[Any, Call], Awaitable[Next | None]]
    about: Callable[[Any], str]


VERBS: dict[type[xml.Element], Verb] = {
    xml.Speak: Verb(speak.run, speak.about),
    xml.Play: Verb(play.run, play.about),
    xml.DTMF: Verb(dtmf.run, dtmf.about),
    xml.GetDigits: Verb(get_digits.run, get_digits.about),
    xml.Dial: Verb(dial.run, dial.about),
    xml.Redirect: Verb(redirect.run, redirect.about),
    xml.Hangup: Verb(hangup.run, hangup.about),
    xml.Wait: Verb(wait.run, wait.about),
    xml.PreAnswer: Verb(pre_answer.run, pre_answer.about),
    xml.Message: Verb(message.run, message.about),
}
