"""Trunks on the way out: which one takes a call, how numbers are written there, whether it lives, and our registration at it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import phonenumbers

from offhook.clock import Clock
from offhook.errors import PeerFault
from offhook.records import Trunk
from offhook.sip.digest import Credentials
from offhook.sip.errors import SipParseError
from offhook.sip.message import Response
from offhook.sip.uri import NameAddr, Uri

log = logging.getLogger(__name__)

DEAD_AFTER = 2
"""Times in a row that a trunk does not answer OPTIONS, after which calls try the others first."""
DEAD_S = 30.0
"""For so long after a call that got no answer a trunk is tried last."""
REGISTER_S = 3600
RETRY_S, LONGEST_RETRY_S = 30.0, 600.0
ASK_S = 10.0
"""After a change, a registration or a first OPTIONS is sent within this time: trunks are not asked all at once."""


@dataclass(eq=False)
class NoAnswer(PeerFault):
    """A request of ours got no response."""

    why: str

    def __str__(self) -> str:
        return self.why


class TrunkBusy(PeerFault):
    """The trunk has as many calls as it may."""


class Correspondent(Protocol):
    """Sends requests that belong to no dialog: ``Stack.correspondence``."""

    async def ask(self, method: str, headers: Sequence[tuple[str, str]] = ()) -> Response:
        """Send one; raises ``NoAnswer``."""

    @property
    def contact(self) -> str:
        """Our Contact, as the server reaches us."""


Correspond = Callable[[Trunk, str], Correspondent]


@dataclass(slots=True)
class TrunkState:
    """What is known about a trunk now."""

    calls: int = 0
    alive: bool | None = None
    """Whether it answers OPTIONS; ``None``: it was not asked yet, or is never asked."""
    misses: int = 0
    avoided_until: float = 0.0
    """Loop time."""
    registered: bool | None = None
    """``None``: we do not register there, or have not tried yet."""
    said: str = ""
    """What the last failure was."""
    tokens: float = 0.0
    """Of calls a second."""
    filled_at: float = 0.0
    failures: int = 0
    """Calls that got no answer there, or a 503."""

    def usable(self, now: float) -> bool:
        """Whether, as far as is known, it takes calls; ``now`` is loop time."""
        return self.alive is not False and self.registered is not False and self.avoided_until <= now


class Trunks:
    """All trunks of a node.

    Args:
        correspond: opens a way to ask a trunk's server something, with a user of ours.
        clock: for caps and health.
        choice: random numbers for the weights.
    """

    def __init__(self, correspond: Correspond, clock: Clock, choice: random.Random | None = None) -> None:
        self._correspond = correspond
        self._clock = clock
        self._random = choice or random.Random()
        self._trunks: dict[str, Trunk] = {}
        self._states: dict[str, TrunkState] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    def use(self, trunks: Sequence[Trunk]) -> None:
        """These are the trunks from now on; those that have changed begin anew, their calls go on."""
        wanted = {trunk.name: trunk for trunk in trunks}
        for name in [name for name, trunk in self._trunks.items() if wanted.get(name) != trunk]:
            for task in self._tasks.pop(name, []):
                task.cancel()
            del self._trunks[name]
            if name not in wanted:
                del self._states[name]
        for name, trunk in wanted.items():
            if name not in self._trunks:
                self._trunks[name] = trunk
                self._states.setdefault(name, TrunkState())
                self._begin(trunk)

    async def aclose(self) -> None:
        """Stop asking. Registrations are taken back."""
        tasks = [task for some in self._tasks.values() for task in some]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def __iter__(self) -> Iterator[Trunk]:
        return iter(self._trunks.values())

    def state(self, name: str) -> TrunkState:
        """What is known about one."""
        return self._states[name]

    # -- calls -----------------------------------------------------------------------------------------------------

    def candidates(self, number: str) -> list[Trunk]:
        """The trunks that take a number, in the order in which they are to be tried.

        The longest prefix first, then the lowest priority; among equals by weight. Those that seem dead come last.

        Args:
            number: digits with country code, no ``+``.
        """
        now = self._clock.now()

        def key(trunk: Trunk) -> tuple[bool, int, int, float]:
            dead = not self._states[trunk.name].usable(now)
            # The smallest of exponential times is distributed by the weights (Efraimidis and Spirakis).
            turn = self._random.expovariate(max(trunk.weight, 1e-6)) if trunk.weight > 0 else float("inf")
            return dead, -_fit(trunk, number), trunk.priority, turn

        fitting = [trunk for trunk in self._trunks.values() if _fit(trunk, number) >= 0]
        return [trunk for _, trunk in sorted(((key(trunk), trunk) for trunk in fitting), key=lambda pair: pair[0])]

    @contextmanager
    def call(self, trunk: Trunk) -> Iterator[None]:
        """Count a call as long as the block lasts. Raises ``TrunkBusy``."""
        state = self._states.setdefault(trunk.name, TrunkState())
        if trunk.max_calls is not None and state.calls >= trunk.max_calls:
            raise TrunkBusy(f"trunk {trunk.name} has {state.calls} calls, as many as it may")
        if trunk.max_calls_per_second is not None and not self._token(state, trunk.max_calls_per_second):
            raise TrunkBusy(f"trunk {trunk.name} may have only {trunk.max_calls_per_second:g} new calls a second")
        state.calls += 1
        try:
            yield
        finally:
            state.calls -= 1

    def failed(self, trunk: Trunk, why: str) -> None:
        """A call got no answer there, or a 503: the others are tried first for a while."""
        state = self._states.get(trunk.name)
        if state is not None:
            state.avoided_until, state.said = self._clock.now() + DEAD_S, why
            state.failures += 1

    def _token(self, state: TrunkState, rate: float) -> bool:
        now = self._clock.now()
        full = max(1.0, rate)
        state.tokens = min(full, state.tokens + (now - state.filled_at) * rate) if state.filled_at else full
        state.filled_at = now
        if state.tokens < 1:
            return False
        state.tokens -= 1
        return True

    # -- health and registration -----------------------------------------------------------------------------------

    def _begin(self, trunk: Trunk) -> None:
        work: list[tuple[str, Coroutine[Any, Any, None]]] = []
        if trunk.options_s > 0:
            work.append(("health", self._watch(trunk)))
        if trunk.register and trunk.username:
            work.append(("registration", self._register(trunk)))
        loop = asyncio.get_running_loop()
        self._tasks[trunk.name] = [loop.create_task(each, name=f"{what} of trunk {trunk.name}") for what, each in work]

    async def _watch(self, trunk: Trunk) -> None:
        state, server = self._states[trunk.name], self._correspond(trunk, trunk.username or "ping")
        await asyncio.sleep(self._random.uniform(0, min(ASK_S, trunk.options_s)))
        while True:
            alive, why = await asks(server)
            state.misses = 0 if alive else state.misses + 1
            before = state.alive
            if alive or state.misses >= DEAD_AFTER:
                state.alive, state.said = alive, why
            if state.alive is False and before is not False:
                log.warning("trunk %s: %s", trunk.name, why)
            elif state.alive and before is False:
                log.info("trunk %s answers again", trunk.name)
            await asyncio.sleep(trunk.options_s)

    async def _register(self, trunk: Trunk) -> None:
        state, server = self._states[trunk.name], self._correspond(trunk, trunk.username or "")
        wanted, retry_s = REGISTER_S, RETRY_S
        try:
            while True:
                try:
                    response = await server.ask("REGISTER", _binding(server, wanted))
                except NoAnswer as error:
                    state.registered, state.said, wait_s = False, str(error), retry_s
                else:
                    if response.status == 423:
                        wanted = max(wanted, _number(response.header("min-expires"), wanted * 2))
                        continue
                    state.registered = response.status < 300
                    state.said = "" if state.registered else f"REGISTER: {response.status} {response.reason}"
                    wait_s = max(5.0, 0.9 * granted(response, server.contact, wanted)) if state.registered else retry_s
                if state.registered:
                    retry_s = RETRY_S
                else:
                    log.warning("trunk %s: not registered: %s; again in %d s", trunk.name, state.said, wait_s)
                    retry_s = min(2 * retry_s, LONGEST_RETRY_S)
                await asyncio.sleep(wait_s)
        finally:
            if state.registered:
                await _take_back(server)


async def _take_back(server: Correspondent) -> None:
    try:
        async with asyncio.timeout(1):
            await server.ask("REGISTER", _binding(server, 0))
    except (NoAnswer, TimeoutError):
        return


async def asks(server: Correspondent) -> tuple[bool, str]:
    """Ask whether a server lives. Any answer but 408 and 503 says so. Returns also why not."""
    try:
        response = await server.ask("OPTIONS", [("Accept", "application/sdp")])
    except NoAnswer as error:
        return False, f"no answer to OPTIONS ({error})"
    alive = response.status not in {408, 503}
    return alive, "" if alive else f"OPTIONS: {response.status} {response.reason}"


def _binding(server: Correspondent, expires_s: int) -> list[tuple[str, str]]:
    return [("Contact", server.contact), ("Expires", str(expires_s))]


def granted(response: Response, contact: str, wanted: int) -> int:
    """For how many seconds the server has bound our contact (RFC 3261 section 10.2.4)."""
    ours = NameAddr.parse(contact).uri
    for item in response.items("contact"):
        try:
            found = NameAddr.parse(item, "Contact")
        except SipParseError:
            continue
        if (found.uri.user, found.uri.host, found.uri.port) == (ours.user, ours.host, ours.port):
            expires = next((value for name, value in found.parameters if name.lower() == "expires"), None)
            return _number(expires, _number(response.header("expires"), wanted))
    return _number(response.header("expires"), wanted)


def _number(text: str | None, otherwise: int) -> int:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else otherwise


def _fit(trunk: Trunk, number: str) -> int:
    """The length of the longest prefix of the trunk's that a number begins with; -1: none."""
    return max((len(prefix) for prefix in trunk.prefixes if number.startswith(prefix)), default=-1)


