"""Which trunk takes a call, how numbers are written there, and what is known of its health."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from offhook.clock import Clock
from offhook.records import Trunk
from offhook.sip import Response, Trunks, trunking
from offhook.sip.trunking import NoAnswer, TrunkBusy
from offhook.testing.virtual_time import run as in_virtual_time


class Server:
    """What a trunk answers, by hand."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: list[Response | None] = [Response(200, "OK", [])]
        self.contact = "<sip:us@192.0.2.1:5060>"

    async def ask(self, method: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
        self.asked.append((method, dict(headers)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise NoAnswer("timeout: no response came")
        return answer


def trunk(name: str = "one", **more: object) -> Trunk:
    return Trunk(**{"name": name, "auth_id": "MA", "host": f"{name}.example", "options_s": 0.0, **more})  # type: ignore[arg-type]


def names(trunks: Trunks, number: str) -> list[str]:
    return [each.name for each in trunks.candidates(number)]


def test_the_longest_prefix_wins_then_the_lowest_priority() -> None:
    async def scene() -> None:
        trunks = Trunks(lambda _trunk, _user: Server(), Clock(), random.Random(1))
        trunks.use(
            [
                trunk("all", priority=0),
                trunk("uk", prefixes=("44",), priority=5),
                trunk("london", prefixes=("4420", "4421"), priority=9),
                trunk("spare", priority=1),
                trunk("us", prefixes=("1",)),
            ]
        )
        assert names(trunks, "442071838750") == ["london", "uk", "all", "spare"]
        assert names(trunks, "14155550100") == ["us", "all", "spare"]
        trunks.failed(next(each for each in trunks if each.name == "london"), "503")
        assert names(trunks, "442071838750") == ["uk", "all", "spare", "london"]
        await asyncio.sleep(31)
        assert names(trunks, "442071838750")[0] == "london"

    in_virtual_time(scene())


def test_equals_share_calls_by_their_weights() -> None:
    async def scene() -> None:
        trunks = Trunks(lambda _trunk, _user: Server(), Clock(), random.Random(2))
        trunks.use([trunk("a", weight=3), trunk("b", weight=1), trunk("c", weight=0)])
        first = Counter(names(trunks, "1415")[0] for _ in range(4000))
        assert first["a"] / first["b"] == pytest.approx(3, rel=0.15)
        assert first["c"] == 0
        assert sorted(names(trunks, "1415")) == ["a", "b", "c"]

    in_virtual_time(scene())


def test_caps_of_calls_and_of_calls_a_second() -> None:
    async def scene() -> None:
        trunks = Trunks(lambda _trunk, _user: Server(), Clock())
        few, slow = trunk("few", max_calls=2), trunk("slow", max_calls_per_second=2.0)
        trunks.use([few, slow])
        with trunks.call(few), trunks.call(few), pytest.raises(TrunkBusy, match="few has 2 calls"), trunks.call(few):
            pass
        with trunks.call(few):
            assert trunks.state("few").calls == 1
        taken = 0
        for _ in range(100):
            try:
                with trunks.call(slow):
                    taken += 1
            except TrunkBusy:
                pass
            await asyncio.sleep(0.1)
        assert 20 <= taken <= 22

    in_virtual_time(scene())


def test_a_trunk_that_does_not_answer_is_tried_last_until_it_does() -> None:
    async def scene() -> None:
        server = Server()
        server.answers = [None]
        trunks = Trunks(lambda each, _user: server if each.name == "a" else Server(), Clock(), random.Random(3))
        trunks.use([trunk("a", options_s=10.0), trunk("b", priority=5, options_s=10.0)])
        assert names(trunks, "1") == ["a", "b"]
        await asyncio.sleep(25)
        assert trunks.state("a").alive is False
        assert "OPTIONS" in trunks.state("a").said
        assert names(trunks, "1") == ["b", "a"]
        server.answers = [Response(404, "Not Found", [])]  # any answer is one
        await asyncio.sleep(11)
        assert names(trunks, "1") == ["a", "b"]
        await trunks.aclose()

    in_virtual_time(scene())


def test_a_registration_is_renewed_in_time_grows_with_423_and_is_taken_back() -> None:
    async def scene() -> None:
        server = Server()
        server.answers = [
            Response(423, "Interval Too Brief", [("Min-Expires", "7200")]),
            Response(
                200,
                "OK",
                [("Contact", "<sip:other@198.51.100.9>;expires=5"), ("Contact", "<sip:us@192.0.2.1:5060>;expires=1000")],
            ),
        ]
        trunks = Trunks(lambda _trunk, _user: server, Clock())
        trunks.use([trunk("a", register=True, username="us", password="x")])
        await asyncio.sleep(1)
        assert [fields["Expires"] for _, fields in server.asked] == ["3600", "7200"]
        assert trunks.state("a").registered is True
        await asyncio.sleep(890)
        assert len(server.asked) == 2
        await asyncio.sleep(20)
        assert len(server.asked) == 3
        await trunks.aclose()
        assert server.asked[-1][1]["Expires"] == "0"

    in_virtual_time(scene())


def test_a_refused_registration_is_tried_again_ever_more_slowly() -> None:
    async def scene() -> None:
        server = Server()
        server.answers = [Response(403, "Forbidden", [])]
        trunks = Trunks(lambda _trunk, _user: server, Clock())
        trunks.use([trunk("a", register=True, username="us", password="x")])
        await asyncio.sleep(3600)
        assert 7 <= len(server.asked) <= 12
        assert trunks.state("a").said == "REGISTER: 403 Forbidden"
        trunks.use([])
        await asyncio.sleep(3600)
        assert len(server.asked) <= 12

    in_virtual_time(scene())


@pytest.mark.parametrize(
    ("number_format", "number", "there"),
    [
        ("e164", "442071838750", "+442071838750"),
        ("plain", "442071838750", "442071838750"),
        ("GB", "442071838750", "02071838750"),
        ("GB", "14155550100", "+14155550100"),
        ("e164", "sip:bob@example.com", "sip:bob@example.com"),
    ],
)
def test_numbers_as_a_trunk_writes_them(number_format: str, number: str, there: str) -> None:
    each = trunk(number_format=number_format)
    assert trunking.written(each, number) == there
    assert trunking.understood(each, there) == number


def test_what_an_invite_goes_to() -> None:
    assert str(trunking.target(trunk(host="carrier.example:5070", transport="tls"), "14155550100")) == (
        "sip:+14155550100@carrier.example:5070;transport=tls"
    )
    assert [str(each) for each in trunking.way(trunk(proxy="sip:edge.example"))] == ["<sip:edge.example;lr>"]
