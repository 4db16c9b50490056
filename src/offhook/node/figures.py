"""What the node tells about itself: counted from the timelines of calls, and read from the rooms when somebody asks."""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from offhook import __version__
from offhook.api import Api
from offhook.calls import Departures, Service
from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.hooks import Hooks
from offhook.media import Figures, Media
from offhook.metrics import SECONDS, TALK_SECONDS, TICK_SECONDS, Distribution, Key, Reading, Values, one
from offhook.node.health import Health, Shared
from offhook.node.reception import Reception
from offhook.node.telephony import Telephony
from offhook.records import TimelineRow
from offhook.sip import Stack
from offhook.store import Store

LAG_EVERY_S = 0.5
ENGINE_S = 1.0
"""How long the engine may take to say its figures: it answers between two ticks."""
LATE_BINS = 20
"""``Figures.gaps`` counts in steps of 0.25 ms: from 5 ms on a tick is late."""
MOST_REMEMBERED = 100_000
"""Calls whose direction is remembered until they end; one that never does must not cost memory for ever."""


class CallFigures:
    """Counts calls. It is a sink of their timelines, so that nothing in a call knows of it."""

    def __init__(self) -> None:
        self.begun: Counter[Key] = Counter()
        self.ended: Counter[Key] = Counter()
        self.setup = Distribution(SECONDS)
        self.talk = Distribution(TALK_SECONDS)
        self._directions: dict[str, str] = {}
        self._kinds = {"call-arrived": self._arrived, "call-answered": self._answered, "call-ended": self._ended}

    def take(self, row: TimelineRow) -> None:
        """An event of some call."""
        taken = self._kinds.get(row.kind)
        if taken is not None:
            taken(row)

    def _arrived(self, row: TimelineRow) -> None:
        direction = str(row.facts["direction"])
        self.begun[direction,] += 1
        if len(self._directions) < MOST_REMEMBERED:
            self._directions[row.call_uuid] = direction

    def _answered(self, row: TimelineRow) -> None:
        direction = self._directions.get(row.call_uuid)
        if direction is not None:
            self.setup.note(row.offset_ms / 1000, direction)

    def _ended(self, row: TimelineRow) -> None:
        facts = row.facts
        self.ended[str(facts.get("cause", "")), str(facts.get("code", "")), str(facts.get("source", ""))] += 1
        direction = self._directions.pop(row.call_uuid, None)
        if direction is not None and facts.get("call_status") == "completed":
            self.talk.note(float(str(facts.get("duration_s", 0))), direction)


