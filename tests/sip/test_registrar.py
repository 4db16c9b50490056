"""The registrar, asked by requests as they come: bindings, order, limits, and what is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from offhook.clock import Clock
from offhook.records import Binding, SipEndpoint
from offhook.sip import Address, Core, CoreParts, Defence, Guard, Registrar, Response, Secret, parse_message
from offhook.sip.digest import Credentials, authorize, choose

ALICE = Secret.of("alice", "offhook", "sesame")
PHONE = Address("192.0.2.9", 5060)


@dataclass
class Office:
    """A core with a registrar behind it; one phone that speaks by hand."""

    saved: list[Mapping[str, Sequence[Binding]]] = field(default_factory=list)
    sent: list[tuple[bytes, Address]] = field(default_factory=list)
    wall: float = 1_700_000_000.0
    now: float = 100.0

    def __post_init__(self) -> None:
        self._tokens = iter(range(10**9))
        clock = Clock(lambda: self.wall)
        guard = Guard("offhook", b"k" * 32, lambda: self.now, self._token)
        self.defence = Defence(lambda: self.now)
        self.lost: set[Address] = set()
        self.registrar = Registrar(
            *(guard, self._endpoint, self._save, lambda data, to: self.sent.append((data, to)), clock, self.defence),
            connected=lambda address: address not in self.lost,
        )
        self.core = Core(
            CoreParts(
                transmit=lambda data, to, _otherwise: self.sent.append((data, to)),
                time=lambda: self.now,
                token=self._token,
                local=lambda _peer: ("192.0.2.1", 5060),
                on_invite=lambda invite: invite.refuse(486),
                on_request=self.registrar.take,
            )
        )

    def _token(self, length: int) -> str:
        return f"{next(self._tokens):0{length}x}"

    async def _endpoint(self, username: str) -> SipEndpoint | None:
        return SipEndpoint("alice", "MA", "1", "alice", ALICE.md5, ALICE.sha256) if username == "alice" else None

    async def _save(self, changed: Mapping[str, Sequence[Binding]]) -> None:
        self.saved.append(changed)

    async def ask(
        self, number: int, *fields: str, authorization: str = "", source: Address = PHONE, via: str = "192.0.2.9"
    ) -> Response:
        """One REGISTER, and its answer."""
        lines = [
            "REGISTER sip:192.0.2.1 SIP/2.0",
            f"Via: SIP/2.0/{source.transport.upper()} {via};branch=z9hG4bK{self._token(8)};rport",
            "From: <sip:alice@192.0.2.1>;tag=1",
            "To: <sip:alice@192.0.2.1>",
            "Call-ID: one",
            f"CSeq: {number} REGISTER",
            "Max-Forwards: 70",
            *fields,
            *([f"Authorization: {authorization}"] if authorization else []),
        ]
        self.sent.clear()
        self.core.receive("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode("utf-8", "surrogateescape"), source)
        while not self.sent:  # noqa: ASYNC110 - what it waits for is a few turns of the loop away
            await asyncio.sleep(0)
        response = parse_message(self.sent[-1][0])
        assert isinstance(response, Response)
        return response

    async def register(
        self, number: int, *fields: str, password: str = "sesame", user: str = "alice", **more: object
    ) -> Response:
        """A REGISTER with the answer to a fresh challenge."""
        challenge = choose((await self.ask(number, *fields, **more)).headers_all("www-authenticate"))  # type: ignore[arg-type]
        assert challenge is not None
        answer = authorize(challenge, Credentials(user, password), method="REGISTER", uri="sip:192.0.2.1", cnonce="c")
        return await self.ask(number + 1, *fields, authorization=answer, **more)  # type: ignore[arg-type]


Scene = Callable[[Office], Awaitable[None]]


def play(scene: Scene) -> Office:
    office = Office()

    async def run() -> None:
        async with asyncio.timeout(5):
            await scene(office)

    asyncio.run(run())
    return office


CONTACT = "Contact: <sip:alice@192.0.2.9:5060>"


def test_a_register_without_a_password_leaves_nothing_behind() -> None:
    async def scene(office: Office) -> None:
        for number in range(50):
            assert (await office.ask(number, CONTACT)).status == 401
        assert (len(office.core.transactions), len(office.registrar)) == (0, 0)

    play(scene)


def test_a_phone_registers_asks_renews_and_leaves() -> None:
    async def scene(office: Office) -> None:
        done = await office.register(1, CONTACT, "Expires: 600", "User-Agent: Phone 1")
        assert (done.status, done.items("contact")) == (200, ["<sip:alice@192.0.2.9:5060>;expires=600"])
        [reach] = office.registrar.reach("alice")
        assert (str(reach.target), reach.flow, reach.user_agent) == ("sip:alice@192.0.2.9:5060", None, "Phone 1")
        office.wall += 100
        assert (await office.register(3)).items("contact") == ["<sip:alice@192.0.2.9:5060>;expires=500"]
        assert (await office.register(5, CONTACT)).items("contact") == ["<sip:alice@192.0.2.9:5060>;expires=3600"]
        assert (await office.register(7, f"{CONTACT};expires=0")).items("contact") == []
        assert office.registrar.reach("alice") == []

    play(scene)


def test_several_devices_the_preferred_first_and_all_leave_at_once() -> None:
    async def scene(office: Office) -> None:
        await office.register(1, "Contact: <sip:a@192.0.2.9>;q=0.3, <sip:b@192.0.2.9>;q=0.9")
        assert [str(each.target) for each in office.registrar.reach("alice")] == ["sip:b@192.0.2.9", "sip:a@192.0.2.9"]
        assert (await office.register(3, "Contact: *")).status == 400
        assert (await office.register(5, "Contact: *, <sip:c@192.0.2.9>", "Expires: 0")).status == 400
        assert (await office.register(7, "Contact: *", "Expires: 0")).status == 200
        assert office.registrar.reach("alice") == []

    play(scene)


def test_a_browser_that_comes_back_with_another_contact_is_one_device() -> None:
    async def scene(office: Office) -> None:
        browser = Address("198.51.100.7", 40_000, "ws")
        for number, name in enumerate(("x", "y")):
            contact = f'Contact: <sip:{name}@df7.invalid;transport=ws>;+sip.instance="<urn:uuid:1>";reg-id=1'
            assert (await office.register(1 + 2 * number, contact, source=browser, via="df7.invalid")).status == 200
        [reach] = office.registrar.reach("alice")
        assert (reach.target.user, reach.flow) == ("y", browser)

    play(scene)


@pytest.mark.parametrize(("transport", "then"), [("ws", None), ("wss", None), ("tcp", "sip:x@10.0.0.5:5060")])
def test_who_has_lost_his_connection_is_not_called_by_it(transport: str, then: str | None) -> None:
    """A browser cannot be called at all until it is back; another phone perhaps takes a new connection."""

    async def scene(office: Office) -> None:
        first, second = (Address("198.51.100.7", port, transport) for port in (40_000, 40_001))
        contact = 'Contact: <sip:x@10.0.0.5:5060>;+sip.instance="<urn:uuid:1>";reg-id=1'
        await office.register(1, contact, source=first, via="df7.invalid")
        assert [each.flow for each in office.registrar.reach("alice")] == [first]
        office.lost.add(first)
        found = [(str(each.target), each.flow) for each in office.registrar.reach("alice")]
        assert found == ([] if then is None else [(then, None)])
        await office.register(3, contact, source=second, via="df7.invalid")
        assert [each.flow for each in office.registrar.reach("alice")] == [second]

    play(scene)


def test_behind_a_nat_the_way_back_is_where_the_packets_came_from() -> None:
    async def scene(office: Office) -> None:
        nat = Address("203.0.113.4", 61_000)
        await office.register(1, "Contact: <sip:alice@10.0.0.5:5060>", source=nat, via="10.0.0.5")
        [reach] = office.registrar.reach("alice")
        assert reach.flow == nat
        assert office.registrar.knows("203.0.113.4")
        await office.register(3, "Contact: <sip:p@10.0.0.6>", "Path: <sip:edge.example;lr>", source=nat, via="10.0.0.5")
        reach = next(each for each in office.registrar.reach("alice") if each.target.user == "p")
        assert (reach.flow, [str(each) for each in reach.route]) == (None, ["<sip:edge.example;lr>"])

    play(scene)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("Contact: <sip:alice@192.0.2.9>;expires=10",), 423),
        (("Contact: <sip:al ice@192.0.2.9>",), 400),
        (("Contact: <sip:alice@192.0.2.9>", "Require: gruu"), 420),
    ],
)
def test_what_cannot_be_done_changes_nothing(fields: tuple[str, ...], status: int) -> None:
    async def scene(office: Office) -> None:
        await office.register(1, CONTACT)
        if status == 420:
            refused = await office.ask(3, *fields)
            assert refused.header("unsupported") == "gruu"
        else:
            refused = await office.register(3, "Contact: <sip:new@192.0.2.9>", *fields)
        assert refused.status == status
        assert [str(each.target) for each in office.registrar.reach("alice")] == ["sip:alice@192.0.2.9:5060"]

    play(scene)


def test_a_contact_that_is_no_utf8_is_refused() -> None:
    """Two of them would be one when they are written, and would keep the registrations of everybody else from being written."""

    async def scene(office: Office) -> None:
        for number, tail in enumerate((';+sip.instance="\udcfe"', ";x=\udcff", ';+sip.instance="\udcfd"')):
            contact = f"Contact: <sip:a@192.0.2.9{tail if tail.startswith(';x') else ''}>{tail}"
            assert (await office.register(1 + 2 * number, contact)).status == 400
        assert (await office.register(9, CONTACT, "User-Agent: Telefon \udcfc")).status == 200
        assert len(office.registrar.reach("alice")) == 1

    play(scene)


def test_an_overtaken_register_changes_nothing() -> None:
    async def scene(office: Office) -> None:
        await office.register(10, CONTACT)
        assert (await office.register(5, f"{CONTACT};expires=0")).status == 500
        assert len(office.registrar.reach("alice")) == 1

    play(scene)


def test_a_wrong_password_is_told_and_counted_and_somebody_else_s_name_is_not_mine() -> None:
    async def scene(office: Office) -> None:
        for number in range(0, 20, 2):
            assert (await office.register(number, CONTACT, password="guess")).status == 403
        assert office.defence.ignores("192.0.2.9")
        assert (await office.register(50, CONTACT, user="mallory")).status == 403
        assert len(office.registrar) == 0

    play(scene)


def test_more_devices_than_there_is_room_for_push_out_the_one_that_expires_next() -> None:
    async def scene(office: Office) -> None:
        for number in range(12):
            await office.register(1 + 2 * number, f"Contact: <sip:d{number}@192.0.2.9>;expires={1000 + number}")
        names = {each.target.user for each in office.registrar.reach("alice")}
        assert names == {f"d{number}" for number in range(2, 12)}

    play(scene)


def test_changes_are_written_together_and_a_new_run_goes_on_with_them() -> None:
    async def scene(office: Office) -> None:
        office.registrar.start([])
        await office.register(1, CONTACT, "Expires: 600")
        await office.register(3, CONTACT, "Expires: 700")
        await office.registrar.aclose()
        [changed] = office.saved
        later = Office(wall=office.wall + 10)
        later.registrar.start(changed["alice"])
        assert [str(each.target) for each in later.registrar.reach("alice")] == ["sip:alice@192.0.2.9:5060"]
        later.wall += 700
        assert later.registrar.reach("alice") == []
        assert changed["alice"][0].expires_at == datetime.fromtimestamp(office.wall + 700, UTC)
        await later.registrar.aclose()

    play(scene)
