"""REGISTER, by somebody who knows the password and by others: the registrar keeps few bindings, all of them usable."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from offhook.clock import Clock
from offhook.records import Binding, SipEndpoint
from offhook.sip import Address, Defence, Guard, Registrar, Response, Secret
from offhook.testing.sip_fuzz.grammar import Draft, Grammar, Names
from offhook.testing.sip_fuzz.mutation import hurt
from offhook.testing.sip_fuzz.watch import Finding, Watch

REALM, PASSWORD = "offhook", "sesame é"
SECRET = Secret.of("alice", REALM, PASSWORD)
MAX_CONTACTS = 10
STEPS = 25
ODD = ("", "", ";x=é", ";x=\udce9", ";x=\udce8")
PARAMETERS = (
    *(";q=0.5", ";q=nan", ";q=-inf", ";q=1e400", ";reg-id=1", ';+sip.instance="<urn:uuid:1>"', ";expires=3600", ";expires=0"),
    *(";x=\udcff", ';+sip.instance="\udcfe"', ';+sip.instance="\udcfd"'),
)
_NONCE = re.compile(r'nonce="([^"]*)"')


class _Errors(logging.Handler):
    """What the registrar says about defects of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()}: {record.exc_info[1]!r}" if record.exc_info else record.getMessage())


class Registration:
    """One registrar, and requests to it."""

    def __init__(self, rng: random.Random, figures: Counter[str]) -> None:
        self.rng = rng
        self.grammar = Grammar(rng)
        self.watch = Watch(rng, figures)
        self.figures = figures
        self.wall = 1_700_000_000.0
        self.errors = _Errors()
        guard = Guard(REALM, b"k" * 32, lambda: self.watch.now, self.grammar.token)
        defence = Defence(lambda: self.watch.now, lambda _host: True)
        self.registrar = Registrar(guard, self._endpoint, self._save, lambda *_: None, Clock(lambda: self.wall), defence)
        self.watch.on_request = self.registrar.take
        self._nonce = ""
        self._count = 0

    async def run(self) -> None:
        """Some requests, right and wrong."""
        logger = logging.getLogger("offhook.sip")
        logger.addHandler(self.errors)
        propagate, logger.propagate = logger.propagate, False
        self.registrar.start([])
        try:
            for number in range(STEPS):
                await self._step(number)
        finally:
            await self.registrar.aclose()
            logger.removeHandler(self.errors)
            logger.propagate = propagate
        self._check()  # aclose has written what there was
        for invite in self.watch.arrived:
            invite.refuse(486)
        self.watch.advance(200)
        self.watch.check_empty()

    async def _step(self, number: int) -> None:
        draft = self._request(number)
        if self.grammar.maybe(0.4):
            hurt(self.rng, draft, self.rng.choice((1, 1, 3)))
        source = Address("192.0.2.1", 5060, self.rng.choice(("udp", "tcp", "ws")))
        self.watch.receive(draft.to_bytes(), source)
        for _ in range(4):
            await asyncio.sleep(0)
        while self.watch.sent:
            self._learn(self.watch.sent.popleft())
        if self.grammar.maybe(0.2):
            self.watch.advance(self.rng.choice((1, 40, 400)))
            self.wall += self.rng.choice((1, 59, 3600))
        self._check()

    def _request(self, number: int) -> Draft:
        user = self.rng.choice(("alice", "alice", "alice", "alice", "bob"))
        call_id = self.rng.choice(("one", "one", "two"))
        names = Names(call_id, f"<sip:{user}@h>;tag=1", f"<sip:{user}@h>", number + 1, f"z9hG4bK{self.grammar.token()}")
        draft = self.grammar.request("REGISTER", names, uri="sip:h", content=("", b""))
        odd = {"contact", "authorization", "require", "proxy-require", "content-length", "expires"}
        draft.fields = [each for each in draft.fields if each[0].lower() not in odd]
        draft.fields += [("Contact", self._contact()) for _ in range(self.rng.choice((0, 1, 1, 1, 2, 20)))]
        if self.grammar.maybe(0.4):
            draft.fields.append(("Expires", self.grammar.number()))
        if self.grammar.maybe(0.9):
            draft.fields.append(("Authorization", self._authorization(user)))
        return draft

    def _contact(self) -> str:
        rng = self.rng
        target = self.grammar.uri() if self.grammar.maybe(0.5) else f"sip:alice@192.0.2.{rng.randrange(40)}{rng.choice(ODD)}"
        tail = "".join(rng.sample((*PARAMETERS, f";expires={self.grammar.number()}"), rng.choice((0, 0, 1, 1, 2))))
        return "*" if self.grammar.maybe(0.03) else f"<{target}>{tail}"

    def _authorization(self, user: str) -> str:
        self._count += self.rng.choice((1, 1, 1, 1, 0))
        count, cnonce = f"{self._count:08x}", self.grammar.token()
        password = PASSWORD if self.grammar.maybe(0.9) else "wrong"
        one = _md5(f"{user}:{REALM}:{password}")
        response = _md5(f"{one}:{self._nonce}:{count}:{cnonce}:auth:{_md5('REGISTER:sip:h')}")
        return (
            f'Digest username="{user}", realm="{REALM}", nonce="{self._nonce}", uri="sip:h", response="{response}", '
            f'algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={count}'
        )

    def _learn(self, message: object) -> None:
        if isinstance(message, Response):
            self.figures[f"REGISTER answered with {message.status}"] += 1
            found = _NONCE.search(message.header("www-authenticate") or "")
            if found is not None:
                self._nonce, self._count = found[1], 0

    def _check(self) -> None:
        if self.errors.said:
            raise Finding(self.errors.said[0])
        bindings = self.registrar.bindings("alice")
        if len(bindings) > MAX_CONTACTS or len(self.registrar) > MAX_CONTACTS:
            raise Finding(f"{len(self.registrar)} bindings of one endpoint")
        if len(self.registrar.reach("alice")) > len(bindings) or self.registrar.bindings("bob"):
            raise Finding("more devices than bindings, or somebody is registered who has no password")

    async def _endpoint(self, username: str) -> SipEndpoint | None:
        await asyncio.sleep(0)
        return SipEndpoint("alice", "MA", "1", "alice", SECRET.md5, SECRET.sha256) if username == "alice" else None

    async def _save(self, changed: Mapping[str, Sequence[Binding]]) -> None:
        for bindings in changed.values():
            keys = [each.instance.encode("utf-8", "replace") for each in bindings]
            if len(set(keys)) < len(keys):
                raise Finding(f"two bindings cannot be told apart when they are written: {keys}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def run(rng: random.Random, figures: Counter[str]) -> None:
    """One registrar from its start to its end."""
    asyncio.run(Registration(rng, figures).run())
