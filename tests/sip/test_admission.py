"""Who is calling: trunks by network and by digest, endpoints, strangers; over the core, as requests come."""

from __future__ import annotations

import asyncio

import pytest

from offhook.records import SipEndpoint, Trunk
from offhook.sip import Admission, Caller, Defence, Guard, IncomingInvite, Secret
from offhook.sip.admission import networks_of
from offhook.sip.digest import Credentials, authorize, choose

ALICE = Secret.of("alice", "offhook", "sesame")
CARRIER = Secret.of("carrier", "offhook", "trunk secret")


def trunk(name: str, **more: object) -> Trunk:
    return Trunk(**{"name": name, "auth_id": "MA", "host": "sip.carrier.example", "app_id": f"app of {name}", **more})  # type: ignore[arg-type]


class Door:
    """An admission in front of a hand-written caller."""

    def __init__(self, peer, strangers: str = "answer") -> None:
        self.peer = peer
        numbers = iter(range(10**9))
        guard = Guard("offhook", b"k" * 32, lambda: peer.net.now, lambda length: f"{next(numbers):0{length}x}")
        self.defence = Defence(lambda: peer.net.now)
        self.admission = Admission(guard, self._endpoint, self.defence, strangers)

    async def _endpoint(self, name: str) -> SipEndpoint | None:
        return SipEndpoint("alice", "MA", "1", "Alice", ALICE.md5, ALICE.sha256, "app of alice") if name == "alice" else None

    def call(self, number: int, *, more: str = "", from_user: str = "bob") -> tuple[Caller | None, IncomingInvite]:
        data = self.peer.request(branch=f"z9hG4bKd{number}", call_id=f"call {number}".replace(" ", "-"), more=more)
        self.peer.send(data.replace(b"From: <sip:alice@", f"From: <sip:{from_user}@".encode()))
        invite = self.peer.invites[-1]
        return asyncio.run(self.admission.admit(invite)), invite

    def proved(self, number: int, user: str, password: str) -> Caller | None:
        """A call, and once more with the answer to the challenge."""
        caller, _ = self.call(number, from_user="alice" if user == "alice" else "carrier")
        assert caller is None
        challenge = choose(self.peer.said()[-1].headers_all("proxy-authenticate"))
        assert challenge is not None
        value = authorize(challenge, Credentials(user, password), method="INVITE", uri="sip:bob@192.0.2.2", cnonce="c")
        return self.call(number + 1, more=f"Proxy-Authorization: {value}\r\n", from_user="14155550100")[0]


@pytest.mark.parametrize(
    ("addresses", "host", "name"),
    [
        (("192.0.2.0/24",), "sip.carrier.example", "wide"),
        (("198.51.100.0/24",), "192.0.2.1", "wide"),
        ((), "192.0.2.1:5070", "wide"),
    ],
)
def test_a_trunk_is_known_by_its_addresses_and_its_host(peer, addresses, host, name) -> None:
    door = Door(peer, "refuse")
    door.admission.use([trunk(name, addresses=addresses, host=host)])
    caller, _ = door.call(1)
    assert caller is not None
    assert (caller.kind, caller.app_id) == ("trunk", f"app of {name}")


def test_the_narrowest_network_wins_and_neither_names_nor_other_families_count(peer) -> None:
    door = Door(peer)
    door.admission.use(
        [trunk("all", addresses=("0.0.0.0/0",)), trunk("one", addresses=("192.0.2.1",)), trunk("six", addresses=("::/0",))]
    )
    found = {host: door.admission.trunk_at(host) for host in ("192.0.2.1", "192.0.2.7", "2001:db8::1", "sip.carrier.example")}
    assert {host: each.name if each else None for host, each in found.items()} == {
        "192.0.2.1": "one",
        "192.0.2.7": "all",
        "2001:db8::1": "six",
        "sip.carrier.example": None,
    }
    assert networks_of(trunk("v6", host="[2001:db8::5]")) != []


def test_an_endpoint_is_challenged_and_then_known_whatever_from_shows(peer) -> None:
    caller = Door(peer, "refuse").proved(1, "alice", "sesame")
    assert caller is not None
    assert (caller.kind, caller.app_id, caller.username) == ("endpoint", "app of alice", "alice")


def test_a_trunk_proves_itself_by_digest(peer) -> None:
    door = Door(peer, "refuse")
    door.admission.use(
        [
            trunk(
                "t",
                inbound_username="carrier",
                inbound_md5=CARRIER.md5,
                inbound_sha256=CARRIER.sha256,
                host="sip.carrier.example",
            )
        ]
    )
    caller = door.proved(1, "carrier", "trunk secret")
    assert caller is not None
    assert (caller.kind, caller.username) == ("trunk", "carrier")
    assert door.proved(5, "carrier", "guess") is None
    assert peer.net.messages("403")


def test_strangers_are_let_in_or_challenged_and_guessing_closes_the_door(peer) -> None:
    caller, _ = Door(peer).call(1)
    assert caller is not None
    assert caller.kind == "stranger"
    door = Door(peer, "refuse")
    assert door.call(2)[0] is None
    assert peer.net.messages("407")
    for number in range(10, 40, 2):
        door.proved(number, "alice", "guess")
    assert door.defence.ignores("192.0.2.1")
