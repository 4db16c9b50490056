"""The composition root: builds every part from the settings, wires the rooms together and owns their lifetimes."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from offhook import __version__, causes
from offhook.api import Accounts, Api, ApiSettings, Desk, HttpServer, LiveCalls, Scrape
from offhook.calls import CallSettings, DefaultApplication, Departures, Service, Sink, Timelines
from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.hooks import Hooks, HookSettings, Tokens
from offhook.ids import Ids
from offhook.media import Clips, Media
from offhook.node.dialler import Dialler
from offhook.node.figures import CallFigures, NodeFigures
from offhook.node.live_calls import NodeCalls
from offhook.node.neighbours import Neighbours
from offhook.node.reception import Reception
from offhook.node.recordings import Recordings, kept
from offhook.node.retention import remove_old_calls
from offhook.node.telephony import Telephony
from offhook.records import Application
from offhook.settings import Settings
from offhook.sip import Stack, Tls, TlsFiles
from offhook.speech import Speech
from offhook.store import Account, Store, node_id

__all__ = ["USER_AGENT", "Node", "Parts", "running"]

log = logging.getLogger(__name__)

USER_AGENT = f"Offhook/{__version__}"
SIP_PATH = "/sip"
"""Of the HTTP port, where browsers open their WebSocket."""
TOKENS_S = 2.0
"""How often it is asked whether another process has changed a token."""
BEAT_S = 2.0
"""The length of a call that dies with its node is known that well."""
HOOKS_DRAIN_S = 5.0
"""How long the last notifications may take when the node stops; the rest wait in the outbox."""


@dataclass
class Parts:
    """What ``running`` builds and the node's callers may look at."""

    store: Store
    hooks: Hooks
    media: Media
    speech: Speech
    service: Service
    departures: Departures
    stack: Stack
    http: HttpServer
    telephony: Telephony


class Node:
    """One running node. Make it with ``running``."""

    def __init__(self, settings: Settings, account: Account, *, account_is_new: bool, parts: Parts, ids: Ids) -> None:
        self.settings = settings
        self.account = account
        self.account_is_new = account_is_new
        """The token was made at this start: it is shown once."""
        self.parts = parts
        self._ids = ids

    @property
    def live_calls(self) -> int:
        """Calls that run now."""
        return len(self.parts.service.calls)

    def ready_line(self) -> str:
        """One line that says what is served where."""
        sip = self.settings.sip.host
        answered = self.settings.answer_url or "the applications of its numbers"
        voices = ", ".join(self.parts.speech.engines) or "none"
        tls = "" if self.parts.stack.tls_port is None else f", TLS {self.parts.stack.tls_port}"
        web = "HTTPS" if self.settings.http_tls else "HTTP"
        return (
            f"ready: SIP {sip}:{self.parts.stack.port} (UDP, TCP){tls}, {web} {self.settings.http.host}:{self.parts.http.port}, "
            f"RTP {self.settings.rtp_ports[0]}-{self.settings.rtp_ports[1]}, voices {voices}, calls answered by {answered}"
        )


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None, sinks: Sequence[Sink] = ()
) -> AsyncIterator[Node]:
    """A node that serves until the block ends; running calls are drained then, up to ``settings.drain_s``.

    Args:
        sinks: get each row of every call's timeline.

    Raises:
        OffhookError: something could not be started; the message says what and what to do.
    """
    clock, ids = clock or Clock(), ids or Ids()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as opened:
        store, account, is_new = await _store(settings, clock, opened)
        _meanwhile(opened, _refresh_tokens(store), name="tokens")
        if settings.keep_calls_days:
            _meanwhile(opened, remove_old_calls(store, clock, timedelta(days=settings.keep_calls_days)), name="old calls")
        counted = CallFigures()
        timelines = Timelines(store, clock, [*sinks, counted.take])
        hooks = _hooks(settings, store, clock, ids, timelines)
        await hooks.start()
        opened.push_async_callback(hooks.aclose, HOOKS_DRAIN_S)
        media, clips, speech = await _sound(settings, hooks, clock, opened)
        recordings = await opened.enter_async_context(kept(settings, store, hooks, clock, ids))
        telephony = Telephony(settings, store, clock, ids, _certificates(hooks))
        dialler = Dialler(settings, telephony, store, ids)
        service = Service(
            hooks=hooks,
            speech=speech,
            clips=clips,
            records=store,
            directory=store,
            dialler=dialler,
            clock=clock,
            ids=ids,
            settings=_call_settings(settings, account),
            timelines=timelines,
            recorder=recordings.recorder,
        )
        await _recover(service)
        _meanwhile(opened, _beat(store, service), name="heartbeat")
        _meanwhile(opened, Neighbours(store, hooks, service, clock, settings.adopt_after_s).watch(), name="neighbours")
        reception = Reception(settings, telephony)
        departures = Departures(
            service, reception.begin, clock, starts_per_s=settings.calls_per_s, most=settings.account_calls or None
        )
        tls = Tls(TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_authorities, settings.tls_verify))
        stack = _stack(settings, telephony, reception, tls, clock, ids)
        api = _api(settings, store, NodeCalls(service, departures, clock), recordings, telephony, hooks, clock, ids)
        figures = NodeFigures(counted, store, hooks, media, service, departures, stack, telephony, api, reception, clock)
        http = await opened.enter_async_context(_served(settings, api, figures, recordings, stack, tls))
        await stack.start()
        opened.push_async_callback(stack.aclose)
        dialler.opens(stack, media)
        await telephony.start(stack)
        opened.push_async_callback(telephony.aclose)
        parts = Parts(store, hooks, media, speech, service, departures, stack, http, telephony)
        # Last in, first out: every call has ended before anything that it stands on is closed.
        reception.opens(await opened.enter_async_context(asyncio.TaskGroup()), stack, media, service)
        try:
            yield Node(settings, account, account_is_new=is_new, parts=parts, ids=ids)
        finally:
            reception.open = False
            departures.close(causes.INTERNAL_ERROR.because("the node is being stopped"))
            await service.drain(settings.drain_s)


