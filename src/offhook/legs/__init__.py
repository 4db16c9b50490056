"""Legs: where signalling meets media. One SIP dialog and one media slot are one ``Leg``.

``accepting``, ``dialling`` and ``dialling_number`` own a leg's lifetime: whatever happens in the block, the leg is released and
freed at its end.
"""

from __future__ import annotations

from offhook.legs import offer_answer
from offhook.legs.addresses import dialling_address
from offhook.legs.contacts import dialling_endpoint, first_answered
from offhook.legs.facts import LegFacts
from offhook.legs.incoming import IncomingLeg
from offhook.legs.leg import Leg, Place
from offhook.legs.numbers import ANONYMOUS, PRIVACY, dialling_number, terms_of
from offhook.legs.offer_answer import Agreement, Local, NoCommonCodec, Secrecy, Terms
from offhook.legs.outgoing import NotAnswered, OutgoingLeg
from offhook.legs.placing import accepting, dialling

__all__ = [
    "ANONYMOUS",
    "PRIVACY",
    "Agreement",
    "IncomingLeg",
    "Leg",
    "LegFacts",
    "Local",
    "NoCommonCodec",
    "NotAnswered",
    "OutgoingLeg",
    "Place",
    "Secrecy",
    "Terms",
    "accepting",
    "dialling",
    "dialling_address",
    "dialling_endpoint",
    "dialling_number",
    "first_answered",
    "offer_answer",
    "terms_of",
]
