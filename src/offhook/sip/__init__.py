"""SIP: messages, transactions, dialogs and INVITE usages as a core without I/O, and the asyncio stack around it."""

from __future__ import annotations

from offhook.sip import sdp
from offhook.sip.core import Core, CoreParts
from offhook.sip.digest import Credentials
from offhook.sip.errors import HeaderError, SdpError, SipBindError, SipParseError
from offhook.sip.headers import Address, CSeq, Via
from offhook.sip.invite import (
    Acknowledged,
    Answered,
    Cancelled,
    Ended,
    IncomingInvite,
    InfoReceived,
    InviteDialog,
    InviteEvent,
    Lost,
    OutgoingInvite,
    Progressed,
    Rang,
    Reanswered,
    Refused,
    Reinvited,
)
from offhook.sip.message import Message, Request, Response, parse_message
from offhook.sip.stack import SipSettings, Stack
from offhook.sip.tls import Tls, TlsFiles
from offhook.sip.uri import NameAddr, Uri

__all__ = [
    "Acknowledged",
    "Address",
    "Answered",
    "CSeq",
    "Cancelled",
    "Core",
    "CoreParts",
    "Credentials",
    "Ended",
    "HeaderError",
    "IncomingInvite",
    "InfoReceived",
    "InviteDialog",
    "InviteEvent",
    "Lost",
    "Message",
    "NameAddr",
    "OutgoingInvite",
    "Progressed",
    "Rang",
    "Reanswered",
    "Refused",
    "Reinvited",
    "Request",
    "Response",
    "SdpError",
    "SipBindError",
    "SipParseError",
    "SipSettings",
    "Stack",
    "Tls",
    "TlsFiles",
    "Uri",
    "Via",
    "parse_message",
    "sdp",
]
