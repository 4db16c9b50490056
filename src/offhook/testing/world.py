"""A whole platform in virtual time: one customer, one web server, callers who do what the test says."""

from __future__ import annotations

import asyncio
import functools
import inspect
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from offhook import causes
from offhook.calls import Call, CallSettings, Recorder, Service, describe
from offhook.causes import Ending
from offhook.ids import Ids
from offhook.records import Application, CallRecord, TimelineRow
from offhook.testing.caller import Caller, Party
from offhook.testing.customer import Customer, Says
from offhook.testing.exchange import Exchange
from offhook.testing.ledger import Ledger
from offhook.testing.shelves import Shelves
from offhook.testing.studio import Studio
from offhook.testing.virtual_time import run, virtual_clock

AUTH_ID = "MAXXXXXXXXXXXXXXXXXX"
ANSWER_URL = "https://app.example/answer"
HANGUP_URL = "https://app.example/hangup"
NUMBER = "14155550199"


class Leak(AssertionError):
    """Something outlived its call."""


class Dialled:
    """A call to the platform: the person on it, and what became of it."""

    def __init__(self, world: World, caller: Caller, task: asyncio.Task[None]) -> None:
        self.caller = caller
        self._world = world
        self._task = task
        self._uuid: str | None = None

    # -- the person, see ``Caller`` --------------------------------------------------------------------------------

    def press(self, keys: str, *, after_s: float = 0.0, every_s: float = 0.3) -> None:
        """Press keys."""
        self.caller.press(keys, after_s=after_s, every_s=every_s)

    def hang_up(self, *, after_s: float = 0.0) -> None:
        """Hang up."""
        self.caller.hang_up(after_s=after_s)

    @property
    def heard(self) -> list[str]:
        """What the caller heard, in order: ``speech: …``, ``file: …``, ``beep``, ``silence``, ``hold music``."""
        return [heard.sound for heard in self.caller.heard]

    @property
    def signals(self) -> list[str]:
        """What the caller's phone was told."""
        return self.caller.signals

    # -- the call --------------------------------------------------------------------------------------------------

    async def over(self) -> CallRecord:
        """Wait until it is closed; its record."""
        await asyncio.wait([self._task])
        self._task.result()
        return self.record

    def cancel(self) -> None:
        """Cancel the task that runs the call, as a node does that is torn down."""
        self._task.cancel()

    @property
    def running(self) -> Call:
        """The call while it runs, as the API would find it."""
        return next(call for call in self._world.service.calls.values() if call.leg is self.caller)

    @property
    def uuid(self) -> str:
        """Its CallUUID."""
        if self._uuid is None:
            mine = self.caller.facts.sip_call_id
            rows = self._world.ledger.rows
            found = [row.call_uuid for row in rows if row.facts.get("sip_call_id") == mine]
            if not found:
                raise LookupError("the call has not arrived yet")
            self._uuid = found[0]
        return self._uuid

    @property
    def records(self) -> list[CallRecord]:
        """Its records: one, or something is wrong."""
        return [record for record in self._world.ledger.records if record.call_uuid == self.uuid]

    @property
    def record(self) -> CallRecord:
        """Its one record."""
        (record,) = self.records
        return record

    @property
    def timeline(self) -> list[TimelineRow]:
        """Its events."""
        return self._world.ledger.timeline(self.uuid)

    def events(self, kind: str) -> list[Mapping[str, object]]:
        """The facts of its events of one kind."""
        return [row.facts for row in self.timeline if row.kind == kind]

    @property
    def story(self) -> str:
        """Its timeline as text, for the message of an assertion."""
        return "\n".join(describe(row) for row in self.timeline)


