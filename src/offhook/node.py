"""The composition root: builds every part from the settings, wires the rooms together and owns their lifetimes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from offhook import __version__, causes
from offhook.calls import CallSettings, DefaultApplication, Service
from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.hooks import Hooks, HookSettings, MediaReply, Tokens
from offhook.ids import Ids
from offhook.legs import accepting
from offhook.media import Clips, Media
from offhook.settings import Settings
from offhook.sip import IncomingInvite, Stack
from offhook.speech import Speech
from offhook.store import Account, Store

log = logging.getLogger(__name__)
USER_AGENT = f"Offhook/{__version__}"


@dataclass
class Node:
    """One running node. Make it with ``running``; then ``serve`` it."""

    settings: Settings
    account: Account
    account_is_new: bool
    """The account was made at this start: its token is shown once."""
    stack: Stack
    media: Media
    store: Store
    service: Service
    clock: Clock
    ids: Ids
    _calls: asyncio.TaskGroup
    _draining: bool = False

    def take(self, invite: IncomingInvite) -> None:
        """An INVITE came in: refuse it when there is no room, else run its call beside the others."""
        if self._draining or len(self.service.calls) >= self.settings.max_calls:
            invite.refuse(503, headers=[("Retry-After", "10")])
            return
        self._calls.create_task(self._run(invite), name=f"call {invite.call_id}")

    async def _run(self, invite: IncomingInvite) -> None:
        """One call, from INVITE to record. Nothing that goes wrong here may reach another call."""
        try:
            async with accepting(invite, self.stack, self.media, ids=self.ids) as leg:
                await self.service.arrive(leg)
        except Exception:
            log.exception("call %s failed", invite.call_id)
            invite.refuse(500)

    async def drain(self) -> None:
        """Take no new calls; let the running ones finish, up to ``drain_s``."""
        self._draining = True
        await self.service.drain(self.settings.drain_s)


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> AsyncIterator[Node]:
    """A node that serves until the block ends; running calls are drained then, up to ``settings.drain_s``.

    Raises:
        OffhookError: something could not be started; the message says what and what to do.
    """
    clock, ids = clock or Clock(), ids or Ids()
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as opened:
        store = await Store.open(settings.data / "offhook.db", clock=clock)
        opened.push_async_callback(store.aclose)
        account, is_new = await store.ensure_account(settings.auth_id, settings.auth_token)
        hooks = _hooks(settings, store, clock, ids)
        await hooks.start()
        opened.push_async_callback(hooks.aclose, HOOKS_DRAIN_S)
        media = Media(ports=settings.rtp_ports, host=settings.sip.host, clock=clock)
        await media.start()
        opened.push_async_callback(media.aclose)
        clips = Clips(settings.data / "clips", hooks.get_media)
        opened.push_async_callback(clips.aclose)
        speech = Speech(cache=settings.data / "speech", clock=clock, nearest_voice=settings.nearest_voice)
        await speech.start()
        opened.push_async_callback(speech.aclose)
        service = Service(
            hooks=hooks,
            speech=speech,
            clips=clips,
            records=store,
            directory=store,
            clock=clock,
            ids=ids,
            settings=_call_settings(settings, account),
        )
        await service.recover()
        calls = await opened.enter_async_context(asyncio.TaskGroup())
        node = Node(settings, account, is_new, media, store, service, clock, ids, calls)
        stack = Stack(
            host=settings.sip.host,
            port=settings.sip.port,
            public_host=settings.public_address,
            ids=ids,
            clock=clock,
            on_invite=node.take,
            user_agent=USER_AGENT,
        )
        node.stack = stack
        await stack.start()
        opened.push_async_callback(stack.aclose)
        http = HealthServer(settings.http, ready=lambda: not node.draining)
        await http.start()
        opened.push_async_callback(http.aclose)
        yield node
        await node.drain()