class NodeFigures:
    """Reads all rooms."""

    def __init__(
        self,
        calls: CallFigures,
        store: Store,
        hooks: Hooks,
        media: Media,
        service: Service,
        departures: Departures,
        stack: Stack,
        telephony: Telephony,
        api: Api,
        reception: Reception,
        clock: Clock,
    ) -> None:
        self.health = Health(store, media, stack, reception, clock)
        self._calls = calls
        self._store = store
        self._hooks = hooks
        self._media = media
        self._service = service
        self._departures = departures
        self._stack = stack
        self._telephony = telephony
        self._api = api
        self._clock = clock
        self._lag = Distribution()
        self._shared = Shared(self._read, clock)

    async def read(self) -> Reading:
        """All figures of now, give or take a second."""
        return await self._shared.get()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Read, while the block runs, for whoever asks; and note how late this process comes to what is due."""
        lag = asyncio.get_running_loop().create_task(self._watch_lag(), name="lag")
        try:
            yield
        finally:
            lag.cancel()
            await asyncio.gather(lag, return_exceptions=True)
            await self._shared.aclose()
            await self.health.aclose()

    async def _watch_lag(self) -> None:
        while True:
            due = self._clock.now() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.note(max(0.0, self._clock.now() - due))

    async def _read(self) -> Reading:
        checks, (waiting, oldest_s), engine = await asyncio.gather(
            self.health.checks(), self._store.outbox.depth(self._clock.wall()), self._engine()
        )
        return {
            "offhook_build_info": {(__version__, platform.python_version()): 1},
            "offhook_ready": one(not any(checks.values())),
            "offhook_loop_lag_seconds": self._lag,
            "offhook_outbox_notifications": one(waiting),
            "offhook_outbox_oldest_seconds": one(oldest_s),
            **self._of_calls(),
            **self._of_hooks(),
            **self._of_sip(),
            **self._of_media(engine),
            **self._of_store(),
            "offhook_api_requests_total": self._api.answered,
            "offhook_api_seconds": self._api.latency,
        }

    def _of_calls(self) -> Reading:
        # Listed whether there are any or not, so that a graph shows 0 and no gap.
        running: Counter[Key] = Counter()
        for direction in ("inbound", "outbound"):
            for state in ("ringing", "in-progress"):
                running[direction, state] = 0
        for call in self._service.calls.values():
            running[call.live.direction, call.status.value] += 1
        for leg in self._service.b_legs.values():
            running[leg.live.direction, "ringing" if leg.answered_at is None else "in-progress"] += 1
        return {
            "offhook_calls": running,
            "offhook_calls_begun_total": self._calls.begun,
            "offhook_calls_ended_total": self._calls.ended,
            "offhook_call_setup_seconds": self._calls.setup,
            "offhook_call_seconds": self._calls.talk,
            "offhook_departures_waiting": one(len(self._departures)),
            "offhook_departures_wait_seconds": self._departures.waits,
        }

    def _of_hooks(self) -> Reading:
        return {
            "offhook_hook_seconds": self._hooks.attempts,
            "offhook_hooks_under_way": one(self._hooks.under_way),
            "offhook_notifications_total": self._hooks.delivered,
        }

    def _of_sip(self) -> Reading:
        stack, telephony, core = self._stack, self._telephony, self._stack.core
        trunks = {(trunk.name,): telephony.trunks.state(trunk.name) for trunk in telephony.trunks}
        now = self._clock.now()
        return {
            "offhook_sip_messages_total": core.messages,
            "offhook_sip_retransmissions_total": core.repeats,
            "offhook_sip_dropped_total": one(core.dropped),
            "offhook_sip_ignored_total": one(telephony.defence.ignored),
            "offhook_sip_banned_addresses": one(len(telephony.defence.banned())),
            "offhook_sip_transactions": one(stack.transactions),
            "offhook_sip_dialogs": one(stack.dialogs),
            "offhook_sip_connections": stack.connections_by_transport,
            "offhook_registrations": one(len(telephony.registrar)),
            "offhook_trunk_up": {name: float(state.usable(now)) for name, state in trunks.items()},
            "offhook_trunk_calls": {name: state.calls for name, state in trunks.items()},
            "offhook_trunk_failures_total": {name: state.failures for name, state in trunks.items()},
        }

    def _of_media(self, engine: Figures | None) -> Reading:
        media = self._media
        return {
            "offhook_engine_up": one(engine is not None),
            "offhook_engine_restarts_total": one(media.restarts),
            "offhook_engine_busy": one(media.busy),
            "offhook_engine_legs_limit": one(media.capacity),
            "offhook_rtp_ports_free": one(media.free_ports),
            **_of_engine(engine),
        }

    def _of_store(self) -> Reading:
        writing = self._store.writing
        return {
            "offhook_store_commit_seconds": writing.commits,
            "offhook_store_rows_waiting": one(writing.waiting),
            "offhook_store_refusals_total": one(writing.refusals),
            "offhook_store_events_dropped_total": one(writing.dropped),
        }

    async def _engine(self) -> Figures | None:
        try:
            async with asyncio.timeout(ENGINE_S):
                return await self._media.figures()
        except (TimeoutError, OffhookError):
            return None


def _of_engine(told: Figures | None) -> Reading:
    """The engine's own figures; none of them while it says nothing, because counters must not fall to 0 and come back."""
    names = ("legs", "cpu_seconds_total", "memory_bytes", "ticks_late_total", "ticks_skipped_total")
    found: dict[str, Values] = {f"offhook_engine_{name}": {} for name in names}
    found["offhook_engine_tick_seconds"] = Distribution(TICK_SECONDS)
    rtp: Mapping[str, Values] = {
        f"offhook_rtp_{name}": {}
        for name in ("packets_total", "packets_lost_total", "packets_late_total", "frames_concealed_total")
    }
    found |= rtp
    if told is None:
        return found
    packets = told.packets
    return {
        **found,
        "offhook_engine_legs": one(told.legs),
        "offhook_engine_cpu_seconds_total": one(told.cpu_ns / 1e9),
        "offhook_engine_memory_bytes": one(told.rss_bytes),
        "offhook_engine_ticks_late_total": one(sum(told.gaps[LATE_BINS:])),
        "offhook_engine_ticks_skipped_total": one(told.ticks_skipped),
        "offhook_engine_tick_seconds": Distribution.of(TICK_SECONDS, told.tick_counts, told.tick_ns / 1e9),
        "offhook_rtp_packets_total": {("received",): packets["received"], ("sent",): packets["sent"]},
        "offhook_rtp_packets_lost_total": one(packets["lost"]),
        "offhook_rtp_packets_late_total": one(packets["late"]),
        "offhook_rtp_frames_concealed_total": one(packets["concealed"]),
    }
