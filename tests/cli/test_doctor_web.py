"""``offhook doctor``: names, web servers, clocks and certificates, each real."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Awaitable, Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

from offhook.cli.doctor import machine, names, web
from offhook.cli.doctor.certificates import certificate
from offhook.cli.doctor.finding import Finding, Level
from offhook.settings import Settings, load
from offhook.testing.live import Customer, Reply, free_port

LOOPBACK = "127.0.0.1"
NOW = dt.datetime.now(dt.UTC)
AUTHORITY = trustme.CA()
T = TypeVar("T")


def run(work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())


@pytest.fixture
def customer() -> Iterator[Customer]:
    customer = Customer()
    yield customer
    customer.close()


@pytest.fixture
def dev(tmp_path: Path) -> Settings:
    return load(environment={}, flags={"data": str(tmp_path / "data"), "allow_private_urls": "true"})


def with_url(settings: Settings, url: str, **more: str) -> Settings:
    return load(environment={}, flags={"data": str(settings.data), "allow_private_urls": "true", "answer_url": url, **more})


# -- names --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def name_server() -> Iterator[int]:
    """Refuses every query, as a name server may: that is an answer too. First comes a stray datagram."""

    def serve() -> None:
        while True:
            query, peer = bound.recvfrom(512)
            if query == b"stop":
                return
            bound.sendto(b"??", peer)
            bound.sendto(query[:2] + struct.pack("!HHHHH", 0x8185, 1, 0, 0, 0) + query[12:], peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((LOOPBACK, 0))
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"stop", bound.getsockname())
            thread.join()


def test_a_name_server_that_answers_is_well_and_one_that_does_not_is_named(dev: Settings, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# ours\nsearch example.com\nnameserver 127.0.0.1\n")
    with name_server() as port:
        finding = run(names.resolver(dev, file, port))
        assert finding.level is Level.OK
        assert "127.0.0.1 answers in" in finding.found
        file.write_text("nameserver 127.0.0.1\nnameserver 127.0.0.2\n")
        half = run(names.resolver(dev, file, port))
        assert half.level is Level.WARNING
        assert "127.0.0.2 does not" in half.found
    dead = run(names.resolver(dev, file, free_port()))
    assert dead.level is Level.WARNING
    assert "no name server answers (127.0.0.1, 127.0.0.2)" in dead.found


def test_the_names_of_the_settings_are_looked_up(dev: Settings) -> None:
    assert "no host names" in run(names.known(with_url(dev, "http://127.0.0.1/"))).found
    finding = run(names.known(with_url(dev, "http://localhost/")))
    assert finding.level is Level.OK
    assert "localhost is " in finding.found
    assert " ms)" in finding.found
    unknown = run(names.known(with_url(dev, "http://localhost/", public_address="nobody.invalid")))
    assert unknown.level is Level.PROBLEM
    assert "nobody.invalid" in unknown.found


# -- URLs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "level", "word"),
    [
        (Reply(), Level.OK, "answers HEAD with 200"),
        (Reply(status=405), Level.OK, "calls ask by GET or POST"),
        (Reply(status=302, headers={"Location": "/else"}), Level.OK, "leads to /else"),
        (Reply(status=401), Level.WARNING, "wants to know who asks"),
        (Reply(status=503), Level.WARNING, "503"),
    ],
)
def test_a_web_server_is_asked_and_its_status_told(
    reply: Reply, level: Level, word: str, customer: Customer, dev: Settings
) -> None:
    customer.says("/answer", reply)
    finding = run(web.reachable(dev, "answer_url", customer.url("/answer") + "?a=b#ct=5"))
    assert finding.level is level
    assert word in finding.found
    [seen] = customer.requests("/answer")
    assert seen.method == "HEAD"
    assert seen["a"] == "b"


def test_a_private_address_is_refused_unless_it_is_allowed(customer: Customer, tmp_path: Path) -> None:
    settings = load(environment={}, flags={"data": str(tmp_path)})
    for url in (customer.url("/answer"), customer.url("/answer").replace(LOOPBACK, "localhost")):
        finding = run(web.reachable(settings, "answer_url", url))
        assert finding.level is Level.PROBLEM
        assert "not an address of the open internet" in finding.found
        assert "serve --dev" in finding.remedy
    assert customer.seen == []


def test_passwords_are_not_shown(customer: Customer, dev: Settings) -> None:
    finding = run(web.reachable(dev, "answer_url", customer.url("/answer").replace("//", "//me:secret@")))
    assert "secret" not in finding.found


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://127.0.0.1:{free}/", "connection refused"),
        ("http://", "no host"),
        ("http://[::1", "is no URL"),
        ("http://127.0.0.1:99999/", "is no URL"),
        ("http://nobody.invalid/", "is not known"),
    ],
)
def test_a_url_that_cannot_be_asked_is_a_problem(url: str, word: str, dev: Settings) -> None:
    finding = run(web.reachable(dev, "answer_url", url.format(free=free_port())))
    assert finding.level is Level.PROBLEM
    assert word in finding.found
    assert finding.remedy


@contextlib.contextmanager
def server(says: bytes | None, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Takes one connection after another and says this; ``None``: nothing, ever."""
    closing = threading.Event()
    listening = socket.create_server((LOOPBACK, 0))
    listening.settimeout(0.05)

    def serve() -> None:
        kept = []
        while not closing.is_set():
            with contextlib.suppress(OSError):
                taken, _ = listening.accept()
                taken.settimeout(5)
                kept.append(taken if context is None else context.wrap_socket(taken, server_side=True))
                if says is not None:
                    kept[-1].recv(4096)
                    kept[-1].sendall(says)
                    kept.pop().close()
        for each in kept:
            each.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        closing.set()
        thread.join()
        listening.close()


