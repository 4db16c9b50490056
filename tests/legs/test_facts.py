"""What an INVITE says about its call."""

from __future__ import annotations

import pytest

from offhook.legs import facts
from offhook.sip import Request, Uri, parse_message


def invite(*fields: str, uri: str = "sip:14155550100@192.0.2.1", caller: str = "<sip:+14155550199@192.0.2.9>") -> Request:
    head = [f"INVITE {uri} SIP/2.0", f"From: {caller};tag=1", "To: <sip:x@y>", "Call-ID: c1", "CSeq: 1 INVITE", *fields]
    request = parse_message("\r\n".join([*head, "Content-Length: 0", "", ""]).encode())
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sip:+14155550100@a.example", "14155550100"),
        ("sip:14155550100;phone-context=x@a.example", "14155550100"),
        ("sip:1-415-555-0100@a.example", "14155550100"),
        ("tel:+14155550100", "14155550100"),
        ("sip:bob@a.example", "sip:bob@a.example"),
        ("sip:bob%20smith@a.example", "sip:bob smith@a.example"),
        ("sip:a.example", "sip:a.example"),
    ],
)
def test_numbers_are_shown_as_digits_and_others_as_sip_addresses(uri: str, shown: str) -> None:
    assert facts.party(Uri.parse(uri)) == shown


def test_who_calls_whom() -> None:
    found = facts.read(invite(caller='"Alice B." <sip:+14155550199@192.0.2.9>'), source="192.0.2.9:5060/udp")
    assert (found.from_number, found.to_number, found.to_user) == ("14155550199", "14155550100", "14155550100")
    assert (found.caller_name, found.sip_call_id, found.source) == ("Alice B.", "c1", "192.0.2.9:5060/udp")


def test_the_number_that_forwarded_the_call() -> None:
    assert (
        facts.read(invite("Diversion: <sip:+14155550122@carrier.example>;reason=user-busy"), source="").forwarded_from
        == "14155550122"
    )
    assert facts.read(invite("Diversion: garbage <"), source="").forwarded_from is None
    assert facts.read(invite(), source="").forwarded_from is None


def test_custom_headers_come_with_their_values() -> None:
    found = facts.read(invite("X-PH-Tier: gold", "x-ph-customerId:  7 ", "X-Other: no", "X-PH-: no"), source="")
    assert found.custom_headers == {"X-PH-Tier": "gold", "X-PH-customerId": "7"}


def test_a_stranger_cannot_send_endless_custom_headers() -> None:
    found = facts.read(invite(f"X-PH-Long: {'v' * 2000}", *[f"X-PH-H{number}: v" for number in range(100)]), source="")
    assert len(found.custom_headers) == facts.MAX_CUSTOM_HEADERS
    assert len(found.custom_headers["X-PH-Long"]) == facts.MAX_HEADER_CHARACTERS
