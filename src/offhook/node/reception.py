"""Where calls come in: who may, whether there is room, and the task that each one runs in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, cast

from offhook.calls import Service
from offhook.errors import Defect
from offhook.ids import Ids
from offhook.legs import Leg, Secrecy, Terms, accepting, terms_of
from offhook.media import Media
from offhook.node.telephony import Telephony
from offhook.settings import Settings
from offhook.sip import IncomingInvite, Stack

log = logging.getLogger(__name__)


class Reception:
    """Takes INVITEs: refuses what there is no room for, and runs each call beside the others."""

    def __init__(self, settings: Settings, telephony: Telephony) -> None:
        self._settings = settings
        self._telephony = telephony
        self._terms = Terms(settings.codecs, cast("Secrecy", settings.srtp))
        self._group: asyncio.TaskGroup | None = None
        self._parts: tuple[Stack, Media, Service] | None = None
        self._running = 0
        self.open = False
        """Whether new calls are taken."""

    def opens(self, group: asyncio.TaskGroup, stack: Stack, media: Media, service: Service) -> None:
        """Take calls from now on, each as a task of ``group``."""
        self._group, self._parts, self.open = group, (stack, media, service), True

    def take(self, invite: IncomingInvite) -> None:
        """An INVITE came in."""
        if self._group is None or self._parts is None or not self.open or self._full(self._parts[1]):
            invite.refuse(503, headers=[("Retry-After", "10")])
            return
        self._running += 1
        self._group.create_task(self._run(invite, *self._parts), name=f"call {invite.call_id}")

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside the calls that come in: a call that we place."""
        if self._group is None:
            work.close()
            raise Defect("the node is not open yet")
        self._group.create_task(work, name=name)

    def _full(self, media: Media) -> bool:
        """As many calls as are allowed, or as the media engine can keep in time: those that run go first."""
        return self._running >= self._settings.max_calls or media.busy

    async def _run(self, invite: IncomingInvite, stack: Stack, media: Media, service: Service) -> None:
        """One call, from INVITE to record. Nothing that goes wrong here may reach another call."""
        try:
            caller = await self._telephony.admission.admit(invite)
            if caller is None:
                return
            if invite.replaces is not None:
                self._replace(invite)
                return
            async with accepting(
                *(invite, stack, media),
                ids=Ids(),
                terms=terms_of(caller.trunk, self._terms),
                media_timeout_s=self._settings.media_timeout_s,
                caller=caller,
                place=None if caller.kind in {"stranger", "node"} else self._telephony.place,
                verified=await self._telephony.verify(invite, caller),
            ) as leg:
                await service.arrive(leg)
        except Exception:
            log.exception("call %s met a defect of ours", invite.call_id)
            invite.refuse(500)
        finally:
            self._running -= 1

    def _replace(self, invite: IncomingInvite) -> None:
        """Somebody takes over a call that runs (RFC 3891): it goes on, and this INVITE is no new one."""
        leg = invite.replaces.owner if invite.replaces is not None else None
        if isinstance(leg, Leg):
            leg.take_over(invite)
        else:
            invite.refuse(481)