def test_what_does_not_speak_http_is_told(dev: Settings) -> None:
    with server(b"SSH-2.0-OpenSSH_9.2\r\n\r\n") as port:
        finding = run(web.reachable(dev, "answer_url", f"http://{LOOPBACK}:{port}/"))
    assert finding.level is Level.PROBLEM
    assert "does not reply in HTTP" in finding.found


def test_a_server_that_says_nothing_is_not_waited_for_long(dev: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "REPLY_S", 0.3)
    with server(None) as port:
        finding = run(web.reachable(dev, "answer_url", f"http://{LOOPBACK}:{port}/"))
    assert finding.level is Level.PROBLEM
    assert "does not reply within 0.3 s" in finding.found


def secured(name: str = "localhost", authority: trustme.CA = AUTHORITY, days: float = 100) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = authority.issue_cert(name, not_before=NOW - dt.timedelta(days=300), not_after=NOW + dt.timedelta(days=days))
    made.configure_cert(context)
    return context


def believing(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for each in authorities:
        each.configure_trust(context)
    return context


def over_tls(dev: Settings, serving: ssl.SSLContext, *authorities: trustme.CA) -> Finding:
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", serving) as port:
        return run(web.reachable(dev, "answer_url", f"https://localhost:{port}/", believing(*authorities)))


def test_a_good_certificate_says_for_how_long(dev: Settings) -> None:
    finding = over_tls(dev, secured(), AUTHORITY)
    assert finding.level is Level.OK
    assert "good for 99 days" in finding.found


def test_a_certificate_that_ends_soon_is_warned_of(dev: Settings) -> None:
    finding = over_tls(dev, secured(days=5.5), AUTHORITY)
    assert finding.level is Level.WARNING
    assert "5 days" in finding.found


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        (lambda: secured(days=-1), "has expired"),
        (lambda: secured("other.example"), "for another name than localhost"),
        (lambda: secured(authority=trustme.CA()), "authority that this machine does not know"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_in_words(serving: object, words: str, dev: Settings) -> None:
    finding = over_tls(dev, serving(), AUTHORITY)  # type: ignore[operator]
    assert finding.level is Level.PROBLEM
    assert words in finding.found


def test_https_to_a_port_that_speaks_http_is_told(customer: Customer, dev: Settings) -> None:
    finding = run(web.reachable(dev, "answer_url", customer.url("/").replace("http:", "https:")))
    assert finding.level is Level.PROBLEM
    assert "does not speak TLS" in finding.found


def test_every_url_is_asked_once(customer: Customer, dev: Settings) -> None:
    customer.says("/answer", Reply())
    settings = with_url(dev, customer.url("/answer"), hangup_url=customer.url("/answer"), fallback_url=customer.url("/else"))
    findings = run(web.urls(settings))
    assert [finding.name for finding in findings] == ["answer_url", "fallback_url"]
    assert len(customer.seen) == 2


# -- the clock ----------------------------------------------------------------------------------------------------------


def test_the_clock_is_held_against_the_web_servers(customer: Customer, dev: Settings) -> None:
    settings = with_url(dev, customer.url("/answer"))
    customer.says("/answer", Reply())
    assert "within 5 s of the answer URL's server" in run(machine.clock(settings)).found
    late = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=90)
    customer.says("/answer", Reply(headers={"Date": format_datetime(late, usegmt=True)}))
    finding = run(machine.clock(settings))
    assert finding.level is Level.WARNING
    assert "s ahead of" in finding.found
    assert "chrony" in finding.remedy
    customer.says("/answer", Reply(headers={"Date": "yesterday"}))
    assert "not compared" in run(machine.clock(settings)).found


def test_the_flag_of_a_time_service_counts(tmp_path: Path) -> None:
    (tmp_path / "synchronized").write_text("")
    assert machine.synchronised(tmp_path / "synchronized") is True
    assert machine.synchronised(tmp_path / "absent") in {True, False, None}


# -- certificates in files ----------------------------------------------------------------------------------------------


def written(folder: Path, made: trustme.LeafCert, name: str = "node") -> tuple[Path, Path]:
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(key))
    key.chmod(0o600)
    return chain, key