class World:
    """A call service with everything around it scripted. Use it as an async context manager, in virtual time.

    At the end of the block every call must be over: those that are not are hung up on; then whatever is left of them
    (a task, a timer, a listener, a sound) is a ``Leak``.
    """

    def __init__(
        self, *, hangup_url: str | None = HANGUP_URL, fallback_url: str | None = None, seed: int = 0, **settings: Any
    ) -> None:
        """Args:
        hangup_url: of the one application, which has the number ``NUMBER``.
        settings: more fields of ``CallSettings``.
        """
        self.customer = Customer()
        self.studio = Studio()
        self.ledger = Ledger()
        self.exchange = Exchange(self.studio)
        self.clock = virtual_clock()
        self.ids = Ids(random.Random(seed).randbytes)
        self.application = Application(
            "10000000000000001", AUTH_ID, "menu", ANSWER_URL, fallback_url=fallback_url, hangup_url=hangup_url
        )
        self.ledger.applications[NUMBER] = self.application
        self.dialled: list[Dialled] = []
        self.shelves = Shelves()
        self.recorder = Recorder(self.shelves, self.customer, self.clock, self.ids)
        self.service = Service(
            hooks=self.customer,
            speech=self.studio,
            clips=self.studio,
            records=self.ledger,
            directory=self.ledger,
            dialler=self.exchange,
            clock=self.clock,
            ids=self.ids,
            settings=CallSettings(auth_id=AUTH_ID, **settings),
            recorder=self.recorder,
        )

    async def dial_in(
        self,
        pages: Says | Mapping[str, Says | Sequence[Says]] | None = None,
        *,
        party: Party | None = None,
        unusable: Ending | None = None,
        early_media: bool = True,
        refuses_audio: Ending | None = None,
    ) -> Dialled:
        """Call the platform; returns as soon as the call runs, in the moment of its arrival.

        Args:
            pages: what the answer URL says; or URL → what it says, relative to the answer URL.
            party: who calls whom; by default ``NUMBER`` is called. Each call has a Call-ID of its own.
            unusable, early_media, refuses_audio: see ``Caller``.
        """
        self.serve(pages)
        party = replace(party or Party(to_number=NUMBER, to_user=NUMBER), sip_call_id=f"{len(self.dialled) + 1}@192.0.2.7")
        caller = Caller(party, self.studio, unusable=unusable, early_media=early_media, refuses_audio=refuses_audio)
        task = asyncio.get_running_loop().create_task(self._call(caller), name=f"call {len(self.dialled) + 1}")
        dialled = Dialled(self, caller, task)
        self.dialled.append(dialled)
        await asyncio.sleep(0)
        return dialled

    def serve(self, pages: Says | Mapping[str, Says | Sequence[Says]] | None) -> None:
        """Put pages on the customer's server."""
        if isinstance(pages, Mapping):
            for url, says in pages.items():
                self.customer.pages[url if "://" in url else ANSWER_URL.rpartition("/")[0] + "/" + url.lstrip("/")] = says
        elif pages is not None:
            self.customer.pages[ANSWER_URL] = pages

    def change_application(self, **changes: Any) -> None:
        """Replace fields of the application."""
        self.application = replace(self.application, **changes)
        self.ledger.applications[NUMBER] = self.application

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def _call(self, caller: Caller) -> None:
        try:
            await self.service.arrive(caller)
        finally:
            caller.release(_NEVER_RELEASED)
            await caller.aclose()

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for dialled in self.dialled:
            dialled.hang_up()
        await asyncio.sleep(60)  # the slowest thing that may still run is a hangup request that waits for its turn
        if error is None:
            self.check_for_leaks()

    def check_for_leaks(self) -> None:
        """Raise ``Leak`` for whatever outlived its call."""
        found = [f"task {task.get_name()}" for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        found += [f"call {uuid} still runs" for uuid in self.service.calls]
        for number, dialled in enumerate(self.dialled, 1):
            if dialled.caller.listeners:
                found.append(f"call {number}: somebody still listens for keys")
            if dialled.caller.hears:
                found.append(f"call {number}: something is still played")
            if dialled.caller.released_with is _NEVER_RELEASED:
                found.append(f"call {number}: nobody told the caller that it is over")
        found += [f"leg {leg.order.target}: it was never freed" for leg in self.exchange.placed if not leg.freed]
        found += [f"leg {leg.order.target}: somebody still listens for keys" for leg in self.exchange.placed if leg.listeners]
        found += [f"leg {leg.order.target}: it has no end" for leg in self.exchange.placed if not leg.gone]
        if found:
            raise Leak("; ".join(found))


_NEVER_RELEASED = causes.ending(0, "UNKNOWN", causes.Source.UNKNOWN, detail="the call ended without releasing its leg")


def in_world(**options: Any) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Make an async function of a ``World`` (and perhaps of more) a plain test that runs in virtual time.

    Args:
        options: of the ``World``.
    """

    def decorate(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        def test(*arguments: Any, **named: Any) -> None:
            async def main() -> None:
                async with World(**options) as world:
                    await scenario(world, *arguments, **named)

            run(main())

        functools.update_wrapper(test, scenario)
        del test.__dict__["__wrapped__"]
        signature = inspect.signature(scenario)
        test.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
        return test

    return decorate
