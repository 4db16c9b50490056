"""What only TLS can break: whose connection a request takes, who is believed, and certificates that change under way.

The calls that are the same by every transport have it as a parameter, in the other modules of this folder.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from strangers import Kamailio, Linphone, Names, Papers, Samples, Softphone, heard

from offhook.clock import Clock
from offhook.events import Event, SipReceived, SipSent
from offhook.legs import NotAnswered, Terms
from offhook.sip import Credentials, Tls, TlsFiles
from offhook.sip.dns import Dns
from offhook.testing.live import Customer, NodeProcess, a_phone, likeness, samples_of

CALLEE = "callee"
TRUNK = Credentials("trunk", "interop password")
LIMIT_S = 40


def ours(papers: Papers, **more: object) -> dict[str, object]:
    """A phone of ours that is certified by ``papers``, and believes nobody else."""
    return {"tls": Tls(TlsFiles(papers.local, None, papers.authority)), "tls_port": 0, **more}


def test_a_phone_that_nobody_can_connect_to_is_hung_up_on_by_its_own_connection(
    node: NodeProcess, menu: Customer, softphone: Callable[..., Softphone], papers: Papers, prompt: Samples
) -> None:
    """It has no certificate, and so takes no connections: what the node sends in its dialog comes by the one it has opened."""
    phone = softphone(papers=papers, sealed=True)
    phone.do("dial", uri=node.uri(transport="tls"))
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
    rows = node.timeline(chosen["CallUUID"])
    peers = {str(row.facts["peer"]) for row in rows if row.kind in {"sip-received", "sip-sent"}}
    assert len(peers) == 1
    assert peers.pop().endswith("/tls")
    assert [str(row.facts["direction"]) for row in rows if row.kind == "media-agreed"] == ["sendrecv", "recvonly", "sendrecv"]


def test_a_phone_does_not_believe_a_node_that_another_authority_has_certified(
    node: NodeProcess, menu: Customer, softphone: Callable[..., Softphone], tmp_path: Path
) -> None:
    phone = softphone(papers=Papers(tmp_path / "elsewhere"))
    phone.do("dial", uri=node.uri(transport="tls"))
    phone.wait_for("closed")
    assert menu.requests("/answer") == []


def test_a_new_certificate_is_shown_to_new_phones_while_an_old_call_goes_on(
    menu: Customer, softphone: Callable[..., Softphone], opened: ExitStack, prompt: Samples, tmp_path: Path
) -> None:
    """Each phone believes one authority only: the first the old one, the second the new one."""
    before, after = Papers(tmp_path / "papers", "before"), Papers(tmp_path / "papers", "after")
    certificate = tmp_path / "node.pem"
    shutil.copy(before.local, certificate)
    node = NodeProcess(
        tmp_path / "data",
        *("--answer-url", menu.url("/answer"), "--hangup-url", menu.url("/hangup")),
        sip_tls="0",
        tls_certificate=str(certificate),
    )
    opened.callback(node.stop)
    first = softphone(papers=before, user="14155550101")
    first.do("dial", uri=node.uri(transport="tls"))
    first.wait_for("established")
    first.hears(0.3)

    shutil.copy(after.local, tmp_path / "new.pem")
    (tmp_path / "new.pem").replace(certificate)  # as a client of a certificate authority does
    node.process.send_signal(signal.SIGHUP)
    second = softphone(papers=after, user="14155550102")
    second.do("dial", uri=node.uri(transport="tls"))
    second.wait_for("established")
    assert likeness(prompt, second.hears(0.6)) > 0.97

    first.do("hold")  # by the connection that began with the old certificate
    first.falls_silent()
    first.do("resume")
    assert likeness(prompt, first.hears(0.6)) > 0.97
    for phone, keys in ((first, "1#"), (second, "2#")):
        phone.do("press", keys=keys)
        phone.wait_for("closed")
    assert [each["Digits"] for each in menu.wait_for("/chosen", count=2)] == ["1", "2"]


def test_a_bye_opens_a_connection_anew_where_the_one_of_the_call_is_gone(
    menu: Customer, edge: Callable[..., Kamailio], softphone: Callable[..., Softphone]
) -> None:
    """The proxy in front is started again during the call: it has lost the node's connection, and all that it knew."""
    kamailio, phone = edge("tls"), softphone()
    phone.do("dial", uri=kamailio.uri("14155550199"))
    phone.wait_for("established")
    phone.hears(0.3)
    kamailio.restart()
    phone.do("press", keys="42#")
    assert menu.wait_for("/chosen")[0]["Digits"] == "42"
    phone.wait_for("closed")
    assert kamailio.passed("BYE") == 1


