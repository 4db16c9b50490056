"""SIP.js, the library of browsers' phones, calls a node and is called: SIP over WebSocket (RFC 7118), plain and over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from strangers import RtpEnd, Samples, SipJs, heard, installed, parted, samples, sounding

from offhook.audio import Playlist, Track
from offhook.clock import Clock
from offhook.events import Event, Observe, SipReceived
from offhook.ids import Ids
from offhook.legs import NotAnswered, OutgoingLeg, dialling_endpoint
from offhook.media import Clips, nothing_fetched
from offhook.node import Node, running
from offhook.records import Application, SipEndpoint
from offhook.settings import load
from offhook.sip import NameAddr, Secret
from offhook.store import Store
from offhook.testing.live import Customer, NodeProcess, document, likeness, samples_of, sweep_wav

LOOPBACK = "127.0.0.1"
PASSWORD = "open sesame 1"
NUMBER = f"sip:14155550199@{LOOPBACK}"
OURS = sweep_wav(0.6)
CALLER = NameAddr.parse(f"<sip:14155550100@{LOOPBACK}>")
LIMIT_S = 40
SCHEMES = ("ws", "wss")


@dataclass(frozen=True)
class Web:
    """A node as browsers reach it."""

    node: NodeProcess
    server: str
    authority: Path


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phone's program, installed once."""
    return installed(tmp_path_factory.mktemp("browser") / "sipjs")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the node's certificate, ``node.pem``, and that of its authority, ``ca.pem``."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.issue_cert(LOOPBACK).private_key_and_cert_chain_pem.write_to_path(str(folder / "node.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder


def settings_of(scheme: str, certificates: Path) -> dict[str, str]:
    """What a node needs to be reached by this kind of URL."""
    secure = {"http_tls": "true", "tls_certificate": str(certificates / "node.pem"), "sip_tls": "0"}
    return {"strangers": "refuse", "drain_s": "2", **(secure if scheme == "wss" else {})}


async def add_users(data: Path, *users: str, answer_url: str = "http://nobody.invalid/", **urls: str) -> None:
    """Endpoints whose calls one application runs."""
    store = await Store.open(data / "offhook.db", clock=Clock())
    account, _ = await store.ensure_account(None, None)
    application = Application(Ids().app_id(), account.auth_id, "of browsers", answer_url, **urls)
    await store.add_application(application)
    secrets = {user: Secret.of(user, "offhook", PASSWORD) for user in users}
    await store.telephony.set_endpoints(
        [
            SipEndpoint(user, account.auth_id, Ids().endpoint_id(), user, secret.md5, secret.sha256, application.app_id)
            for user, secret in secrets.items()
        ]
    )
    await store.aclose()


@pytest.fixture(scope="module", params=SCHEMES)
def web(
    request: pytest.FixtureRequest,
    program: Path,  # first: without it no node is needed
    _customer: Customer,
    certificates: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Web]:
    """A node that takes calls of alice and bob, and of nobody else."""
    data = tmp_path_factory.mktemp(request.param) / "data"
    node = NodeProcess(data, **settings_of(request.param, certificates))
    urls = {"answer_url": _customer.url("/answer"), "hangup_url": _customer.url("/hangup")}
    asyncio.run(add_users(data, "alice", "bob", **urls))
    yield Web(node, f"{request.param}://{LOOPBACK}:{node.http_port}/sip", certificates / "ca.pem")
    assert node.stop() == 0, node.log.read_text()[-3000:]


@pytest.fixture
def browser(program: Path, opened: ExitStack, tmp_path: Path) -> Callable[..., SipJs]:
    """Start browsers."""

    def start(user: str, server: str, authority: Path, password: str = PASSWORD, **wishes: str) -> SipJs:
        phone = SipJs(program, tmp_path / "browser", user=user, password=password, server=server, authority=authority, **wishes)
        opened.callback(phone.close)
        return phone

    return start


@pytest.fixture
def alice(web: Web, browser: Callable[..., SipJs]) -> SipJs:
    """Alice's."""
    return browser("alice", web.server, web.authority)


@pytest.fixture
def bob(web: Web, browser: Callable[..., SipJs]) -> SipJs:
    """Bob's, which has registered."""
    phone = browser("bob", web.server, web.authority)
    phone.do("register")
    assert phone.wait_for("registered")["status"] == 200
    return phone


@pytest.fixture
def end(opened: ExitStack) -> RtpEnd:
    """Where alice's sound comes and goes."""
    return opened.enter_context(RtpEnd())


