"""The customer's web server, as the rest of Offhook sees it: fetches, notifications, audio files."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from offhook.clock import Clock
from offhook.errors import HookFailed, InvalidUrl
from offhook.events import Event, HttpAttempted, Noted, NotificationQueued, Observe, unobserved
from offhook.hooks.attempts import AttemptLog
from offhook.hooks.courier import Courier, Reopen, Shelf, nothing_reopened
from offhook.hooks.exchange import Success, Wish, exchange
from offhook.hooks.outcomes import outcome_of
from offhook.hooks.outgoing import clean
from offhook.hooks.policy import MEDIA, read_policy
from offhook.hooks.signature import Tokens, websocket_headers
from offhook.hooks.target import parse_target, redacted
from offhook.hooks.transport import Transport
from offhook.ids import Ids
from offhook.metrics import Distribution
from offhook.records import Delivery, Notification

_log = logging.getLogger("offhook.hooks")

XML_LIMIT = 102_400
"""A document may be this long, in octets. One more is read, so that the reader sees that it is longer (reference 2.4)."""
MEDIA_LIMIT = 10 * 1024 * 1024
"""An audio file may be this long, in octets."""

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NOT_STORED = re.compile(r"(?:^|,)\s*no-store\b", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|,)\s*(?:no-store|no-cache)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSettings:
    """How this node asks customers' servers."""

    user_agent: str = "Offhook"
    allow_private: bool = False
    """Whether URLs may lead to private, loopback and other addresses that are not on the open internet."""
    verify_tls: bool = True
    send_v1: bool = False
    """Whether requests carry the historical V1 signature too."""
    abandoned_s: float = 5.0
    """How long a fetch goes on after its call ended (reference 2.5: it is finished, its document discarded)."""
    at_once: int = 1024
    """Notifications under way, all together."""
    at_once_per_host: int = 128
    backoff_s: tuple[float, ...] = ()
    """How long a notification waits before each further round of attempts, once all that its URL allows have failed for a reason
    that the URL has tried again (``rp``). Empty: it is given up at once, as reference 2.2 says."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx reply with a body, which the caller reads as XML."""

    url: str
    """Who answered in the end: relative URLs of the document resolve against it. May hold credentials; show ``redacted(url)``."""
    status: int
    content_type: str | None
    body: bytes
    """At most ``XML_LIMIT + 1`` octets: when it is longer than ``XML_LIMIT``, the document is too large."""
    duration_ms: int
    """Attempts and redirects together."""


@dataclass(frozen=True, slots=True)
class MediaReply:
    """An audio file, or the word that the copy at hand is still good."""

    url: str
    status: int
    """200, another 2xx, or 304."""
    body: bytes
    content_type: str | None
    etag: str | None
    last_modified: str | None
    cache_control: str | None
    duration_ms: int

    @property
    def max_age_s(self) -> int | None:
        """How long it may be used without asking (RFC 9111 section 5.2.2); 0: not at all; ``None``: the server does not say."""
        if self.cache_control is None:
            return None
        if _NOT_KEPT.search(self.cache_control):
            return 0
        found = _MAX_AGE.search(self.cache_control)
        return int(found[1]) if found else None

    @property
    def storable(self) -> bool:
        """Whether it may be used again at all (RFC 9111 section 5.2.2.5)."""
        return self.cache_control is None or _NOT_STORED.search(self.cache_control) is None