def test_the_callee_of_a_sips_uri_is_found_by_its_domain_and_the_server_that_is_somebody_else_is_passed_over(
    proxy: Callable[..., Kamailio], softphone: Callable[..., Softphone], papers: Papers, opened: ExitStack, tmp_path: Path
) -> None:
    """Three servers of the domain: a port where nobody listens, a proxy that is certified for another name, and the right one,
    whose certificate is for the domain and not for its own name (RFC 5922 section 7.1).
    """
    domain = "secure.example"
    right = proxy(papers=papers, names=(domain, "127.0.0.1"))
    wrong = Kamailio.proxy(tmp_path / "wrong", papers=papers, names=("elsewhere.example",))
    opened.callback(wrong.close)
    nobody = opened.enter_context(socket.socket())
    nobody.bind(("127.0.0.1", 0))  # bound, and not listening: connections are refused
    ports = (nobody.getsockname()[1], wrong.tls_port, right.tls_port)
    names = Names(
        tmp_path / "names",
        *(f"srv-host=_sips._tcp.{domain},s{order}.{domain},{port},{order},0" for order, port in enumerate(ports)),
        *(f"host-record=s{order}.{domain},127.0.0.1" for order in range(len(ports))),
    )
    opened.callback(names.close)
    phone = softphone(user=CALLEE, server=right.at("tls"), transport="tls", papers=papers, reachable=True)
    events: list[Event] = []

    async def scene() -> None:
        asked = Dns(Clock(), nameservers=["127.0.0.1"], port=names.port, hosts=tmp_path / "none")
        async with a_phone(**ours(papers, dns=asked)) as us, asyncio.timeout(LIMIT_S):
            async with us.dial(f"sips:{CALLEE}@{domain}", credentials=TRUNK, observe=events.append) as leg:
                await asyncio.to_thread(phone.wait_for, "called")
                await asyncio.to_thread(phone.do, "answer")
                await leg.wait_answered()
            await asyncio.to_thread(phone.wait_for, "closed")

    asyncio.run(scene())
    assert (right.passed("INVITE"), right.passed("BYE"), wrong.passed("INVITE")) == (2, 1, 0)
    invites = [each.peer for each in events if isinstance(each, SipSent) and each.message == "INVITE"]
    tried = [f"127.0.0.1:{port}/tls" for port in ports]
    assert invites == [*tried, tried[-1]]  # the last once more, with the password
    assert {each.peer for each in events if isinstance(each, SipReceived)} == {tried[-1]}


def test_a_callee_behind_a_server_that_cannot_be_believed_is_not_called(
    proxy: Callable[..., Kamailio], papers: Papers, tmp_path: Path
) -> None:
    kamailio = proxy(papers=Papers(tmp_path / "elsewhere"))

    async def scene() -> NotAnswered:
        async with a_phone(**ours(papers)) as us, asyncio.timeout(LIMIT_S), us.dial(kamailio.uri(CALLEE, "tls")) as leg:
            with pytest.raises(NotAnswered) as refused:
                await leg.wait_answered()
            return refused.value

    refused = asyncio.run(scene())
    assert "TLS" in str(refused)
    assert "certificate" in str(refused)
    assert kamailio.passed("INVITE") == 0


def test_linphone_is_called_by_the_connection_that_it_registered_by(
    proxy: Callable[..., Kamailio], linphone: Callable[..., Linphone], papers: Papers, speech: bytes
) -> None:
    """It takes no connections by TLS: the proxy has no other way to it."""
    kamailio = proxy(papers=papers)
    phone = linphone(answers=True, papers=papers, sealed=True, user=CALLEE)
    phone.type(f"register sip:{CALLEE}@localhost sip:localhost:{kamailio.tls_port};transport=tls none")
    kamailio.wait_for("REGISTER", 1)

    async def scene() -> None:
        async with a_phone(**ours(papers)) as us, asyncio.timeout(LIMIT_S):
            async with us.dial(kamailio.uri(CALLEE, "tls"), credentials=TRUNK, terms=Terms(srtp="required")) as leg:
                await leg.wait_answered()
                assert likeness(await heard(leg, 0.95), samples_of(speech)) > 0.9
                phone.type("terminate")
                await leg.ended()

    asyncio.run(scene())
    assert (kamailio.passed("INVITE"), kamailio.passed("BYE")) == (2, 1)
