"""Conversations: a peer that knows the protocol and means no good, and an owner who does whatever he is allowed to do."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offhook.sip import (
    Address,
    Cancelled,
    Credentials,
    Ended,
    IncomingInvite,
    InviteDialog,
    Lost,
    NameAddr,
    OutgoingInvite,
    Referral,
    Referred,
    Refused,
    Request,
    Response,
    Uri,
)
from offhook.testing.sip_fuzz.grammar import ABLE, IN_DIALOG, METHODS, STATUSES, Draft, Grammar, Names
from offhook.testing.sip_fuzz.mutation import hurt, hurt_bytes
from offhook.testing.sip_fuzz.watch import Finding, Watch

STEPS = 60
TERMINAL = (Refused, Cancelled, Ended, Lost)
AFTERWARDS_S = 200.0
"""By then every timer has run out: 32 s for an ACK, 32 s for a BYE, a look-up of 40 s in between, and some."""
MAX_EVENTS = 64 + 16
"""Events that may wait: so many of those that the peer can cause at will, and the answers to our own wishes."""
SOURCES = (
    *(Address("192.0.2.1", 5060), Address("192.0.2.1", 5060), Address("192.0.2.1", 5060), Address("2001:db8::1", 5070)),
    *(
        Address("192.0.2.1", 40000, "tcp"),
        Address("192.0.2.7", 5070, "tcp"),
        Address("192.0.2.1", 41000, "tls"),
        Address("192.0.2.1", 42000, "ws"),
    ),
)
TIMES_S = (0.0, 0.01, 0.01, 0.15, 0.2, 0.5, 0.5, 1.0, 2.5, 4.0, 5.0, 31.9, 32.0, 46.0, 61.0, 200.0, 901.0)
REFERRED = "<sip:c@192.0.2.3?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"
CALLER = NameAddr(Uri("a.example", "we"))

MAX_FORKS = 40
"""Dialogs that one INVITE may have: early ones, and those of answers that nobody wants."""

Wish = Callable[[InviteDialog, Grammar], None]


@dataclass
class Known:
    """A dialog as the peer sees it."""

    call_id: str
    mine: str
    theirs: str
    cseq: int = 10
    invite_cseq: int = 1


def _incoming(wish: Callable[[IncomingInvite, Grammar], None]) -> Wish:
    def only(usage: InviteDialog, grammar: Grammar) -> None:
        if isinstance(usage, IncomingInvite):
            wish(usage, grammar)

    return only


def _cancel(usage: InviteDialog, _grammar: Grammar) -> None:
    if isinstance(usage, OutgoingInvite):
        usage.cancel()


WISHES: tuple[tuple[int, Wish], ...] = (
    (3, _incoming(lambda usage, _: usage.ring([("X-Ours", "1")]))),
    (3, _incoming(lambda usage, grammar: usage.progress(grammar.sdp()))),
    (5, _incoming(lambda usage, grammar: usage.accept(grammar.sdp()))),
    (2, _incoming(lambda usage, grammar: usage.refuse(grammar.rng.choice((302, 486, 603)), None, [("Retry-After", "1")]))),
    (3, lambda usage, _: usage.bye([("Reason", "Q.850;cause=16")])),
    (3, lambda usage, grammar: usage.reinvite(grammar.sdp() if grammar.maybe(0.8) else b"")),
    (5, lambda usage, grammar: usage.answer_reinvite(grammar.sdp())),
    (1, lambda usage, _: usage.refuse_reinvite(488)),
    (3, lambda usage, grammar: usage.ack(grammar.sdp())),
    (1, lambda usage, _: usage.info("application/dtmf-relay", b"Signal=1\r\nDuration=100\r\n")),
    (2, _cancel),
)  # fmt: skip
"""What an owner may do to a dialog, and how often he does. A new method of a dialog belongs here."""


class Talk:
    """One core, one peer, one owner, from the first INVITE until nothing is left."""

    def __init__(
        self, rng: random.Random, figures: Counter[str], corpus: Sequence[bytes] = (), watch: Watch | None = None
    ) -> None:
        self.rng = rng
        self.grammar = Grammar(rng)
        self.watch = watch or Watch(rng, figures)
        self.figures = figures
        self.trace: deque[str] = deque(maxlen=40)
        """The last steps, for whoever looks into a finding."""
        self.usages: list[InviteDialog] = []
        self._corpus = corpus
        self._wildness = rng.choice((0.0, 0.0, 0.05, 0.3, 0.8))
        self._silence = rng.choice((0.0, 0.0, 0.2, 0.6))
        self._known: deque[Known] = deque(maxlen=24)
        self._asked: deque[Request] = deque(maxlen=32)
        """Requests of the core that the peer may answer."""
        self._said: deque[tuple[bytes, Address]] = deque(maxlen=48)
        self._mine: deque[Request | Draft] = deque(maxlen=16)
        self._acks: deque[Response] = deque(maxlen=16)
        self._reliable: deque[Response] = deque(maxlen=8)
        self._referrals: deque[Referral] = deque(maxlen=4)
        self._held: list[tuple[bytes, Address]] = []
        self._calls = rng.choice((1, 1, 2, 4, 100))
        """So many, so that some conversations get to the bottom of one."""
        self._main = rng.choice(SOURCES)
        self.watch.locating = rng.choice(("now", "now", "now", "later", "never"))
        self.watch.on_invite = self._arrived

    def run(self, steps: int = STEPS) -> None:
        """The whole of it; raises ``Finding`` or whatever the core raised."""
        acts: tuple[tuple[int, Callable[[], None]], ...] = (
            *((10, self._peer_invites), (14, self._peer_within), (16, self._peer_answers), (9, self._peer_acknowledges)),
            *((6, self._peer_pracks), (3, self._peer_cancels), (5, self._peer_repeats), (3, self._peer_says_anything)),
            *((3, self._late_ones_come), (1, self._peer_floods), (24, self._owner), (2, self._owner_answers_requests)),
            *((5, self._we_invite), (14, self._time), (1, self._transport_fails)),
        )
        chosen = self.rng.choices(
            [act for _, act in acts], [weight for weight, _ in acts], k=self.rng.randrange(steps // 4, steps)
        )
        for act in chosen:
            self.figures["steps"] += 1
            act()
            self._listen()
            self._check_usages()
        self._end()

    # -- the peer --------------------------------------------------------------------------------------------------

    def _send(self, draft: Draft, source: Address | None = None) -> None:
        if self.grammar.maybe(self._wildness):
            hurt(self.rng, draft, self.rng.choice((1, 1, 2, 5)))
        data = draft.to_bytes()
        if self.grammar.maybe(self._wildness / 4):
            data = hurt_bytes(self.rng, data, [*self._corpus, *(each for each, _ in self._said)], self.rng.choice((1, 2, 6)))
        where = source or (self._main if self.grammar.maybe(0.95) else self.rng.choice(SOURCES))
        self._said.append((data, where))
        if self.grammar.maybe(0.06):
            self._held.append((data, where))
        else:
            self._deliver(data, where)

    def _deliver(self, data: bytes, source: Address) -> None:
        self.trace.append(f"{self.watch.now:.3f} {source} says {data[:700]!r}")
        self.watch.receive(data, source)

    def _peer_invites(self) -> None:
        if len(self.usages) >= self._calls:
            self._peer_within()
            return
        names = self.grammar.names()
        draft = self.grammar.request(
            "INVITE", names, transport=self._main.transport, uri="sip:bob@192.0.2.2" if self.grammar.maybe(0.9) else None
        )
        if self.grammar.maybe(0.8):  # nothing that we must refuse
            odd = {
                "require",
                "accept",
                "content-encoding",
                "content-length",
                "max-forwards",
                "contact",
                "record-route",
                "content-type",
            }
            draft.fields = [each for each in draft.fields if each[0].lower() not in odd]
            draft.fields += [("Contact", "<sip:peer@192.0.2.1:5060>"), ("Max-Forwards", "70")]
            draft.body = self.grammar.sdp() if self.grammar.maybe(0.8) else b""
            draft.fields += [("Content-Type", "application/sdp")] if draft.body else []
            draft.fields += self._abilities()
            if self._known and self.grammar.maybe(0.1):
                known = self.rng.choice(self._known)
                draft.fields.append(("Replaces", f"{known.call_id};to-tag={known.theirs};from-tag={known.mine}"))
        self._mine.append(draft)
        self._send(draft)

    def _abilities(self) -> list[tuple[str, str]]:
        if self.grammar.maybe(0.5):
            return []
        seconds, refresher = self.rng.choice((90, 90, 89, 1800)), self.rng.choice(("", ";refresher=uac", ";refresher=uas"))
        return [*ABLE, *([("Session-Expires", f"{seconds}{refresher}")] if self.grammar.maybe(0.5) else [])]

    def _within(self, known: Known, method: str) -> Draft:
        if method not in {"ACK", "CANCEL"}:
            known.cseq += self.rng.choice((1, 1, 1, 1, 1, 0, 2, 7, -1))
            if method == "INVITE":
                known.invite_cseq = known.cseq
        number = known.invite_cseq if method in {"ACK", "CANCEL"} else known.cseq if self.grammar.maybe(0.98) else 2**31 - 1
        tags = (known.mine, known.theirs) if self.grammar.maybe(0.97) else (known.mine, self.grammar.token())
        names = Names(
            known.call_id,
            f"<sip:peer@a.example>;tag={tags[0]}",
            f"<sip:we@192.0.2.2>;tag={tags[1]}",
            number,
            f"z9hG4bK{self.grammar.token()}",
        )
        described = {"INVITE": 0.7, "UPDATE": 0.7, "PRACK": 0.3}.get(method, 0.0)
        content = ("application/sdp", self.grammar.sdp()) if described and self.grammar.maybe(described) else None
        more = [("Refer-To", REFERRED)] if method == "REFER" else self._abilities()
        return self.grammar.request(
            method, names, transport=self._main.transport, uri="sip:we@192.0.2.2", content=content, more=more
        )

    def _peer_within(self) -> None:
        if self._known:
            draft = self._within(self.rng.choice(self._known), self.rng.choice((*IN_DIALOG, "INVITE", "ACK", "BYE")))
            if draft.first.startswith("INVITE"):
                self._mine.append(draft)
            self._send(draft)

    def _peer_acknowledges(self) -> None:
        """A proper ACK: to a refusal by its branch, to a 2xx within the dialog."""
        if not self._acks:
            return
        response = self.rng.choice(self._acks)
        branch = self.grammar.token() if response.status < 300 else ""
        via = [("Via", f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}")] if branch else [("Via", response.headers_all("via")[0])]
        fields = [(name, response.header(name.lower()) or "") for name in ("From", "To", "Call-ID")]
        number = (response.header("cseq") or "1").split(" ", maxsplit=1)[0]
        body = self.grammar.sdp() if self.grammar.maybe(0.2) else b""
        self._send(
            Draft("ACK sip:we@192.0.2.2 SIP/2.0", [*via, *fields, ("Max-Forwards", "70"), ("CSeq", f"{number} ACK")], body)
        )

    def _peer_pracks(self) -> None:
        """A proper PRACK of a reliable provisional response, or nearly."""
        if self._reliable:
            response = self.rng.choice(self._reliable)
            found = [each for each in self._known if each.call_id == response.call_id]
            if found:
                number = response.header("rseq") if self.grammar.maybe(0.9) else self.grammar.number()
                draft = self._within(found[-1], "PRACK")
                draft.fields = [each for each in draft.fields if each[0] not in {"RAck", "Require", "Content-Length"}]
                draft.fields.append(("RAck", f"{number} {response.cseq.number} INVITE"))
                self._send(draft)

    def _peer_cancels(self) -> None:
        if self._mine:
            invite = self.rng.choice(self._mine)
            assert isinstance(invite, Draft)
            keep = {"via", "v", "from", "f", "to", "t", "call-id", "i", "max-forwards", "cseq"}
            fields = [(name, value.replace("INVITE", "CANCEL")) for name, value in invite.fields if name.strip().lower() in keep]
            self._send(Draft(invite.first.replace("INVITE", "CANCEL"), fields))

    def _peer_answers(self) -> None:
        if not self._asked or self.grammar.maybe(self._silence):
            return
        request = self.rng.choice(list(self._asked)[-3:] if self.grammar.maybe(0.7) else self._asked)
        draw = self.rng.random()
        usual = (
            (100, 180, 183, 200, 200, 200, 401, 407, 486, 491, 487, 481, 422, 503)
            if request.method == "INVITE"
            else (200, 200, 401, 481, 100)
        )
        status = self.rng.choice(usual) if draw < 0.8 else self.rng.choice(STATUSES)
        tag = self.rng.choice(("b1", "b1", "b1", f"fork{self.rng.randrange(40)}", None, ""))
        more = (
            [("WWW-Authenticate" if status == 401 else "Proxy-Authenticate", self.grammar.challenge())]
            if status in {401, 407}
            else []
        )
        if status < 300:
            more += self._abilities()
        elif status == 422:
            more.append(("Min-SE", self.rng.choice(("120", "3600", self.grammar.number()))))
        if 100 < status < 200 and self.grammar.maybe(0.3):
            more += [("Require", "100rel"), ("RSeq", self.grammar.number())]
        self._send(self.grammar.response(request, status, tag, more=more))
        if tag and request.method == "INVITE" and status < 300 and request.from_.tag:
            self._known.append(Known(request.call_id, tag, request.from_.tag))

    def _peer_floods(self) -> None:
        """Far more requests within a dialog than its owner takes, or more answers to one INVITE than any proxy has branches."""
        if self._known and self.grammar.maybe(0.5):
            known, method = self.rng.choice(self._known), self.rng.choice(("INFO", "INFO", "INVITE", "OPTIONS", "BYE"))
            for _ in range(100):
                self._deliver(self._within(known, method).to_bytes(), self._main)
        invites = [each for each in self._asked if each.method == "INVITE"]
        if invites:
            request, status = self.rng.choice(invites), self.rng.choice((180, 200, 200))
            for number in range(60):
                self._deliver(self.grammar.response(request, status, f"many{number}").to_bytes(), self._main)

    def _peer_repeats(self) -> None:
        if self._said:
            for _ in range(self.rng.choice((1, 1, 3))):
                data, source = self.rng.choice(self._said)
                damaged = self.grammar.maybe(0.2)
                self._deliver(hurt_bytes(self.rng, data, (), self.rng.choice((1, 2))) if damaged else data, source)

    def _peer_says_anything(self) -> None:
        grammar = self.grammar
        if self._corpus and grammar.maybe(0.3):
            data = self.rng.choice(self._corpus)
            self._deliver(hurt_bytes(self.rng, data, self._corpus, self.rng.randrange(4)), self._main)
        elif grammar.maybe(0.8):
            self._send(grammar.request(self.rng.choice(METHODS), grammar.names(), transport=self._main.transport))
        else:
            request = Request(
                "INVITE", "sip:x@y", [("Via", f"SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK{grammar.token()}"), ("CSeq", "1 INVITE")]
            )
            self._send(grammar.response(request, self.rng.choice(STATUSES), "x"))

    def _late_ones_come(self) -> None:
        held, self._held = self._held, []
        self.rng.shuffle(held)
        for data, source in held:
            self._deliver(data, source)

    def _listen(self) -> None:
        """Learn from what the core said."""
        while self.watch.sent:
            message = self.watch.sent.popleft()
            self.trace.append(f"{self.watch.now:.3f} we say {message!r} {message.header('cseq')} {message.header('call-id')}")
            if isinstance(message, Request):
                if message.method != "ACK" and message.via not in [each.via for each in self._asked]:
                    self._asked.append(message)
            elif (message.header("cseq") or "").endswith("INVITE"):
                self._learn(message)

    def _learn(self, response: Response) -> None:
        if response.status == 100 or response.status in {400, 501, 505}:
            return
        if response.status >= 200:
            self._acks.append(response)
        elif response.header("rseq"):
            self._reliable.append(response)
        mine, theirs = response.from_.tag, response.to.tag
        if response.status < 300 and theirs and not any(each.theirs == theirs for each in self._known):
            number = response.cseq.number
            self._known.append(Known(response.call_id, mine or "", theirs, number, number))

    # -- our side --------------------------------------------------------------------------------------------------

    def _arrived(self, invite: IncomingInvite) -> None:
        self.figures["INVITEs to us"] += 1
        invite.observe = lambda _event: None
        self.usages.append(invite)
        if self.grammar.maybe(0.3):
            self._wish(invite)

    def _wish(self, usage: InviteDialog) -> None:
        wish = self.rng.choices([each for _, each in WISHES], [weight for weight, _ in WISHES])[0]
        self.trace.append(
            f"{self.watch.now:.3f} wish {WISHES.index(next(each for each in WISHES if each[1] is wish))} in {usage.phase}"
        )
        wish(usage, self.grammar)

    def _refer(self, referral: Referral) -> None:
        draw = self.rng.randrange(4)
        if draw == 0:
            referral.refuse(603)
        elif draw == 1:
            referral.report(self.rng.choice((180, 200, 486)))
        else:
            referral.accept()

    def _owner(self) -> None:
        if self.usages:
            usage = self.rng.choice(self.usages[-6:])
            if self.grammar.maybe(0.5):
                self._take(usage)
            self._wish(usage)

    def _take(self, usage: InviteDialog) -> None:
        events = usage.take_events()
        self.figures["events"] += len(events)
        if any(isinstance(each, TERMINAL) for each in events[:-1]):
            raise Finding(f"something comes after the end: {events}")
        self._referrals.extend(each.referral for each in events if isinstance(each, Referred))
        for referral in [each for each in self._referrals if self.grammar.maybe(0.5)]:
            _ = referral.callee, referral.replaces
            self._refer(referral)

    def _owner_answers_requests(self) -> None:
        requests, self.watch.requests = self.watch.requests, []
        for request in requests:
            request.respond(self.rng.choice((200, 404)))

    def _we_invite(self) -> None:
        if len(self.usages) >= self._calls:
            self._owner()
            return
        self.figures["INVITEs of ours"] += 1
        target = Uri.parse(
            self.rng.choice(
                ("sip:bob@192.0.2.1", "sip:bob@b.example;transport=tcp", "sip:a..b", "tel:+1555", "sip:b@[2001:db8::1]")
            )
        )
        usage = self.watch.core.invite(
            target,
            caller=CALLER,
            body=self.rng.choice((self.grammar.sdp(), self.grammar.sdp() * 6, b"")),
            headers=[("X-Ours", "1")],
            transport=self.rng.choice((None, None, "udp", "tcp")),
            credentials=Credentials("we", "secret é") if self.grammar.maybe(0.6) else None,
        )
        self.usages.append(usage)

    def _time(self) -> None:
        seconds = self.rng.choice(TIMES_S)
        self.trace.append(f"{self.watch.now:.3f} + {seconds} s")
        self.watch.advance(seconds, at_once=self.grammar.maybe(0.2))

    def _transport_fails(self) -> None:
        addresses = [each.address for each in self.watch.core.transactions.values()]
        if addresses:
            self.watch.core.transport_failed(self.rng.choice(addresses), "transport: it broke")

    def _check_usages(self) -> None:
        for usage in self.usages:
            if len(usage.events) > MAX_EVENTS:
                raise Finding(f"{len(usage.events)} events wait for the owner")
            if len(usage.ids) > 20:
                raise Finding(f"one INVITE has {len(usage.ids)} dialogs")
        if len(self.watch.core.dialogs) > MAX_FORKS * len(self.usages):
            raise Finding(f"{len(self.watch.core.dialogs)} dialogs of {len(self.usages)} calls")

    def _end(self) -> None:
        """Everybody hangs up; the peer falls silent or stays polite; then nothing may be left."""
        polite = self.grammar.maybe(0.5)
        for usage in self.usages:
            usage.bye()
        self._owner_answers_requests()
        self._listen()
        for _ in range(4 if polite else 0):
            self.watch.advance(0.3)
            self._listen()
            self._peer_answers()
            self._peer_acknowledges()
        self._owner_answers_requests()
        for usage in self.usages:
            self._take(usage)
            usage.bye()
        self.watch.advance(AFTERWARDS_S)
        self.watch.advance(AFTERWARDS_S)
        self._listen()
        for usage in self.usages:
            if not usage.over:
                raise Finding(f"{usage} in {usage.phase} has no end: its owner waits for ever")
        self.watch.check_empty()