def written(trunk: Trunk, number: str) -> str:
    """A number as a trunk wants it.

    Args:
        number: digits with country code, no ``+``; anything else stays as it is.
    """
    if not (number.isascii() and number.isdigit()):
        return number
    if trunk.number_format == "plain":
        return number
    if trunk.number_format == "e164":
        return f"+{number}"
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return f"+{number}"
    if phonenumbers.region_code_for_number(parsed) != trunk.number_format:
        return f"+{number}"
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(each for each in national if each.isdigit())


def understood(trunk: Trunk, user: str) -> str:
    """A number as a trunk has written it, as digits with country code; anything else stays as it is."""
    digits = "".join(each for each in user if each not in "+ -().")
    if not (digits.isascii() and digits.isdigit()) or user.startswith("+") or trunk.number_format in {"e164", "plain"}:
        return digits if digits.isascii() and digits.isdigit() else user
    try:
        parsed = phonenumbers.parse(digits, trunk.number_format)
    except phonenumbers.NumberParseException:
        return digits
    return f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"


def target(trunk: Trunk, number: str) -> Uri:
    """What an INVITE to a number by a trunk is sent to."""
    bare = Uri.parse(f"sip:{trunk.host}")
    parameters = (("transport", trunk.transport),) if trunk.transport not in {None, "udp"} else ()
    return replace(bare, user=written(trunk, number).replace(" ", ""), parameters=parameters)


def way(trunk: Trunk) -> tuple[NameAddr, ...]:
    """The route to a trunk: its proxy, if it has one."""
    if not trunk.proxy:
        return ()
    uri = Uri.parse(trunk.proxy if trunk.proxy.startswith(("sip:", "sips:")) else f"sip:{trunk.proxy}")
    loose = uri if uri.parameter("lr") is not None else replace(uri, parameters=(*uri.parameters, ("lr", None)))
    return (NameAddr(loose),)


def credentials(trunk: Trunk) -> Credentials | None:
    """What its challenges are answered with."""
    return Credentials(trunk.username, trunk.password) if trunk.username and trunk.password else None
