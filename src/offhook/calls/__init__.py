"""Calls: what a call is. The interpreter, one module for each element, routing and closing, over ports that others implement."""

from offhook.calls.call import Call
from offhook.calls.policy import CallSettings
from offhook.calls.ports import (
    Clips,
    Digits,
    Directory,
    Facts,
    Hooks,
    Leg,
    Playback,
    Records,
    Reply,
    Speech,
)
from offhook.calls.routing import DefaultApplication
from offhook.calls.service import Service
from offhook.calls.status import CallStatus
from offhook.calls.timeline import Sink, describe

__all__ = [
    "Call",
    "CallSettings",
    "CallStatus",
    "Clips",
    "DefaultApplication",
    "Digits",
    "Directory",
    "Facts",
    "Hooks",
    "Leg",
    "Playback",
    "Records",
    "Reply",
    "Service",
    "Sink",
    "Speech",
    "describe",
]