class Hooks:
    """Every request to customers' servers. One for a node."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        tokens: Callable[[str], Tokens],
        shelf: Shelf,
        settings: HookSettings | None = None,
        reopen: Reopen = nothing_reopened,
    ) -> None:
        """Prepare it; nothing happens before ``start``.

        Args:
            clock: loop time and wall time.
            ids: nonces.
            tokens: who signs for an account, by auth id; called for every attempt, so it must not wait.
            shelf: where notifications survive a restart.
            settings: the defaults refuse private addresses.
            reopen: the timeline of a call, by its CallUUID, for what is delivered after it, or after a restart.
        """
        self._clock = clock
        self._ids = ids
        self._tokens = tokens
        self._shelf = shelf
        self._settings = settings or HookSettings()
        self._transport: Transport | None = None
        self.attempts = Distribution()
        """How long requests took, in s, by purpose and outcome."""
        self.delivered: Counter[tuple[str, ...]] = Counter()
        """Rounds of notifications, by purpose and whether they were ``delivered``, ``postponed`` or ``given-up``."""
        self._fetches: set[asyncio.Task[Success]] = set()
        self._courier = Courier(
            shelf,
            self._deliver,
            _host_of,
            at_once=self._settings.at_once,
            at_once_per_host=self._settings.at_once_per_host,
            clock=clock,
            reopen=reopen,
        )

    @property
    def under_way(self) -> int:
        """Fetches running plus notifications in memory: 0 when nothing is left to do."""
        return len(self._fetches) + self._courier.waiting

    async def start(self) -> None:
        """Open the client and deliver what the last run left on the shelf."""
        self._transport = Transport(allow_private=self._settings.allow_private, verify_tls=self._settings.verify_tls)
        await self._courier.start()

    def upgrade_headers(self, auth_id: str, url: str) -> Sequence[tuple[str, str]]:
        """The signature of a stream's WebSocket upgrade (reference 6.4), with a new nonce; make them for each attempt.

        Args:
            auth_id: whose call it is; its tokens sign.
            url: ``wss://…`` or ``ws://…``, as it is asked for, percent-encoded.
        """
        return websocket_headers(url, self._tokens(auth_id), self._ids.nonce())

    async def aclose(self, drain_s: float = 0.0) -> None:
        """Go on with what is under way for at most ``drain_s`` seconds, then stop; notifications left wait on the shelf."""
        await self._courier.aclose(drain_s)
        fetches = list(self._fetches)
        for task in fetches:
            task.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        if self._transport is not None:
            await self._transport.aclose()

    async def fetch(
        self, *, auth_id: str, purpose: str, url: str, method: str, parameters: Mapping[str, str], observe: Observe
    ) -> Reply:
        """Ask for a document: 15 s an attempt unless the URL's fragment says otherwise (reference 2.2). The body is not judged.

        Args:
            auth_id: whose call it is; its tokens sign.
            purpose: ``answer``, ``action``, … for the timeline.
            url: absolute, with its fragment.
            method: ``GET`` or ``POST``.
            parameters: decoded.
            observe: gets one ``HttpAttempted`` for each request made.

        If the caller is cancelled, a request under way is still finished, for ``abandoned_s`` at most, and its reply discarded.

        Raises:
            InvalidUrl: it is not an http(s) URL.
            HookFailed: no 2xx reply after all attempts, or an empty one.
        """
        began = self._clock.now()
        wish = self._webhook(auth_id, purpose, url, method, parameters, observe, xml=True)
        wish.limit = XML_LIMIT
        success = await self._finishing(wish)
        answer = success.answer
        if not answer.body:
            raise HookFailed(wish.target.shown, "empty", answer.status, success.attempts)
        duration_ms = round((self._clock.now() - began) * 1000)
        return Reply(success.target.base, answer.status, answer.headers.get("Content-Type"), answer.body, duration_ms)

    async def notify(self, notification: Notification, observe: Observe = unobserved) -> None:
        """Put it on the shelf, then deliver it in the background after the earlier ones of its call. Durable on return.

        A shelf that fails is logged, and the notification is delivered all the same: it only would not survive a restart.
        """
        try:
            await self._shelf.add(notification)
        except Exception:  # noqa: BLE001 - the customer shall hear of it whatever is wrong with our database
            _log.exception("notification %s of call %s is delivered without being kept", notification.id, notification.call_uuid)
        self.deliver(notification, observe)

    def deliver(self, notification: Notification, observe: Observe = unobserved) -> None:
        """Deliver in the background what is on the shelf already."""
        observe(NotificationQueued(notification.purpose, redacted(notification.url.partition("#")[0])))
        self._courier.take(notification, observe)

    async def settled(self, call_uuid: str, timeout_s: float) -> bool:
        """Wait until the notifications of this call so far are delivered or given up.

        Returns:
            Whether they are; if not, the next one does not wait for them (reference 2.5: the hangup request waits 5 s at most).
        """
        return await self._courier.settled(call_uuid, timeout_s)

    async def get_media(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None, observe: Observe = unobserved
    ) -> MediaReply:
        """Get an audio file: unsigned, without parameters; 2 s to connect, 120 s to read, tried twice whatever goes wrong.

        Args:
            url: absolute; its fragment does not count.
            etag: of the copy at hand, for a conditional request.
            last_modified: likewise.
            observe: gets one ``HttpAttempted`` for each request made.

        Raises:
            InvalidUrl: it is not an http(s) URL.
            HookFailed: it could not be had; ``too-large`` when it is longer than ``MEDIA_LIMIT``.
        """
        began = self._clock.now()
        conditions = [("If-None-Match", etag), ("If-Modified-Since", last_modified)]
        wish = Wish(
            purpose="clip",
            target=parse_target(url),
            method="GET",
            parameters={},
            policy=MEDIA,
            observe=self._counting(observe),
            user_agent=self._settings.user_agent,
            nonce=self._ids.nonce,
            extra_headers=tuple((name, value) for name, value in conditions if value),
            limit=MEDIA_LIMIT,
            also_fine=304 if etag or last_modified else None,
        )
        success = await exchange(wish, self._open_transport(), self._clock)
        answer, headers = success.answer, success.answer.headers
        if answer.truncated:
            raise HookFailed(wish.target.shown, "too-large", answer.status, success.attempts)
        return MediaReply(
            success.target.base,
            answer.status,
            answer.body,
            headers.get("Content-Type"),
            headers.get("ETag"),
            headers.get("Last-Modified"),
            headers.get("Cache-Control"),
            round((self._clock.now() - began) * 1000),
        )

    def _webhook(
        self, auth_id: str, purpose: str, url: str, method: str, parameters: Mapping[str, str], observe: Observe, *, xml: bool
    ) -> Wish:
        target = parse_target(url)
        policy, remarks = read_policy(target.fragment, xml=xml)
        for remark in remarks:
            observe(Noted(remark))
        return Wish(
            purpose=purpose,
            target=target,
            method="GET" if method.upper() == "GET" else "POST",
            parameters=clean(parameters),
            policy=policy,
            observe=self._counting(observe),
            user_agent=self._settings.user_agent,
            nonce=self._ids.nonce,
            tokens=self._tokens(auth_id),
            sign_v1=self._settings.send_v1,
        )

    def _counting(self, observe: Observe) -> Observe:
        def observed(event: Event) -> None:
            if isinstance(event, HttpAttempted):
                self.attempts.note(event.duration_ms / 1000, event.purpose, outcome_of(event))
            observe(event)

        return observed

    async def _finishing(self, wish: Wish) -> Success:
        """Run the exchange in a task of its own, so that it outlives a caller who hangs up."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(exchange(wish, self._open_transport(), self._clock), name=f"fetch {wish.purpose}")
        self._fetches.add(task)
        task.add_done_callback(self._fetches.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                wish.wanted = False
                patience = loop.call_later(self._settings.abandoned_s, task.cancel)
                task.add_done_callback(lambda done: _forget(done, patience))
            raise

    async def _deliver(self, notification: Notification, observe: Observe) -> Delivery | Notification:
        """Make one round of attempts, as many as its URL allows. Whatever happens is a ``Delivery``, or a next round."""
        status: int | None = None
        error, again = None, False
        log = AttemptLog(notification, observe, self._clock)
        try:
            wish = self._webhook(
                notification.auth_id,
                notification.purpose,
                notification.url,
                notification.method,
                notification.parameters,
                log.observe,
                xml=False,
            )
            wish.json = notification.body
            success = await exchange(wish, self._open_transport(), self._clock)
            status = success.answer.status
        except HookFailed as failure:
            status, error, again = failure.status, failure.reason, failure.repeatable
        except InvalidUrl as failure:
            error = str(failure)
        except Exception:  # noqa: BLE001 - our own defect must not hold up what comes after it
            _log.exception("notification %s of call %s", notification.id, notification.call_uuid)
            error = "internal error"
        if error is not None and again and notification.rounds < len(self._settings.backoff_s):
            self.delivered[notification.purpose, "postponed"] += 1
            return log.postponed(error, self._settings.backoff_s[notification.rounds])
        self.delivered[notification.purpose, "delivered" if error is None else "given-up"] += 1
        return log.finished(status, error)

    def _open_transport(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("Hooks.start() comes first")
        return self._transport


def _forget(abandoned: asyncio.Task[Success], patience: asyncio.TimerHandle) -> None:
    """Nobody waits for this one: its timer goes, and its error is nobody's."""
    patience.cancel()
    if not abandoned.cancelled():
        abandoned.exception()


def _host_of(notification: Notification) -> str:
    try:
        return parse_target(notification.url).authority.lower()
    except InvalidUrl:
        return ""
