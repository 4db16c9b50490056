"""The XML language: bytes to elements and back, by one table. Pure; never raises for what a customer wrote."""

from offhook.xml.elements import (
    DTMF,
    ELEMENTS,
    TABLE,
    Conference,
    Dial,
    Document,
    GetDigits,
    GetInput,
    Hangup,
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
from offhook.xml.table import Attribute, Element, Markup
from offhook.xml.tree import MAX_BYTES

__all__ = [
    "DTMF",
    "ELEMENTS",
    "MAX_BYTES",
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
