"""The state machines against RFC 3261 section 17 and RFC 6026, with no socket and no waiting."""

from __future__ import annotations

import pytest

from offhook.sip import Address, Request, parse_message
from offhook.sip.errors import IllegalTransition
from offhook.sip.message import respond
from offhook.sip.timers import Timer, Timers
from offhook.sip.transaction import InviteClient, InviteServer, NonInviteClient, NonInviteServer, State, Transaction

UDP = Address("192.0.2.1", 5060, "udp")
TCP = Address("192.0.2.1", 5060, "tcp")


class Bench:
    """What a transaction asks of its core."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = Timers()
        self.sent: list[tuple[float, bytes]] = []
        self.over = False
        self.repeats: list[bool] = []
        self.heard: list[int] = []
        self.failures: list[str] = []

    def transmit(self, data: bytes, address: Address, otherwise: Address | None = None) -> None:
        self.sent.append((self.now, data))

    def after(self, delay_s: float, act: object) -> Timer:
        return self.timers.at(self.now + delay_s, act)  # type: ignore[arg-type]

    def forget(self, transaction: Transaction) -> None:
        self.over = True

    def repeated(self, *, sent: bool) -> None:
        self.repeats.append(sent)

    def until(self, end: float) -> None:
        while (deadline := self.timers.deadline) is not None and deadline <= end:
            self.now = deadline
            self.timers.run(deadline)
        self.now = end

    def times(self) -> list[float]:
        return [at for at, _ in self.sent]


def request(method: str) -> Request:
    message = parse_message(
        f"{method} sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nFrom: <sip:a@a.example>;tag=1\r\n"
        f"To: <sip:bob@b.example>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


def client(
    kind: type[InviteClient] | type[NonInviteClient], address: Address = UDP
) -> tuple[Bench, InviteClient | NonInviteClient]:
    bench = Bench()
    method = "INVITE" if kind is InviteClient else "BYE"
    transaction = kind(bench, ("k",), request(method), address, lambda r: bench.heard.append(r.status), bench.failures.append)
    transaction.start()
    return bench, transaction


def server(
    kind: type[InviteServer] | type[NonInviteServer], address: Address = UDP
) -> tuple[Bench, InviteServer | NonInviteServer]:
    bench = Bench()
    return bench, kind(bench, ("k",), request("INVITE" if kind is InviteServer else "BYE"), address)


def test_an_invite_is_repeated_with_doubling_intervals_until_timer_b() -> None:
    bench, transaction = client(InviteClient)
    bench.until(31.9)
    assert bench.times() == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    bench.until(32)
    assert transaction.state is State.TERMINATED
    assert bench.over
    assert bench.failures == ["timeout: no response came"]


def test_an_invite_over_tcp_is_sent_once_but_times_out_alike() -> None:
    bench, _ = client(InviteClient, TCP)
    bench.until(40)
    assert bench.times() == [0]
    assert bench.failures


def test_a_provisional_response_stops_the_repeats_and_the_timeout_of_an_invite() -> None:
    bench, transaction = client(InviteClient)
    transaction.receive(respond(request("INVITE"), 180))
    bench.until(500)
    assert bench.times() == [0]
    assert transaction.state is State.PROCEEDING
    assert not bench.failures


def test_each_refusal_is_acknowledged_within_the_transaction_but_told_once() -> None:
    bench, transaction = client(InviteClient)
    for _ in range(3):
        transaction.receive(respond(request("INVITE"), 486, to_tag="x"))
    assert bench.heard == [486]
    acks = [parse_message(data) for _, data in bench.sent[1:]]
    assert [ack.method for ack in acks if isinstance(ack, Request)] == ["ACK"] * 3
    assert str(acks[0].via.branch) == "z9hG4bK1"
    assert acks[0].to.tag == "x"
    assert str(acks[0].cseq) == "1 ACK"
    bench.until(31.9)
    assert not bench.over
    bench.until(32)  # timer D
    assert bench.over


def test_over_tcp_timer_d_is_zero() -> None:
    bench, transaction = client(InviteClient, TCP)
    transaction.receive(respond(request("INVITE"), 486))
    assert bench.over


def test_every_2xx_reaches_the_user_for_64_t1() -> None:
    bench, transaction = client(InviteClient)
    transaction.receive(respond(request("INVITE"), 200, to_tag="a"))
    transaction.receive(respond(request("INVITE"), 200, to_tag="b"))
    transaction.receive(respond(request("INVITE"), 486, to_tag="c"))
    assert bench.heard == [200, 200]
    assert transaction.state is State.ACCEPTED
    bench.until(32)  # timer M
    assert bench.over
    assert len(bench.sent) == 1  # the ACKs are the dialog's


def test_a_non_invite_request_is_repeated_with_a_cap_of_t2_until_timer_f() -> None:
    bench, _ = client(NonInviteClient)
    bench.until(33)
    assert bench.times() == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.failures == ["timeout: no response came"]


def test_a_provisional_response_to_a_non_invite_request_slows_the_repeats_to_t2() -> None:
    bench, transaction = client(NonInviteClient)
    transaction.receive(respond(request("BYE"), 100))
    bench.until(9)
    assert bench.times() == [0, 4, 8]


def test_timer_k_absorbs_repeated_final_responses() -> None:
    bench, transaction = client(NonInviteClient)
    transaction.receive(respond(request("BYE"), 200))
    transaction.receive(respond(request("BYE"), 200))
    assert bench.heard == [200]
    bench.until(4.9)
    assert not bench.over
    bench.until(5)
    assert bench.over


def test_a_client_transaction_whose_transport_fails_says_so_once() -> None:
    bench, transaction = client(InviteClient)
    transaction.failed("no route")
    transaction.failed("no route")
    assert bench.failures == ["no route"]
    assert bench.over
    assert bench.timers.deadline is None


def test_an_invite_that_nobody_treats_gets_a_100_after_200_ms() -> None:
    bench, _ = server(InviteServer)
    bench.until(0.19)
    assert not bench.sent
    bench.until(5)
    assert [parse_message(data).status for _, data in bench.sent] == [100]  # type: ignore[union-attr]


def test_an_early_repeat_of_an_invite_gets_its_100_at_once() -> None:
    bench, transaction = server(InviteServer)
    transaction.receive()
    assert len(bench.sent) == 1


def test_a_repeated_invite_gets_the_last_provisional_response_again() -> None:
    bench, transaction = server(InviteServer)
    transaction.respond(respond(transaction.request, 180))
    transaction.respond(respond(transaction.request, 183))
    transaction.receive()
    assert bench.sent[-1][1] == bench.sent[-2][1]
    assert b" 183 " in bench.sent[-1][1]


def test_a_refusal_is_repeated_with_a_cap_of_t2_until_timer_h() -> None:
    bench, transaction = server(InviteServer)
    transaction.respond(respond(transaction.request, 486))
    bench.until(33)
    assert bench.times() == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.over


def test_the_ack_of_a_refusal_stops_it_and_timer_i_absorbs_more_of_them() -> None:
    bench, transaction = server(InviteServer)
    acks: list[Request] = []
    assert isinstance(transaction, InviteServer)
    transaction.on_ack = acks.append
    transaction.respond(respond(transaction.request, 486))
    transaction.acknowledge(request("ACK"))
    transaction.acknowledge(request("ACK"))
    assert len(acks) == 1
    assert transaction.state is State.CONFIRMED
    bench.until(4.9)
    assert len(bench.sent) == 1
    assert not bench.over
    bench.until(5)
    assert bench.over


def test_a_refusal_over_tcp_is_sent_once_and_still_waits_for_its_ack() -> None:
    bench, transaction = server(InviteServer, TCP)
    transaction.respond(respond(transaction.request, 486))
    bench.until(31)
    assert bench.times() == [0]
    assert not bench.over
    transaction.acknowledge(request("ACK"))  # type: ignore[union-attr]
    assert bench.over


def test_after_a_2xx_repeated_invites_are_absorbed_for_timer_l() -> None:
    bench, transaction = server(InviteServer)
    transaction.respond(respond(transaction.request, 200))
    transaction.receive()
    assert len(bench.sent) == 1
    transaction.respond(respond(transaction.request, 200))  # the dialog repeats it
    assert len(bench.sent) == 2
    bench.until(31.9)
    assert not bench.over
    bench.until(32)
    assert bench.over


def test_no_second_kind_of_final_response_can_be_sent() -> None:
    _, transaction = server(InviteServer)
    transaction.respond(respond(transaction.request, 200))
    with pytest.raises(IllegalTransition, match="FAILURE"):
        transaction.respond(respond(transaction.request, 486))


def test_a_repeated_non_invite_request_gets_its_final_response_again_until_timer_j() -> None:
    bench, transaction = server(NonInviteServer)
    transaction.receive()
    assert not bench.sent
    transaction.respond(respond(transaction.request, 200))
    transaction.receive()
    transaction.respond(respond(transaction.request, 500))  # a second final response is dropped
    assert len(bench.sent) == 2
    bench.until(31.9)
    assert not bench.over
    bench.until(32)
    assert bench.over


@pytest.mark.parametrize("kind", [InviteClient, NonInviteClient, InviteServer, NonInviteServer])
def test_every_state_of_a_table_can_be_reached_and_left(kind: type[Transaction]) -> None:
    targets = set(kind.TABLE.values())
    begins = {State.CALLING, State.TRYING, State.PROCEEDING}
    for state, _ in kind.TABLE:
        assert state in targets or state in begins
        assert state is not State.TERMINATED
    for state in targets - {State.TERMINATED}:
        assert any(each is state and to is not state for (each, _), to in kind.TABLE.items())


def test_a_thousand_cancelled_timers_are_swept() -> None:
    timers = Timers()
    kept = timers.at(50.0, lambda: None)
    for each in [timers.at(float(number), lambda: None) for number in range(5000)]:
        each.cancel()
        each.cancel()
    assert len(timers) == 1
    assert len(timers._heap) < 1100
    assert timers.deadline == kept.at


def test_a_timer_set_by_a_timer_does_not_fire_in_the_same_run_unless_it_is_due() -> None:
    timers = Timers()
    fired: list[str] = []
    timers.at(1.0, lambda: (fired.append("first"), timers.at(5.0, lambda: fired.append("second")))[0])
    timers.run(2.0)
    assert fired == ["first"]
    assert timers.deadline == 5.0
