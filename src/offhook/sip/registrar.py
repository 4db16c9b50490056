"""The registrar (RFC 3261 section 10.3, RFC 3327, RFC 5626 as far as a server without proxies needs it)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime

from offhook.clock import Clock
from offhook.records import Binding, SipEndpoint
from offhook.sip.defence import Defence
from offhook.sip.errors import HeaderError, SipParseError
from offhook.sip.guard import Guard, Secret, Verdict
from offhook.sip.headers import Address
from offhook.sip.message import Request
from offhook.sip.requests import IncomingRequest
from offhook.sip.uas import flow_of
from offhook.sip.uri import NameAddr, Uri

log = logging.getLogger(__name__)

SHORTEST_S, USUAL_S, LONGEST_S = 60, 3600, 7200
"""Of a registration. Who asks for less gets 423, who asks for more gets the longest."""
MAX_CONTACTS = 10
"""Of one user. When another one comes, that which expires next makes room."""
MAX_PATH = 8
WRITE_S = 0.5
"""Changes are written together, at most so long after they were made."""
HOSTS_S = 5.0
"""An address that somebody has registered from is known as such within this time."""
KEEP_ALIVE_S = 25.0
"""A NAT forgets where UDP came from after 30 s and more."""
KEEP_ALIVE = b"\r\n\r\n"

Endpoints = Callable[[str], Awaitable[SipEndpoint | None]]
Save = Callable[[Mapping[str, Sequence[Binding]]], Awaitable[None]]
Ping = Callable[[bytes, Address], None]


@dataclass(frozen=True, slots=True)
class Reach:
    """How a registered device is called."""

    target: Uri
    route: tuple[NameAddr, ...]
    flow: Address | None
    """Its connection, or the hole in its NAT."""
    user_agent: str


class Refused(Exception):
    """The registration is answered with this, and nothing is changed."""

    def __init__(self, status: int, reason: str | None = None, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(status, reason)
        self.status, self.reason, self.headers = status, reason, headers


class Registrar:
    """Knows where endpoints are.

    Args:
        guard: challenges.
        endpoints: an endpoint by its name.
        save: writes all bindings of some users in place of those that are written.
        ping: sends octets to an address.
        clock: for expiry.
        defence: is told of wrong passwords.
        connected: whether a connection leads to an address.
    """

    def __init__(
        self,
        guard: Guard,
        endpoints: Endpoints,
        save: Save,
        ping: Ping,
        clock: Clock,
        defence: Defence,
        connected: Callable[[Address], bool] = lambda _address: True,
    ) -> None:
        self._guard = guard
        self._endpoints = endpoints
        self._save = save
        self._ping = ping
        self._clock = clock
        self._defence = defence
        self._connected = connected
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._hosts: set[str] = set()
        self._hosts_until = 0.0
        self._changed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Event()

    # -- its life --------------------------------------------------------------------------------------------------

    def start(self, known: Iterable[Binding]) -> None:
        """Go on with the registrations of the last run."""
        for binding in known:
            self._bindings.setdefault(binding.username, {})[binding.instance] = binding
        for work in (self._write_now_and_then(), self._keep_alive_now_and_then()):
            self._run(work, "registrar")

    async def aclose(self) -> None:
        """Stop, and write what is not written yet."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._write()

    def __len__(self) -> int:
        return sum(len(bindings) for bindings in self._bindings.values())

    # -- what others ask -------------------------------------------------------------------------------------------

    def bindings(self, username: str) -> list[Binding]:
        """Where an endpoint is now, the preferred first."""
        now = self._clock.wall()
        live = [each for each in self._bindings.get(username, {}).values() if each.expires_at > now]
        return sorted(live, key=lambda each: (-each.priority, each.instance))

    def reach(self, username: str) -> list[Reach]:
        """How an endpoint is called: all its devices, the preferred first; none when it is not registered.

        One whose connection is gone is called by its Contact; a browser is not, only it can open another (RFC 7118 section 5).
        """
        found = []
        for binding in self.bindings(username):
            with suppress(SipParseError, ValueError):
                flow = Address.parse(binding.source) if binding.natted else None
                if flow is not None and flow.reliable and not self._connected(flow):
                    if flow.transport in {"ws", "wss"}:
                        continue
                    flow = None
                path = tuple(NameAddr.parse(each, "Path") for each in binding.path)
                found.append(Reach(Uri.parse(binding.contact), path, flow, binding.user_agent))
        return found

    def knows(self, host: str) -> bool:
        """Whether somebody is registered from this address."""
        now = self._clock.now()
        if now >= self._hosts_until:
            self._hosts = {Address.parse(each.source).host for one in self._bindings.values() for each in one.values()}
            self._hosts_until = now + HOSTS_S
        return host in self._hosts

    def forget(self, username: str) -> None:
        """The endpoint is no more."""
        if self._bindings.pop(username, None) is not None:
            self._change(username)

    # -- REGISTER --------------------------------------------------------------------------------------------------

    def take(self, incoming: IncomingRequest) -> None:
        """A REGISTER came. Without an answer to a challenge of ours it gets one, and is forgotten."""
        answer = self._guard.read(incoming.request)
        if answer is None:
            incoming.respond(401, self._guard.challenges(incoming.request))
        elif incoming.hold():
            self._run(self._register(incoming), f"register {answer.username[:40]}")

    async def _register(self, incoming: IncomingRequest) -> None:
        try:
            username = await self._authenticated(incoming)
            headers = self._apply(incoming.request, incoming.source, username)
        except Refused as refused:
            incoming.respond(refused.status, refused.headers, refused.reason)
        except HeaderError as error:
            incoming.respond(400, (), f"Bad Request ({error.field} is malformed)")
        except Exception:
            log.exception("a registration from %s met a defect of ours", incoming.source)
            incoming.respond(500)
        else:
            incoming.respond(200, headers)

    async def _authenticated(self, incoming: IncomingRequest) -> str:
        """Whose password it was. Raises ``Refused``."""
        answer = self._guard.read(incoming.request)
        assert answer is not None
        endpoint = await self._endpoints(answer.username)
        secret = None if endpoint is None else Secret(endpoint.ha1_md5, endpoint.ha1_sha256)
        verdict = self._guard.check(answer, "REGISTER", secret)
        if verdict is Verdict.STALE:
            raise Refused(401, None, self._guard.challenges(incoming.request, stale=True))
        host = incoming.source.host
        if verdict is not Verdict.RIGHT or endpoint is None:
            self._defence.failed(host, f"it registers as {answer.username[:40]!r} with a wrong password")
            raise Refused(403, "Forbidden (user name or password)")
        self._defence.succeeded(host)
        if incoming.request.to.uri.user != endpoint.username:
            raise Refused(403, "Forbidden (To is somebody else)")
        return endpoint.username

    def _apply(self, request: Request, source: Address, username: str) -> list[tuple[str, str]]:
        """Change the bindings as the request wants, all or none. Returns the fields of the 200."""
        items = request.items("contact")
        before = {each.instance: each for each in self.bindings(username)}
        after = dict(before)
        if "*" in (item.strip() for item in items):
            if len(items) > 1 or (request.header("expires") or "").strip() != "0":
                raise Refused(400, "Bad Request (Contact: * goes alone, with Expires: 0)")
            for binding in before.values():
                _in_order(request, binding)
            after.clear()
        else:
            for item in items:
                self._bind(request, source, username, NameAddr.parse(item, "Contact"), after)
        while len(after) > MAX_CONTACTS:
            del after[min(after.values(), key=lambda each: each.expires_at).instance]
        if items:
            self._bindings[username] = after
            if not after:
                del self._bindings[username]
            self._change(username)
        return self._answer(username, request)

    def _bind(self, request: Request, source: Address, username: str, contact: NameAddr, bindings: dict[str, Binding]) -> None:
        uri = str(replace(contact.uri, headers=""))
        parameters = {name.lower(): value or "" for name, value in contact.parameters}
        instance = parameters.get("+sip.instance", "") + parameters.get("reg-id", "") or uri
        if not _is_text(uri + instance):
            raise HeaderError("Contact", str(contact), "UTF-8")  # nor could it be written, or told from another one, in the store
        known = bindings.get(instance)
        if known is not None:
            _in_order(request, known)
        expires = _seconds(parameters.get("expires", request.header("expires") or str(USUAL_S)))
        if expires == 0:
            bindings.pop(instance, None)
            return
        if expires < SHORTEST_S:
            raise Refused(423, None, [("Min-Expires", str(SHORTEST_S))])
        bindings[instance] = Binding(
            username=username,
            contact=uri,
            instance=instance,
            source=str(source),
            call_id=request.call_id,
            sequence=request.cseq.number,
            expires_at=self._clock.wall() + timedelta(seconds=min(expires, LONGEST_S)),
            path=tuple(request.items("path")[:MAX_PATH]),
            natted=not request.items("path") and (source.reliable or flow_of(request, source) is not None),
            priority=_priority(parameters.get("q", "1")),
            user_agent=(request.header("user-agent") or "")[:200],
        )

    def _answer(self, username: str, request: Request) -> list[tuple[str, str]]:
        now = self._clock.wall()
        fields = [("Path", each) for each in request.items("path")[:MAX_PATH]]
        for each in self.bindings(username):
            left = max(1, round((each.expires_at - now).total_seconds()))
            fields.append(("Contact", f"<{each.contact}>;expires={left}"))
        return [*fields, ("Date", format_datetime(now, usegmt=True))]

    # -- beside ----------------------------------------------------------------------------------------------------

    def _change(self, username: str) -> None:
        self._changed.add(username)
        self._writing.set()

    async def _write_now_and_then(self) -> None:
        while True:
            await self._writing.wait()
            await asyncio.sleep(WRITE_S)
            self._writing.clear()
            await self._write()

    async def _write(self) -> None:
        changed, self._changed = self._changed, set()
        if not changed:
            return
        try:
            await self._save({username: list(self._bindings.get(username, {}).values()) for username in changed})
        except Exception:
            log.exception("the registrations of %d endpoints could not be written; they are tried again", len(changed))
            self._changed |= changed

    async def _keep_alive_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            for username in list(self._bindings):
                live = {each.instance: each for each in self.bindings(username)}
                if len(live) < len(self._bindings[username]):
                    self._bindings[username] = live
                    if not live:
                        del self._bindings[username]
                for each in live.values():
                    if each.natted and each.source.endswith("/udp"):
                        self._ping(KEEP_ALIVE, Address.parse(each.source))

    def _run(self, work: Awaitable[None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _in_order(request: Request, known: Binding) -> None:
    """A registration that was overtaken by a later one of the same client changes nothing (section 10.3 step 7)."""
    if request.call_id == known.call_id and request.cseq.number <= known.sequence:
        raise Refused(500, "Server Internal Error (the CSeq is out of order)")


def _is_text(text: str) -> bool:
    """Whether its octets were UTF-8."""
    return all(not 0xDC80 <= ord(each) <= 0xDCFF for each in text)


def _seconds(text: str) -> int:
    """Delta seconds; what is none means the usual time (section 10.2.1.1)."""
    text = text.strip()
    return min(int(text), 2**31) if text.isascii() and text.isdigit() and len(text) < 12 else USUAL_S


def _priority(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0
