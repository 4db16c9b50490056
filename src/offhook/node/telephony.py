"""Whom a node knows in the SIP world: its endpoints, its trunks, and whom it does not listen to."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, cast

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.legs import Leg
from offhook.records import SipEndpoint, Trunk
from offhook.settings import Settings
from offhook.sip import (
    Address,
    Admission,
    Caller,
    Defence,
    Guard,
    IncomingInvite,
    IncomingRequest,
    InviteDialog,
    NameAddr,
    OutgoingInvite,
    Registrar,
    Request,
    Signer,
    Stack,
    Trunks,
    Uri,
    Verification,
    Verifier,
    trunking,
)
from offhook.store import Store


def is_loopback(host: str) -> bool:
    """Whether only this machine itself can send from there."""
    return host == "::1" or host.startswith("127.")


log = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[bytes]]
FRESH_S = 1.0
"""An endpoint that another process changes is known within this time."""
TRUNKS_S = 2.0
"""And a trunk within this."""
MAX_CACHED = 20_000


class Telephony:
    """Wires the registrar, the admission of calls and the trunks to the store and the stack."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, ids: Ids, fetch: Fetch) -> None:
        """Args:
        fetch: gets the certificates of those who sign calls.
        """
        self._store = store
        self._clock = clock
        self._domain = settings.sip_domain
        self._known: dict[str, tuple[SipEndpoint | None, float]] = {}
        self._stack: Stack | None = None
        self._polling: asyncio.Task[None] | None = None
        self.guard = Guard(settings.sip_realm, secrets.token_bytes(32), clock.now, ids.token, settings.digest)
        self.defence = Defence(clock.now, self._trusted, settings.requests_per_s)
        self.admission = Admission(self.guard, self.endpoint, self.defence, settings.strangers)
        self.registrar = Registrar(
            self.guard, self.endpoint, store.telephony.set_bindings, self._ping, clock, self.defence, self._connected
        )
        self.trunks = Trunks(self._correspond, clock)
        self.verifier = Verifier(fetch, _authorities(settings), clock, allow_http=settings.allow_private_urls)
        self.signer = _signer(settings, clock, ids)

    async def start(self, stack: Stack) -> None:
        """The stack listens: go on with the registrations of the last run, and begin with the trunks."""
        self._stack = stack
        self.registrar.start(await self._store.telephony.bindings(self._clock.wall()))
        await self._use_trunks()
        self._polling = asyncio.get_running_loop().create_task(self._poll(), name="trunks")

    async def aclose(self) -> None:
        """Take back our registrations, write down those of others. The stack must still be there."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
        await self.trunks.aclose()
        await self.verifier.aclose()
        await self.registrar.aclose()

    def hears(self, source: Address, request: Request | None) -> bool:
        """Whether a message is looked at (``CoreParts.hears``)."""
        if request is None:
            return not self.defence.ignores(source.host)
        return self.defence.takes(source.host, request.header("user-agent") or "")

    def request(self, incoming: IncomingRequest) -> None:
        """A REGISTER."""
        self.registrar.take(incoming)

    async def verify(self, invite: IncomingInvite, caller: Caller) -> Verification:
        """What is known about the caller's number (STIR/SHAKEN)."""
        trunk = caller.trunk
        region = trunk.number_format if trunk is not None and len(trunk.number_format) == 2 else None
        return await self.verifier.verify(invite.request, region=region, trusted=trunk is not None)

    async def endpoint(self, username: str) -> SipEndpoint | None:
        """An endpoint by its name; remembered for a second."""
        if not username[:1].isalpha() or len(username) > 64:
            return None  # most callers are numbers
        known = self._known.get(username)
        if known is None or known[1] <= self._clock.now():
            if len(self._known) >= MAX_CACHED:
                self._known.clear()
            known = await self._store.telephony.endpoint(username), self._clock.now() + FRESH_S
            self._known[username] = known
        return known[0]

    def log_out(self, username: str) -> None:
        """An endpoint was removed, or has another password: it is registered nowhere any more."""
        self._known.pop(username, None)
        self.registrar.forget(username)

    def place(self, target: Uri, caller: NameAddr, offer: bytes, headers: Sequence[tuple[str, str]]) -> OutgoingInvite | None:
        """Call an endpoint that is registered, or a number by a trunk; nobody else is called because somebody asks us to."""
        if self._stack is None:
            return None
        joined = next((self._stack.named_by(value) for name, value in headers if name == "Replaces"), None)
        if joined is not None:
            return self._join(joined, caller, offer, headers)
        reached = self.registrar.reach(target.user or "")
        if reached:
            one = reached[0]
            return self._stack.invite(one.target, caller=caller, body=offer, headers=headers, route=one.route, flow=one.flow)
        number = "".join(each for each in target.user or "" if each not in "+-(). ")
        trunks = self.trunks.candidates(number) if number.isascii() and number.isdigit() else []
        if not trunks:
            return None
        trunk = trunks[0]
        return self._stack.invite(
            trunking.target(trunk, number),
            caller=caller,
            body=offer,
            headers=headers,
            transport=trunk.transport,
            credentials=trunking.credentials(trunk),
            route=trunking.way(trunk),
        )

    def _join(
        self, joined: InviteDialog, caller: NameAddr, offer: bytes, headers: Sequence[tuple[str, str]]
    ) -> OutgoingInvite | None:
        """Two calls of one phone become one: we call ourselves, and that call takes the phone's place in both.

        Only where the second is a talk: the document of a call that nobody is connected to would be left with no one to hear it.
        """
        if self._stack is None or not isinstance(joined.owner, Leg) or not joined.owner.bridged:
            return None
        here = Uri(host=self._stack.advertised_host("127.0.0.1"), user=joined.dialog.local.uri.user, port=self._stack.port)
        return self._stack.invite(here, caller=caller, body=offer, headers=[*headers, self.admission.own_mark(1)])

    def _trusted(self, host: str) -> bool:
        if is_loopback(host):
            return True
        return self.admission.trunk_at(host) is not None or self.registrar.knows(host)

    def _ping(self, octets: bytes, address: Address) -> None:
        if self._stack is not None:
            self._stack.ping(octets, address)

    def _connected(self, address: Address) -> bool:
        return self._stack is not None and self._stack.connected(address)

    def _correspond(self, trunk: Trunk, user: str) -> trunking.Correspondent:
        assert self._stack is not None
        bare = trunking.target(trunk, "")
        ours = self._domain or self._stack.advertised_host(bare.host)
        sender = Uri(host=bare.host if user == trunk.username else ours, user=user)
        return self._stack.correspondence(
            Uri(host=bare.host, port=bare.port, parameters=bare.parameters),
            sender=NameAddr(sender),
            credentials=trunking.credentials(trunk),
            route=trunking.way(trunk),
            transport=trunk.transport,
        )

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(TRUNKS_S)
            try:
                await self._use_trunks()
            except Exception:
                log.exception("the trunks could not be read; those that are known stay in use")

    async def _use_trunks(self) -> None:
        trunks = await self._store.telephony.trunks()
        self.admission.use(trunks)
        self.trunks.use(trunks)


def _authorities(settings: Settings) -> list[bytes]:
    return [] if settings.stir_authorities is None else [_read(settings.stir_authorities, "stir_authorities")]


def _signer(settings: Settings, clock: Clock, ids: Ids) -> Signer | None:
    if settings.stir_key is None:
        return None
    if settings.stir_certificate_url is None:
        raise SettingsError("stir_key needs stir_certificate_url: where everybody finds the certificate of that key")
    key = _read(settings.stir_key, "stir_key")
    attestation = cast("Literal['A', 'B', 'C']", settings.stir_attestation)
    return Signer(key, settings.stir_certificate_url, attestation, clock=clock, ids=ids, allow_http=settings.allow_private_urls)


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read ({error.strerror})") from None
