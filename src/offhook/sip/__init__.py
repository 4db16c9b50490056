"""SIP: messages, transactions, dialogs and INVITE usages as a core without I/O, and the asyncio stack around it."""

from __future__ import annotations

from offhook.sip import sdp, trunking
from offhook.sip.admission import Admission, Caller
from offhook.sip.core import Core, CoreParts
from offhook.sip.defence import Defence
from offhook.sip.digest import Credentials
from offhook.sip.errors import HeaderError, SdpError, SipBindError, SipParseError
from offhook.sip.guard import Guard, Secret
from offhook.sip.headers import Address, CSeq, Via
from offhook.sip.identity import Signer, Verification, Verifier
from offhook.sip.invite import (
    Acknowledged,
    Answered,
    Cancelled,
    EarlyAnswer,
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
    Referred,
    Refused,
    Reinvited,
)
from offhook.sip.message import Message, Request, Response, parse_message
from offhook.sip.names import OwnAddress
from offhook.sip.registrar import Reach, Registrar
from offhook.sip.requests import IncomingRequest
from offhook.sip.sending import Sending
from offhook.sip.stack import UDP_BUFFER_BYTES, SipSettings, Stack
from offhook.sip.tls import Tls, TlsFiles
from offhook.sip.transfer import Referral
from offhook.sip.transports import Framing
from offhook.sip.trunking import Trunks
from offhook.sip.uri import NameAddr, Uri

__all__ = [
    "UDP_BUFFER_BYTES",
    "Acknowledged",
    "Address",
    "Admission",
    "Answered",
    "CSeq",
    "Caller",
    "Cancelled",
    "Core",
    "CoreParts",
    "Credentials",
    "Defence",
    "EarlyAnswer",
    "Ended",
    "Framing",
    "Guard",
    "HeaderError",
    "IncomingInvite",
    "IncomingRequest",
    "InfoReceived",
    "InviteDialog",
    "InviteEvent",
    "Lost",
    "Message",
    "NameAddr",
    "OutgoingInvite",
    "OwnAddress",
    "Progressed",
    "Rang",
    "Reach",
    "Reanswered",
    "Referral",
    "Referred",
    "Refused",
    "Registrar",
    "Reinvited",
    "Request",
    "Response",
    "SdpError",
    "Secret",
    "Sending",
    "Signer",
    "SipBindError",
    "SipParseError",
    "SipSettings",
    "Stack",
    "Tls",
    "TlsFiles",
    "Trunks",
    "Uri",
    "Verification",
    "Verifier",
    "Via",
    "parse_message",
    "sdp",
    "trunking",
]
