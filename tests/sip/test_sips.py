"""Dialogs that begin with a SIPS URI (RFC 3261 sections 8.1.1.8 and 12.1.1)."""

from __future__ import annotations

import pytest

from offhook.sip import NameAddr, Uri, parse_message


@pytest.mark.parametrize(
    ("uri", "transport", "contact"),
    [
        ("sips:bob@192.0.2.2", "tls", "<sips:bob@192.0.2.2:5060>"),
        ("sip:bob@192.0.2.2;transport=tls", "tls", "<sip:bob@192.0.2.2:5060;transport=tls>"),
        ("sips:bob@192.0.2.2", "udp", "<sip:bob@192.0.2.2:5060>"),  # a proxy that has gone on without TLS comes back without
    ],
)
def test_whoever_is_called_by_a_sips_uri_says_that_he_is_one(peer, uri, transport, contact) -> None:
    peer.transport = transport
    invite = peer.dial(uri=uri)
    invite.accept(b"answer")
    assert parse_message(peer.net.log[-1][3]).header("contact") == contact
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    peer.send(peer.request("INVITE", branch="z9hG4bKre", cseq=2, to_tag=invite.local_tag, body=b"v=0\r\n"))
    invite.answer_reinvite(b"answer")
    again = parse_message(peer.net.log[-1][3]).header("contact")
    assert again is not None
    assert again.startswith("<sips:") == contact.startswith("<sips:")


@pytest.mark.parametrize(("uri", "scheme"), [("sips:bob@192.0.2.2", "sips"), ("sip:bob@192.0.2.2;transport=tls", "sip")])
def test_whoever_calls_a_sips_uri_is_one(net, alice, offer, uri, scheme) -> None:
    caller = net.core(alice, transports=frozenset({"udp", "tls"}))
    caller.invite(Uri.parse(uri), caller=NameAddr.parse("<sip:alice@a.example>"), body=offer)
    [invite] = net.messages("INVITE")
    assert invite.via.transport == "TLS"
    assert invite.contact.uri.scheme == scheme
    assert invite.contact.uri.transport == (None if scheme == "sips" else "tls")
