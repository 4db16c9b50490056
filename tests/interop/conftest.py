"""Strangers around a node: a node in its own process, a customer's web server, and other people's SIP programs before it.

``transport`` is a parameter of every test that has a choice; another one is one more word in ``TRANSPORTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from strangers import Kamailio, Linphone, Papers, RtpEnd, Rtpengine, Sipp, Sofia, Softphone

from offhook.testing.live import Customer, NodeProcess, Reply, document, samples_of, sweep_wav

TRANSPORTS = ("udp", "tcp")
SWEEP = sweep_wav(1.0)
PROMPT = '<GetDigits action="/chosen" numDigits="5" timeout="20" finishOnKey="#"><Play loop="0">/sweep.wav</Play></GetDigits>'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs programs of others."""
    for each in items:
        if Path(__file__).parent in each.path.parents:
            each.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def _customer() -> Iterator[Customer]:
    customer = Customer()
    yield customer
    customer.close()


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """The authority that all of this folder believe in when they speak TLS."""
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="session")
def node(_customer: Customer, papers: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that asks the customer's /answer and tells /hangup, for all tests of this folder."""
    started = NodeProcess(
        tmp_path_factory.mktemp("node") / "data",
        *("--answer-url", _customer.url("/answer"), "--hangup-url", _customer.url("/hangup")),
        sip_tls="0",
        tls_certificate=str(papers.local),
        tls_authorities=str(papers.authority),
    )
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]


@pytest.fixture
def menu(_customer: Customer) -> Customer:
    """The customer's web server: plays a sweep over and over and wants keys; then it hangs up."""
    _customer.forget()
    _customer.says("/sweep.wav", Reply(SWEEP, content_type="audio/wav"))
    _customer.says("/answer", document(PROMPT))
    _customer.says("/chosen", document("<Hangup/>"))
    return _customer


@pytest.fixture
def prompt() -> npt.NDArray[np.float64]:
    """What ``menu`` plays, twice: any stretch of up to a second of the endless prompt is in here."""
    return np.tile(samples_of(SWEEP), 2)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """How signalling travels."""
    return str(request.param)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Strangers are closed with this, the last one first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def softphone(opened: ExitStack, tmp_path: Path) -> Callable[..., Softphone]:
    """Start softphones."""

    def start(**wishes: object) -> Softphone:
        phone = Softphone(tmp_path / "softphone", **wishes)  # type: ignore[arg-type]
        opened.callback(phone.close)
        return phone

    return start


@pytest.fixture
def speech() -> bytes:
    """A WAV of what strangers say: a sweep that falls, as ours rise."""
    return sweep_wav(1.0, low_hz=3000, high_hz=400)


@pytest.fixture
def linphone(opened: ExitStack, tmp_path: Path, speech: bytes) -> Callable[..., Linphone]:
    """Start Linphones that say ``speech``."""

    def start(**wishes: object) -> Linphone:
        (tmp_path / "speech.wav").write_bytes(speech)
        phone = Linphone(tmp_path / "linphone", tmp_path / "speech.wav", **wishes)  # type: ignore[arg-type]
        opened.callback(phone.close)
        return phone

    return start


@pytest.fixture
def sipp(node: NodeProcess, opened: ExitStack, tmp_path: Path) -> Callable[..., Sipp]:
    """Play a scenario, against the node unless told otherwise."""

    def start(scenario: str, peer: str | None = None, **wishes: object) -> Sipp:
        player = Sipp(scenario, peer or f"127.0.0.1:{node.sip_port}", tmp_path, **wishes)  # type: ignore[arg-type]
        opened.callback(player.close)
        return player

    return start


@pytest.fixture(scope="session")
def _sofia_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Sofia.compiled(tmp_path_factory.mktemp("sofia"))


@pytest.fixture
def sofia(_sofia_program: Path, opened: ExitStack, tmp_path: Path) -> Callable[..., Sofia]:
    """Start phones on Sofia-SIP, each with options of ``sofia.c`` and an end for its sound."""

    def start(**options: str | int) -> Sofia:
        phone = Sofia(_sofia_program, tmp_path, opened.enter_context(RtpEnd()), **options)
        opened.callback(phone.close)
        return phone

    return start


@pytest.fixture
def rtpengine(opened: ExitStack, tmp_path: Path) -> Rtpengine:
    """A media relay."""
    relay = Rtpengine(tmp_path / "rtpengine")
    opened.callback(relay.close)
    return relay


@pytest.fixture
def edge(node: NodeProcess, papers: Papers, opened: ExitStack, tmp_path: Path) -> Callable[..., Kamailio]:
    """Start a Kamailio in front of the node: ``inside`` is the transport between them, ``outside`` that of the callers, ``relay``
    an rtpengine's port.
    """

    def start(inside: str, relay: int | None = None, *, outside: str = "udp", sound_only: bool = False) -> Kamailio:
        target = node.uri(transport=inside).replace("14155550199@", "")
        known = papers if "tls" in {inside, outside} else None
        started = Kamailio.edge(tmp_path / "edge", target, relay=relay, sound_only=sound_only, papers=known)
        opened.callback(started.close)
        return started

    return start


@pytest.fixture
def proxy(opened: ExitStack, tmp_path: Path) -> Callable[..., Kamailio]:
    """Start a Kamailio that phones register with, and that challenges callers."""

    def start(relay: int | None = None, **more: object) -> Kamailio:
        started = Kamailio.proxy(tmp_path / "proxy", relay=relay, **more)  # type: ignore[arg-type]
        opened.callback(started.close)
        return started

    return start
