"""Kamailio in front of the node, as dispatcher and record-routing edge: everything of a call goes through it, both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from strangers import Kamailio, Papers, Rtpengine, Samples, Softphone, touch_tones

from offhook.testing.live import Customer, NodeProcess, document, likeness

WAYS = [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp"), ("tls", "tls"), ("tls", "udp"), ("udp", "tls")]
"""The caller's transport and the node's. Where they differ, Kamailio records itself twice."""


@pytest.mark.parametrize(
    ("outside", "inside", "relayed"), [(*WAYS[0], False), (*WAYS[1], False), (*WAYS[2], True), (*WAYS[3], True), (*WAYS[4], True)]
)
def test_prompt_hold_resume_keys_and_the_node_s_bye(
    outside: str,
    inside: str,
    relayed: bool,
    node: NodeProcess,
    menu: Customer,
    edge: Callable[..., Kamailio],
    softphone: Callable[..., Softphone],
    papers: Papers,
    prompt: Samples,
    request: pytest.FixtureRequest,
) -> None:
    """Directly, and with a media relay between. Where the caller's signalling is secret, so is the sound."""
    relay: Rtpengine | None = request.getfixturevalue("rtpengine") if relayed else None
    kamailio = edge(inside, None if relay is None else relay.port, outside=outside)
    phone = softphone(papers=papers, sealed=outside == "tls")
    phone.do("dial", uri=kamailio.uri("14155550199", outside))
    phone.wait_for("established")
    assert likeness(prompt, phone.hears(0.8)) > 0.97
    phone.do("hold")
    phone.falls_silent()
    phone.do("resume")
    assert likeness(prompt, phone.hears(0.6)) > 0.97
    phone.do("press", keys="42#")
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    phone.wait_for("closed")
    menu.wait_for("/hangup")
    agreed = [row.facts for row in node.timeline(chosen["CallUUID"]) if row.kind == "media-agreed"]
    assert [each["direction"] for each in agreed] == ["sendrecv", "recvonly", "sendrecv"]
    assert [relay is not None and relay.relays(str(each["remote"])) for each in agreed] == [relayed] * 3
    assert {str(each.get("srtp") or "")[:6] for each in agreed} == {"AES_CM" if outside == "tls" else ""}
    assert (kamailio.passed("INVITE"), kamailio.passed("ACK"), kamailio.passed("BYE")) == (3, 3, 1)


@pytest.mark.parametrize(("outside", "inside"), WAYS)
def test_the_caller_hangs_up(
    outside: str, inside: str, menu: Customer, edge: Callable[..., Kamailio], softphone: Callable[..., Softphone], papers: Papers
) -> None:
    kamailio, phone = edge(inside, outside=outside), softphone(papers=papers)
    phone.do("dial", uri=kamailio.uri("14155550199", outside))
    phone.wait_for("established")
    phone.do("hang_up")
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCauseCode"]) == ("Caller", "4000")
    assert (kamailio.passed("INVITE"), kamailio.passed("ACK"), kamailio.passed("BYE")) == (1, 1, 1)


def test_early_media_is_heard_and_the_caller_gives_up(
    transport: str, menu: Customer, edge: Callable[..., Kamailio], softphone: Callable[..., Softphone], prompt: Samples
) -> None:
    menu.says("/answer", document('<PreAnswer><Play loop="0">/sweep.wav</Play></PreAnswer>'))
    kamailio, phone = edge(transport), softphone()
    phone.do("dial", uri=kamailio.uri("14155550199", transport))
    phone.wait_for("progress")
    assert likeness(prompt, phone.hears(0.6)) > 0.97
    phone.do("hang_up")
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCause"]) == ("Caller", "ORIGINATOR_CANCEL")
    assert (kamailio.passed("CANCEL"), kamailio.passed("BYE")) == (1, 0)


def test_a_caller_without_telephone_events_is_understood_by_his_sound(
    node: NodeProcess,
    menu: Customer,
    edge: Callable[..., Kamailio],
    rtpengine: Rtpengine,
    softphone: Callable[..., Softphone],
    tmp_path: Path,
) -> None:
    """What the caller sends is sound, all the way through the relay: the node finds the keys in it."""
    keys = tmp_path / "keys.raw"
    keys.write_bytes(touch_tones("42#"))
    kamailio, phone = edge("udp", rtpengine.port, sound_only=True), softphone()
    phone.do("dial", uri=kamailio.uri("14155550199"))
    phone.wait_for("established")
    phone.hears(0.3)
    phone.do("say", file=str(keys))
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    phone.wait_for("closed")
    assert {row.facts["via"] for row in node.timeline(chosen["CallUUID"]) if row.kind == "digit-received"} == {"inband"}
