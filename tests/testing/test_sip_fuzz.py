"""The fuzzer of the SIP core: a short run of it, and that it sees what it is there to see."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from offhook.sip import Address
from offhook.sip.core import Core
from offhook.sip.transaction import NonInviteServer
from offhook.sip.transports import Framing
from offhook.sip.uac import Uac
from offhook.sip.uas import Uas
from offhook.testing.sip_fuzz import Report, fuzz, so_many, soak

CORPUS = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "sip" / "torture").glob("*.sip"))]


def test_a_thousand_episodes_find_nothing() -> None:
    report = fuzz(1, corpus=CORPUS, more=so_many(1000))
    assert not report.found, "\n".join(map(str, report.found))
    for name in ("INVITEs of ours", "INVITEs to us", "events", "messages received", "messages sent", "stream bytes"):
        assert report.figures[name] > 500, f"{name}: {report.figures}"


def test_conversations_that_once_found_something_find_nothing_now() -> None:
    # A session timer that began anew after our BYE.
    report = fuzz(32_069_539, more=so_many(1))
    assert not report.found, "\n".join(map(str, report.found))


def test_the_core_does_not_grow() -> None:
    soak(1, Counter(), CORPUS)


def test_an_episode_goes_the_same_way_each_time() -> None:
    first, second = (fuzz(77, corpus=CORPUS, more=so_many(15)) for _ in range(2))
    assert first.figures == second.figures


def _nothing(*_arguments: object) -> None:
    """A duty that is not done."""


def _long(core: Core, request, status, reason=None, *, headers=(), tag=None):
    return ANSWER(core, request, status, reason, headers=[*headers, ("X", "x" * 1500)], tag=tag)


def _two(transaction: NonInviteServer, response) -> None:
    RESPOND(transaction, response)
    response.status = 603
    transaction._transmit(response.to_bytes())


def _answer_acks(uas: Uas, request) -> None:
    ACK(uas, request)
    uas._core.reply(request, Address("192.0.2.1", 5060), uas._core.answer(request, 481))


def _keep(core: Core, transaction) -> None:
    core.transactions.pop(transaction.key, None)


ANSWER, RESPOND, ACK = Core.answer, NonInviteServer.respond, Uas.ack
DEFECTS = {
    "a re-INVITE is left open": (Uas, "leave", _nothing, "holds"),
    "a late CANCEL is forgotten": (Uac, "_give_up", _nothing, "has no end"),
    "answers to strangers are long": (Core, "answer", _long, "bytes longer"),
    "a request has two final responses": (NonInviteServer, "respond", _two, "in one transaction"),
    "an ACK is answered": (Uas, "ack", _answer_acks, "to an ACK"),
    "ACKs are kept": (Uac, "_forget_ack", _nothing, "_acks holds"),
    "merged requests are kept": (Core, "forget", _keep, "merged holds"),
    "a broken stream goes on": (Framing, "broken", property(lambda _: False, _nothing), "stream"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(monkeypatch, defect) -> None:
    owner, name, planted, words = DEFECTS[defect]
    monkeypatch.setattr(owner, name, planted, raising=False)

    def more(report: Report) -> bool:
        return not any(words in found.what for found in report.found) and report.figures["episodes"] < 600

    report = fuzz(1, corpus=CORPUS, more=more)
    assert any(words in found.what for found in report.found), [found.what[:90] for found in report.found]
