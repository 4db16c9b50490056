"""Who is calling: a trunk, an endpoint, or a stranger; and whether that is believed."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from offhook.records import SipEndpoint, Trunk
from offhook.sip.defence import Defence
from offhook.sip.guard import Answer, Guard, Secret, Verdict
from offhook.sip.invite import IncomingInvite
from offhook.sip.names import Network, is_address

OWN_MARK = "X-Offhook-Own"
STRANGERS = ("answer", "refuse")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose call is taken."""

    kind: Literal["trunk", "endpoint", "stranger", "node"]
    """``node``: a call that this node itself has placed to one of its own numbers."""
    app_id: str | None = None
    """The application that runs their calls: an endpoint's own; a trunk's only where the number has none."""
    trunk: Trunk | None = None
    endpoint: SipEndpoint | None = None
    username: str | None = None
    """With which they have proved who they are, by digest."""
    hops: int = 0
    """How many calls of this node have led to this one."""


class Admission:
    """Decides about each INVITE.

    Args:
        guard: challenges.
        endpoint: an endpoint by its name.
        defence: is told of failures.
        strangers: what becomes of calls from nobody whom we know: ``answer`` or ``refuse``.
    """

    def __init__(
        self, guard: Guard, endpoint: Callable[[str], Awaitable[SipEndpoint | None]], defence: Defence, strangers: str = "answer"
    ) -> None:
        self._guard = guard
        self._endpoint = endpoint
        self._defence = defence
        self._strangers = strangers
        self._own_mark = secrets.token_hex(16)
        self._trunks: list[tuple[Network, Trunk]] = []
        self._by_username: dict[str, Trunk] = {}

    def use(self, trunks: list[Trunk]) -> None:
        """These are the trunks from now on."""
        networks = [(network, trunk) for trunk in trunks for network in networks_of(trunk)]
        self._trunks = sorted(networks, key=lambda pair: pair[0].prefixlen, reverse=True)
        self._by_username = {trunk.inbound_username: trunk for trunk in trunks if trunk.inbound_username}

    def trunk_at(self, host: str) -> Trunk | None:
        """The trunk that an address belongs to, the narrowest network first."""
        if not self._trunks or not is_address(host):
            return None
        address = ipaddress.ip_address(host)
        return next((trunk for network, trunk in self._trunks if address.version == network.version and address in network), None)

    def own_mark(self, hops: int) -> tuple[str, str]:
        """The header field by which a node knows a call to one of its own numbers; only ever sent to itself.

        Args:
            hops: how many calls of this node have led to this one.
        """
        return OWN_MARK, f"{self._own_mark}-{hops}"

    async def admit(self, invite: IncomingInvite) -> Caller | None:
        """Who it is; ``None``: the INVITE has been challenged or refused."""
        mark, _, hops = (invite.request.header(OWN_MARK) or "").partition("-")
        if hops.isdecimal() and hmac.compare_digest(mark.encode(), self._own_mark.encode()):
            return Caller("node", hops=int(hops[:6]))
        trunk = self.trunk_at(invite.peer.host)
        if trunk is not None:
            return Caller("trunk", trunk.app_id, trunk)
        answer = self._guard.read(invite.request, proxy=True)
        if answer is not None:
            return await self._proved(invite, answer)
        user = invite.request.from_.uri.user or ""
        known = user in self._by_username or await self._endpoint(user) is not None
        if not known and self._strangers == "answer":
            return Caller("stranger")
        # Also where From names nobody: a phone may show a number there, and only its answer says whose it is.
        invite.refuse(407, headers=self._guard.challenges(invite.request, proxy=True))
        return None

    async def _proved(self, invite: IncomingInvite, answer: Answer) -> Caller | None:
        trunk = self._by_username.get(answer.username)
        endpoint = None if trunk is not None else await self._endpoint(answer.username)
        verdict = self._guard.check(answer, "INVITE", _secret(trunk, endpoint))
        host = invite.peer.host
        if verdict is Verdict.STALE:
            invite.refuse(407, headers=self._guard.challenges(invite.request, proxy=True, stale=True))
        elif verdict is Verdict.RIGHT:
            self._defence.succeeded(host)
            app_id = endpoint.app_id if endpoint is not None else trunk.app_id if trunk is not None else None
            kind: Literal["trunk", "endpoint"] = "trunk" if trunk is not None else "endpoint"
            return Caller(kind, app_id, trunk, endpoint, answer.username)
        else:
            self._defence.failed(host, f"it calls as {answer.username[:40]!r} with a wrong password")
            invite.refuse(403, "Forbidden (user name or password)")
        return None


def _secret(trunk: Trunk | None, endpoint: SipEndpoint | None) -> Secret | None:
    if trunk is not None and trunk.inbound_md5 and trunk.inbound_sha256:
        return Secret(trunk.inbound_md5, trunk.inbound_sha256)
    return Secret(endpoint.ha1_md5, endpoint.ha1_sha256) if endpoint is not None else None


def networks_of(trunk: Trunk) -> list[Network]:
    """Where its calls come from: what is listed, and its host where that is an address."""
    host = trunk.host.rpartition(":")[0] if trunk.host.count(":") == 1 else trunk.host.strip("[]")
    found: list[Network] = [ipaddress.ip_network(each, strict=False) for each in trunk.addresses]
    if is_address(host):
        found.append(ipaddress.ip_network(host))
    return found