@pytest.fixture
def other_end(opened: ExitStack) -> RtpEnd:
    """Where bob's does."""
    return opened.enter_context(RtpEnd())


def call(phone: SipJs, end: RtpEnd, name: str = "it") -> None:
    """Call the node, and wait for its answer."""
    phone.do("call", call=name, uri=NUMBER, port=end.port)
    phone.wait_for("established", call=name)


def requests(web: Web, call_uuid: str) -> list[str]:
    """What has come from the caller in the course of a call: methods."""
    return [str(row.facts["message"]) for row in web.node.timeline(call_uuid) if row.kind == "sip-received"]


# -- it registers and calls --------------------------------------------------------------------------------------------


def test_it_registers_and_again_and_goes_away(web: Web, alice: SipJs, browser: Callable[..., SipJs]) -> None:
    contacts = []
    for what in ("register", "register", "unregister"):
        alice.do(what)
        told = alice.wait_for("registered")
        assert told["status"] == 200
        contacts.append(told["contacts"])
    assert [len(each) for each in contacts] == [1, 1, 0]
    assert contacts[0][0].startswith("<sip:")
    assert ".invalid;transport=ws" in contacts[0][0]
    alice.do("keep_alive")
    alice.says("CRLF Keep Alive response")
    stranger = browser("alice", web.server, web.authority, password="guessed")
    stranger.do("register")
    assert stranger.wait_for("registered")["status"] == 403


def test_prompt_hold_resume_keys_and_the_node_s_bye(web: Web, menu: Customer, alice: SipJs, end: RtpEnd, prompt: Samples) -> None:
    call(alice, end)
    end.wait_for_audio(40)
    alice.do("hold", call="it")
    assert alice.wait_for("media", direction="recvonly")
    before = len(end.audio())
    with pytest.raises(AssertionError, match="packets of audio came"):
        end.wait_for_audio(before + 20, timeout_s=1.2)
    alice.do("resume", call="it")
    end.wait_for_audio(before + 60)
    for part in parted(end.audio(), 0.8):
        assert likeness(prompt, sounding(samples(part))) > 0.97
    alice.do("press", call="it", key="4")
    alice.do("press", call="it", key="#")
    [chosen] = menu.wait_for("/chosen")
    assert (chosen["Digits"], chosen["SIPAuthUser"], chosen["From"]) == ("4", "alice", f"sip:alice@{LOOPBACK}")
    alice.wait_for("terminated")
    menu.wait_for("/hangup")
    rows = web.node.timeline(chosen["CallUUID"])
    assert [row.facts["direction"] for row in rows if row.kind == "media-agreed"] == ["sendrecv", "recvonly", "sendrecv"]
    assert [(row.facts["digit"], row.facts["via"]) for row in rows if row.kind == "digit-received"] == [
        ("4", "info"),
        ("#", "info"),
    ]


def test_it_hangs_up_or_gives_up_before_the_answer(web: Web, menu: Customer, alice: SipJs, end: RtpEnd) -> None:
    call(alice, end, "answered")
    alice.do("hang_up", call="answered")
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCauseCode"]) == ("Caller", "4000")
    menu.says("/answer", document('<PreAnswer><Wait length="20"/></PreAnswer>'))
    alice.do("call", call="ringing", uri=NUMBER, port=end.port)
    alice.wait_for("progress", status=183)
    alice.do("hang_up", call="ringing")
    alice.wait_for("refused", status=487)
    hangup = menu.wait_for("/hangup", count=2)[1]
    assert (hangup["HangupSource"], hangup["HangupCause"]) == ("Caller", "ORIGINATOR_CANCEL")
    assert requests(web, hangup["CallUUID"]).count("CANCEL") == 1


@pytest.mark.parametrize("reliable", ["Supported", "Required"])
def test_early_media_and_then_the_answer(
    reliable: str, web: Web, menu: Customer, browser: Callable[..., SipJs], end: RtpEnd, prompt: Samples
) -> None:
    """With 100rel (RFC 3262), by a phone that can do without and by one that will not."""
    menu.says(
        "/answer",
        document("<PreAnswer><Play>/sweep.wav</Play></PreAnswer>", '<GetDigits action="/chosen" numDigits="1"/>'),
    )
    phone = browser("alice", web.server, web.authority, reliable=reliable)
    phone.do("call", call="it", uri=NUMBER, port=end.port, early=True)
    phone.wait_for("progress", status=183)
    end.wait_for_audio(40)
    assert not any(each["event"] == "established" for each in phone.events)
    assert likeness(prompt, sounding(samples(end.audio()))) > 0.97
    phone.wait_for("established")
    phone.do("press", call="it", key="7")
    [chosen] = menu.wait_for("/chosen")
    phone.wait_for("terminated")
    assert requests(web, chosen["CallUUID"]).count("PRACK") == 1


