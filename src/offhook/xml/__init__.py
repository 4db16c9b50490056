"""The XML language: bytes to elements and back, by one table. Pure; never raises for what a customer wrote."""

from offhook.xml.elements import (
    DTMF,
    ELEMENTS,
    TABLE,
    Attribute,
    Conference,
    Dial,
    Document,
    Element,
    GetDigits,
    GetInput,
    Hangup,
    Markup,
    Message,
    MultiPartyCall,
    Number,
    Play,
    PreAnswer,
    Record,
    Redirect,
    Speak,
    Stream,
    User,
    Wait,
)
from offhook.xml.parse import Parsed, parse
from offhook.xml.problems import Problem, Severity
from offhook.xml.serialise import serialise
from offhook.xml.sip_headers import sip_headers
from offhook.xml.tree import MAX_BYTES
from offhook.xml.voices import POLLY, PollyVoice

__all__ = [
    "DTMF",
    "ELEMENTS",
    "MAX_BYTES",
    "POLLY",
    "TABLE",
    "Attribute",
    "Conference",
    "Dial",
    "Document",
    "Element",
    "GetDigits",
    "GetInput",
    "Hangup",
    "Markup",
    "Message",
    "MultiPartyCall",
    "Number",
    "Parsed",
    "Play",
    "PollyVoice",
    "PreAnswer",
    "Problem",
    "Record",
    "Redirect",
    "Severity",
    "Speak",
    "Stream",
    "User",
    "Wait",
    "parse",
    "serialise",
    "sip_headers",
]
