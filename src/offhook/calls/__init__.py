"""Calls: what a call is. The interpreter, one module for each element, routing and closing, over ports that others implement."""

from offhook.calls.answering import Detection, Judge, Tuning, Verdict
from offhook.calls.b_legs import BLeg
from offhook.calls.call import Call
from offhook.calls.departures import Departures, NoMoreCalls, TooManyCalls
from offhook.calls.keys import Row
from offhook.calls.keys import read as read_keys
from offhook.calls.live_sound import PLAY, SPEAK, Audience, Manner, NoAudio, Which, audience, silence
from offhook.calls.live_texts import Unspeakable
from offhook.calls.onward import NoBLeg, Onward
from offhook.calls.outbound import DEFAULT_LIMIT_S, RING_S, Placement
from offhook.calls.policy import CallSettings
from offhook.calls.ports import (
    AnyLeg,
    Archive,
    Clips,
    Dialler,
    Digits,
    Directory,
    Facts,
    Hooks,
    Leg,
    Order,
    Playback,
    Records,
    Reply,
    Speech,
    Tape,
    Unanswered,
)
from offhook.calls.recording import Callback, Party, Recorder, RecordingTerms, begin_and_end_ms
from offhook.calls.routing import DefaultApplication
from offhook.calls.service import Service
from offhook.calls.status import CallStatus
from offhook.calls.timeline import Sink, describe
from offhook.calls.timelines import Timelines

__all__ = [
    "DEFAULT_LIMIT_S",
    "PLAY",
    "RING_S",
    "SPEAK",
    "AnyLeg",
    "Archive",
    "Audience",
    "BLeg",
    "Call",
    "CallSettings",
    "CallStatus",
    "Callback",
    "Clips",
    "DefaultApplication",
    "Departures",
    "Detection",
    "Dialler",
    "Digits",
    "Directory",
    "Facts",
    "Hooks",
    "Judge",
    "Leg",
    "Manner",
    "NoAudio",
    "NoBLeg",
    "NoMoreCalls",
    "Onward",
    "Order",
    "Party",
    "Placement",
    "Playback",
    "Recorder",
    "RecordingTerms",
    "Records",
    "Reply",
    "Row",
    "Service",
    "Sink",
    "Speech",
    "Tape",
    "Timelines",
    "TooManyCalls",
    "Tuning",
    "Unanswered",
    "Unspeakable",
    "Verdict",
    "Which",
    "audience",
    "begin_and_end_ms",
    "describe",
    "read_keys",
    "silence",
]
