"""B legs: whom a ``Dial`` calls, what becomes of each of them, and the talk with the one that is connected.

``targets`` reads the element, ``branch`` is the life of one leg, ``ringback`` what the caller hears meanwhile, ``bridge`` the
talk, ``attempt`` holds them together, ``outcome`` says in the words of the web hooks how it went.
"""

from offhook.calls.dialling.attempt import Attempt
from offhook.calls.dialling.outcome import Result
from offhook.calls.dialling.targets import Target, targets_of

__all__ = ["Attempt", "Result", "Target", "targets_of"]