# -- transfers, and networks that break --------------------------------------------------------------------------------


def test_it_transfers_its_call_to_another_browser(
    menu: Customer, alice: SipJs, bob: SipJs, end: RtpEnd, other_end: RtpEnd, prompt: Samples
) -> None:
    call(alice, end)
    alice.do("refer", call="it", to=f"sip:bob@{LOOPBACK}")
    assert alice.wait_for("referred")["status"] == 202
    called = bob.wait_for("called")
    alice.wait_for("notified", text="SIP/2.0 180 Ringing")
    bob.do("accept", call=called["call"], port=other_end.port)
    alice.wait_for("notified", text="SIP/2.0 200 OK")
    alice.wait_for("terminated")
    other_end.wait_for_audio(50)
    assert likeness(prompt, sounding(samples(other_end.audio()))) > 0.97  # the prompt goes on where it was
    bob.do("press", call=called["call"], key="8")
    bob.do("press", call=called["call"], key="#")
    assert menu.wait_for("/chosen")[0]["Digits"] == "8"
    bob.wait_for("terminated")
    assert len(menu.wait_for("/hangup")) == 1


def test_a_call_goes_on_with_whoever_replaces_the_caller(
    menu: Customer, alice: SipJs, bob: SipJs, end: RtpEnd, other_end: RtpEnd, prompt: Samples
) -> None:
    call(alice, end)
    alice.do("identify", call="it")
    replaces = alice.wait_for("identity")["replaces"]
    bob.do("call", call="taken", uri=NUMBER, port=other_end.port, fields=[f"Replaces: {replaces}"])
    bob.wait_for("established")
    alice.wait_for("terminated")
    other_end.wait_for_audio(50)
    assert likeness(prompt, sounding(samples(other_end.audio()))) > 0.97
    bob.do("hang_up", call="taken")
    [hangup] = menu.wait_for("/hangup")
    assert hangup["HangupSource"] == "Caller"
    assert len(menu.requests("/answer")) == 1


def test_two_calls_to_the_node_cannot_be_made_one(menu: Customer, alice: SipJs, end: RtpEnd, other_end: RtpEnd) -> None:
    """Each has a document of its own: there is nobody at the other end to be connected."""
    call(alice, end, "first")
    call(alice, other_end, "second")
    alice.do("refer", call="first", to="second")
    assert alice.wait_for("referred")["status"] == 603
    for number, name in enumerate(("first", "second"), 1):
        for key in "1#":
            alice.do("press", call=name, key=key)
        alice.wait_for("terminated", call=name)
        menu.wait_for("/chosen", count=number)


def test_a_call_outlives_its_connection(web: Web, menu: Customer, alice: SipJs, end: RtpEnd) -> None:
    call(alice, end)
    end.wait_for_audio(10)
    alice.do("drop")
    alice.wait_for("disconnected")
    end.wait_for_audio(len(end.audio()) + 25)
    assert menu.requests("/hangup") == []
    alice.do("reconnect")
    alice.do("press", call="it", key="5")
    alice.do("press", call="it", key="#")
    assert menu.wait_for("/chosen")[0]["Digits"] == "5"
    alice.wait_for("terminated")  # our BYE has found the new connection
    [hangup] = menu.wait_for("/hangup")
    assert hangup["HangupCauseCode"] == "4000"


# -- it is called ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def a_node(scheme: str, certificates: Path, data: Path) -> AsyncIterator[tuple[Node, str]]:
    """A node in this process that knows carol, and where browsers find it."""
    flags = {"data": str(data), "sip": f"{LOOPBACK}:0", "http": f"{LOOPBACK}:0", "rtp_ports": "5000-5998"}
    await add_users(data, "carol")
    async with running(load(environment={}, flags={**flags, **settings_of(scheme, certificates)})) as node:
        yield node, f"{scheme}://{LOOPBACK}:{node.parts.http.port}/sip"


def ringing(node: Node, observe: Observe | None = None) -> AbstractAsyncContextManager[OutgoingLeg]:
    """Ring carol wherever she is registered."""
    stack, media, reached = node.parts.stack, node.parts.media, node.parts.telephony.registrar.reach("carol")
    return dialling_endpoint(stack, media, reached, ids=Ids(), caller=CALLER, observe=observe)