async def _store(settings: Settings, clock: Clock, opened: AsyncExitStack) -> tuple[Store, Account, bool]:
    """The store, the main account, and whether that is new."""
    for folder in {settings.data, _folder_of(settings.stored_in) or settings.data}:
        opened.enter_context(_alone_in(folder))
    store = await Store.open(settings.stored_in, clock=clock, node=node_id(settings.data))
    opened.push_async_callback(store.aclose)
    return store, *await store.ensure_account(settings.auth_id, settings.auth_token)


def _folder_of(stored_in: Path | str) -> Path | None:
    """The folder of a database that belongs to one node."""
    if isinstance(stored_in, Path):
        return stored_in.parent
    return Path(stored_in.removeprefix("sqlite:///")).parent if stored_in.startswith("sqlite:") else None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the data folder: two nodes on one would close each other's running calls as left over.

    Raises:
        SettingsError: another node has it.
    """
    with (folder / "node.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"another node runs on the data folder {folder}; stop it, or set OFFHOOK_DATA to another one"
            ) from None
        yield


async def _sound(settings: Settings, hooks: Hooks, clock: Clock, opened: AsyncExitStack) -> tuple[Media, Clips, Speech]:
    """The engine, and what it plays."""
    media = Media(ports=settings.rtp_ports, host=settings.sip.host, clock=clock)
    clips = Clips(settings.data / "clips", hooks.get_media, wall=lambda: clock.wall().timestamp())
    speech = Speech(cache=settings.data / "speech", nearest_voice=settings.nearest_voice)
    for part in (media, clips, speech):
        await part.start()
        opened.push_async_callback(part.aclose)
    return media, clips, speech


def _meanwhile(opened: AsyncExitStack, work: Coroutine[Any, Any, None], *, name: str) -> None:
    """Do something beside the calls, for as long as the node runs. No task group, as ``beside`` is one: what cannot be started is
    to be raised as it is.
    """
    opened.push_async_callback(_stopped, asyncio.create_task(work, name=name))


async def _refresh_tokens(store: Store) -> None:
    """Tokens that the command changes are used within seconds."""
    while True:
        await asyncio.sleep(TOKENS_S)
        try:
            await store.tenants.refresh()
        except Exception:
            log.exception("the tokens could not be read; those that are known stay in use")


async def _recover(service: Service) -> None:
    recovered = await service.recover()
    if recovered:
        log.warning("%d call(s) ran when the last node died; they have records now", recovered)


async def _beat(store: Store, service: Service) -> None:
    """While calls run it is written down that they do: should the node die, nobody knows better how long they lasted."""
    while True:
        await asyncio.sleep(BEAT_S)
        if service.calls or store.nodes.shared:  # Other nodes want to know it in any case.
            store.beat()


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def _served(
    settings: Settings, api: Api, figures: NodeFigures, recordings: Recordings, stack: Stack, tls: Tls
) -> AsyncIterator[HttpServer]:
    async with figures.watching():
        http = HttpServer(
            settings.http,
            ready=figures.health.checks,
            routes={SIP_PATH: stack.websocket},
            mounts=[api.mount, Scrape(figures.read, settings.metrics).mount],
            tls=_https(settings, tls),
        )
        await http.start()
        stack.web_port = recordings.url.port = http.port
        try:
            yield http
        finally:
            await http.aclose()


def _stack(settings: Settings, telephony: Telephony, reception: Reception, tls: Tls, clock: Clock, ids: Ids) -> Stack:
    return Stack(
        host=settings.sip.host,
        port=settings.sip.port,
        public_host=settings.public_address.default,
        public_networks=settings.public_address.networks,
        tls=tls,
        tls_port=settings.sip_tls if tls.server is not None else None,
        ids=ids,
        clock=clock,
        on_invite=reception.take,
        on_request=telephony.request,
        hears=telephony.hears,
        user_agent=USER_AGENT,
    )


def _certificates(hooks: Hooks) -> Callable[[str], Awaitable[bytes]]:
    """Certificates of those who sign calls come from URLs that strangers name: the guard of the web hooks stands before them."""

    async def fetch(url: str) -> bytes:
        return (await hooks.get_media(url)).body

    return fetch


def _https(settings: Settings, tls: Tls) -> ssl.SSLContext | None:
    if settings.http_tls and tls.server is None:
        raise SettingsError("http_tls needs a certificate; set tls_certificate and tls_key")
    return tls.server if settings.http_tls else None


def _api(
    settings: Settings,
    store: Store,
    live: LiveCalls,
    recordings: Recordings,
    telephony: Telephony,
    hooks: Hooks,
    clock: Clock,
    ids: Ids,
) -> Api:
    told = ApiSettings(
        sip_realm=settings.sip_realm,
        sip_domain=settings.sip_domain or settings.public_address.default,
        sip_port=settings.sip.port,
        requests=settings.api_requests,
        endpoint_suffix=settings.endpoint_suffix,
        protect_recordings=settings.protect_recordings,
        windows=settings.api_windows,
    )
    desk = Desk(
        store=store,
        accounts=Accounts(store, clock),
        live=live,
        recorder=recordings.recorder,
        archive=recordings.archive,
        notify=hooks.notify,
        clock=clock,
        ids=ids,
        settings=told,
        log_out=telephony.log_out,
    )
    return Api(desk)


def _hooks(settings: Settings, store: Store, clock: Clock, ids: Ids, timelines: Timelines) -> Hooks:
    def tokens(auth_id: str) -> Tokens:
        main = store.main_token
        # What a removed account still has to send is signed with the main one's.
        return Tokens(own=(store.token(auth_id) or main,), main=(main,))

    return Hooks(
        clock=clock,
        ids=ids,
        tokens=tokens,
        shelf=store.outbox,
        settings=HookSettings(
            user_agent=USER_AGENT,
            allow_private=settings.allow_private_urls,
            send_v1=settings.sign_v1,
            backoff_s=settings.hook_backoff,
        ),
        reopen=timelines.reopen,
    )


def _call_settings(settings: Settings, account: Account) -> CallSettings:
    default = None
    if settings.answer_url:
        application = Application(
            app_id="",
            auth_id=account.auth_id,
            name="answer-url",
            answer_url=settings.answer_url,
            answer_method=settings.answer_method,
            fallback_url=settings.fallback_url,
            hangup_url=settings.hangup_url,
            hangup_method=settings.hangup_method,
        )
        default = DefaultApplication(application)
    return CallSettings(
        auth_id=account.auth_id,
        default=default,
        hangup_defaults_to_answer=settings.hangup_defaults_to_answer,
        nearest_voice=settings.nearest_voice,
        max_calls=settings.account_calls or None,
    )