def lasting(days: float, authority: trustme.CA = AUTHORITY) -> trustme.LeafCert:
    begins, ends = NOW - dt.timedelta(days=300), NOW + dt.timedelta(days=days)
    return authority.issue_cert("sip.example.com", not_before=begins, not_after=ends)


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(90, Level.OK, "good for 89 days"), (3.5, Level.WARNING, "expires in 3 days"), (-2, Level.PROBLEM, "expired on")],
)
def test_how_long_a_certificate_is_good_is_told(days: float, level: Level, words: str, tmp_path: Path) -> None:
    finding = run(certificate(*written(tmp_path, lasting(days))))
    assert (finding.level, words in finding.found) == (level, True), finding
    assert "sip.example.com" in finding.found


def test_an_intermediate_that_expires_first_counts(tmp_path: Path) -> None:
    chain, key = written(tmp_path, lasting(90))
    expired, _ = written(tmp_path, lasting(-1), "old")
    chain.write_bytes(chain.read_bytes() + expired.read_bytes())
    assert run(certificate(chain, key)).level is Level.PROBLEM


def test_key_and_certificate_may_stand_in_one_file(tmp_path: Path) -> None:
    chain, key = written(tmp_path, lasting(90))
    chain.write_bytes(chain.read_bytes() + key.read_bytes())
    chain.chmod(0o600)
    assert run(certificate(chain)).level is Level.OK


def test_files_that_are_no_pair_or_nothing_at_all_are_a_problem(tmp_path: Path) -> None:
    chain, key = written(tmp_path, lasting(90))
    _, other = written(tmp_path, lasting(90), "other")
    (tmp_path / "text").write_text("hello")
    assert "is not the key" in run(certificate(chain, other)).found
    assert "cannot be read" in run(certificate(tmp_path / "absent", key)).found
    for pair in ((tmp_path / "text", key), (chain, tmp_path / "text")):
        finding = run(certificate(*pair))
        assert finding.level is Level.PROBLEM
        assert "PEM" in finding.remedy


def test_a_key_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    chain, key = written(tmp_path, lasting(90))
    key.chmod(0o644)
    finding = run(certificate(chain, key))
    assert finding.level is Level.WARNING
    assert f"chmod 600 {key}" in finding.remedy


def test_a_self_signed_certificate_is_warned_of(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "own.pem"))
    authority.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    (tmp_path / "own.key").chmod(0o600)
    finding = run(certificate(tmp_path / "own.pem", tmp_path / "own.key"))
    assert finding.level is Level.WARNING
    assert "self-signed" in finding.found


def test_without_the_package_cryptography_the_pair_is_still_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = written(tmp_path, lasting(90))
    _, other = written(tmp_path, lasting(90), "other")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert "not known without" in run(certificate(chain, key)).found
    assert run(certificate(chain, other)).level is Level.PROBLEM
