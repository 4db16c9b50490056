"""Whole calls between two cores over a bad network: whatever is lost, both ends come to an end, and nothing stays behind."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offhook.sip import (
    Address,
    Answered,
    Cancelled,
    Credentials,
    Ended,
    IncomingInvite,
    Lost,
    NameAddr,
    OutgoingInvite,
    Refused,
    Reinvited,
    Uri,
)

CALLER = NameAddr.parse("<sip:alice@a.example>")
TARGET = Uri.parse("sip:bob@192.0.2.2")
ENDS = (Refused, Cancelled, Ended, Lost)
PLANS = ["caller hangs up", "callee hangs up", "both hang up", "refused", "cancelled", "cancelled late", "reinvited"]


class Story:
    """One call: what each side does when, and what each heard."""

    def __init__(self, net, alice: Address, bob: Address, plan: str) -> None:
        self.net, self.plan = net, plan
        self.incoming: list[IncomingInvite] = []
        self.caller, self.callee = net.core(alice), net.core(bob, self.incoming.append)
        self.outgoing: OutgoingInvite = self.caller.invite(
            TARGET, caller=CALLER, body=b"offer", credentials=Credentials("a", "b")
        )
        self.heard: dict[str, list] = {"caller": [], "callee": []}

    def collect(self) -> None:
        for side, usages in (("caller", [self.outgoing]), ("callee", self.incoming)):
            for usage in usages:
                for event in usage.take_events():
                    self.heard[side].append(event)
                    if isinstance(event, Reinvited):
                        usage.answer_reinvite(b"answer")

    def run(self) -> None:
        for step in range(60):
            self.net.run(1)
            self.collect()
            self.act(step)
        for _ in range(4):
            self.net.run(70)
            self.collect()

    def act(self, step: int) -> None:
        for invite in self.incoming:
            if step == 8 and self.plan == "refused":
                invite.refuse(486)
            elif step in {0, 4}:
                invite.ring()
            elif step >= 10 and self.plan != "cancelled":
                invite.accept(b"answer")
        if step == 6 and self.plan == "cancelled":
            self.outgoing.cancel()
        if step == 10 and self.plan == "cancelled late":
            self.outgoing.cancel()
        if step == 20 and self.plan == "reinvited":
            self.outgoing.reinvite(b"hold")
            for invite in self.incoming:
                invite.reinvite(b"move")
        if step == 40 and self.plan in {"caller hangs up", "both hang up", "reinvited", "refused"}:
            self.outgoing.bye()
        if step == 40 and self.plan in {"callee hangs up", "both hang up"}:
            for invite in self.incoming:
                invite.bye()
        if step == 59:  # whoever is still there leaves
            self.outgoing.bye()
            for invite in self.incoming:
                invite.bye()


def check(story: Story) -> None:
    for core in (story.caller, story.callee):
        assert not core.transactions
        assert not core.dialogs
        assert not core.merged
        assert not core.uas._owners
        assert not core.uac._acks
        assert not core.uac._open
        assert len(core.timers) == 0
    assert story.outgoing.over
    assert all(invite.over for invite in story.incoming)
    assert len(story.incoming) <= 1  # copies make no second call
    for events in story.heard.values():
        assert sum(isinstance(event, ENDS) for event in events) <= 1
        assert not events or not any(isinstance(event, ENDS) for event in events[:-1])


@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.1, 0.3, 0.6, 0.95]),
    duplication=st.sampled_from([0.0, 0.2, 0.9]),
    jitter=st.sampled_from([0.0, 0.05, 1.0, 4.0]),
    plan=st.sampled_from(PLANS),
)
@example(seed=4194303, loss=0.6, duplication=0.0, jitter=0.05, plan="reinvited")  # a re-INVITE outlived its dialog
@settings(max_examples=150, deadline=None)
def test_every_invite_comes_to_an_end_on_both_sides(make_net, faults, alice, bob, seed, loss, duplication, jitter, plan) -> None:
    net = make_net(faults=faults(loss=loss, duplication=duplication, jitter_s=jitter), seed=seed)
    story = Story(net, alice, bob, plan)
    story.run()
    check(story)


@pytest.mark.parametrize("plan", PLANS)
def test_with_a_third_of_the_datagrams_lost_a_call_still_works(make_net, faults, alice, bob, plan) -> None:
    net = make_net(faults=faults(loss=0.3, duplication=0.1, jitter_s=0.1), seed=7)
    story = Story(net, alice, bob, plan)
    story.run()
    check(story)
    if plan in {"caller hangs up", "callee hangs up", "reinvited"}:
        assert any(isinstance(event, Answered) for event in story.heard["caller"])
        assert sum(isinstance(event, Ended) for events in story.heard.values() for event in events) >= 1


def test_a_thousand_calls_leave_nothing(net, alice, bob) -> None:
    def take(invite: IncomingInvite) -> None:
        invite.accept(b"answer")

    caller, callee = net.core(alice), net.core(bob, take)
    calls = [caller.invite(TARGET, caller=CALLER, body=b"offer") for _ in range(1000)]
    net.run(1)
    assert len(callee.dialogs) == 1000
    for call in calls:
        assert isinstance(call.take_events()[-1], Answered)
        call.bye()
    net.run(1)
    assert not caller.dialogs
    assert not callee.dialogs
    net.run(80)
    assert not caller.transactions
    assert not callee.transactions
    assert caller.timers.deadline is None
    assert callee.timers.deadline is None