async def speak(leg: OutgoingLeg, folder: Path) -> None:
    """Say our sweep, once."""
    (folder / "ours.wav").write_bytes(OURS)
    clips = Clips(folder / "clips", nothing_fetched, wall=lambda: Clock().wall().timestamp())
    try:
        await leg.play(Playlist((Track((await clips.from_file(folder / "ours.wav"),)),))).wait()
    finally:
        await clips.aclose()


class Called:
    """What happens when we ring carol's browser."""

    def __init__(self, node: Node, phone: SipJs, end: RtpEnd, folder: Path) -> None:
        self._node, self._phone, self._end, self._folder = node, phone, end, folder

    async def _ask(self, what: str, **how: object) -> None:
        await asyncio.to_thread(self._phone.do, what, **how)

    async def _told(self, event: str, **facts: object) -> dict[str, Any]:
        return await asyncio.to_thread(self._phone.wait_for, event, **facts)

    async def _when_it_rings(self, what: str, **how: object) -> str:
        """Give a command about the call that comes in; returns its name."""
        called = await self._told("called")
        assert called["caller"] == str(CALLER.uri)
        await self._ask(what, call=called["call"], **how)
        return str(called["call"])

    async def and_answers(self, speech: Samples) -> None:
        """Both are heard, we refresh the session, its key arrives, and it hangs up."""
        accepted = asyncio.ensure_future(self._when_it_rings("accept", port=self._end.port))
        received: list[tuple[str, str]] = []

        def note(event: Event) -> None:
            if isinstance(event, SipReceived):
                received.append((event.message, event.cseq))

        async with ringing(self._node, note) as leg:
            name, media = await accepted, await self._told("media")
            listening = asyncio.ensure_future(heard(leg, 0.95))
            await asyncio.to_thread(self._end.say, speech, (media["host"], media["port"]))
            assert likeness(await listening, speech) > 0.9
            self._end.packets.clear()
            await speak(leg, self._folder)
            assert likeness(sounding(samples(self._end.audio())), samples_of(OURS)) > 0.97
            leg._dialog.reinvite(leg._dialog.described)  # as the session timer does it: SIP.js knows none (RFC 4028)
            await until(lambda: ("200 OK", "2 INVITE") in received)
            with leg.listen() as digits:
                await self._ask("press", call=name, key="7")
                assert (await digits.get()).key == "7"
            await self._ask("hang_up", call=name)
            await leg.ended()

    async def and_refuses(self) -> None:
        """We are told with what."""
        refused = asyncio.ensure_future(self._when_it_rings("reject", status=486))
        with pytest.raises(NotAnswered) as refusal:
            async with ringing(self._node):
                pass
        await refused
        assert refusal.value.status == 486

    async def until_we_give_up(self) -> None:
        """It is told."""

        async def ring() -> None:
            async with ringing(self._node):
                raise AssertionError("it was answered")

        waiting = asyncio.ensure_future(ring())
        called = await self._told("called")
        waiting.cancel()
        await self._told("cancelled", call=called["call"])

    async def but_is_gone(self) -> None:
        """Without its connection nobody can ring it, and by a new one it is back."""
        await self._ask("drop")
        await self._told("disconnected")
        await until(lambda: self._node.parts.stack.connections == 0)
        with pytest.raises(NotAnswered) as refusal:
            async with ringing(self._node):
                pass
        assert refusal.value.ending.telephony == "USER_NOT_REGISTERED"
        await self._ask("reconnect")
        await self._ask("register")
        await self.and_refuses()


async def until(reached: Callable[[], bool]) -> None:
    """Wait for something; the test's own time limit ends it."""
    while not reached():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_called(
    scheme: str, certificates: Path, browser: Callable[..., SipJs], end: RtpEnd, speech: bytes, tmp_path: Path
) -> None:
    async def scene() -> None:
        data = tmp_path / "node"
        async with asyncio.timeout(LIMIT_S), a_node(scheme, certificates, data) as (node, server):
            phone = await asyncio.to_thread(browser, "carol", server, certificates / "ca.pem")
            await asyncio.to_thread(phone.do, "register")
            called = Called(node, phone, end, tmp_path)
            await called.and_answers(samples_of(speech))
            await called.and_refuses()
            await called.until_we_give_up()
            await called.but_is_gone()

    (tmp_path / "node").mkdir()
    asyncio.run(scene())
