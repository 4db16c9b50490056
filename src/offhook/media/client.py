"""The media plane, as the switch sees it: the port book, and an engine that is started, and started again should it die."""

from __future__ import annotations

import asyncio
import itertools
import logging
import resource
import socket
from types import TracebackType

from offhook.clock import Clock
from offhook.errors import Defect, MediaBusy, NoDescriptor
from offhook.media import wire
from offhook.media.channel import Channel
from offhook.media.ports import PortBook
from offhook.media.process import EngineProcess
from offhook.media.recordings import Recording
from offhook.media.taps import FRAME_OCTETS, Tap
from offhook.media.writers import Writers

_READY_S = 10.0
LEG_DESCRIPTORS = 2
"""File descriptors of a leg in the engine: one for RTP, one for RTCP."""
_OWN_DESCRIPTORS = 64
"""That the engine keeps for itself."""
_DEATHS_LIMIT = 3
_DEATHS_WITHIN_S = 10.0
_LOAD = {True: "has no room for more calls: new ones are refused", False: "takes calls again"}
_log = logging.getLogger(__name__)


class EngineFailed(Defect):
    """The media engine did not start, or dies again and again."""


class Media:
    """Owns the engine process and the RTP ports.

    Args:
        ports: the range of RTP ports, low and high; legs get the even ones.
        host: the address that RTP is received on.
        clock: gives loop time.
    """

    def __init__(self, *, ports: tuple[int, int], host: str, clock: Clock) -> None:
        self._clock = clock
        self._book = PortBook(*ports, host)
        self._numbers = itertools.count(1)
        self._channels: dict[int, Channel] = {}
        self.taps: dict[int, Tap] = {}
        """By number (for the room's own use)."""
        self.busy = False
        """The engine has no room for more legs: a tick takes nearly as long as it may."""
        self.restarts = 0
        """Engines that died and were replaced."""
        self._engine: EngineProcess | None = None
        self._ready: asyncio.Future[None] | None = None
        self._deaths: list[float] = []
        self._descriptors = 0
        """Legs that the engine has file descriptors for."""
        self._interrupted: list[Recording] = []
        """Recordings that the engine that is being started has to go on with."""
        self.writers = Writers(self._running)
        """For the room's own use."""
        self._figures: dict[int, asyncio.Future[wire.Figures]] = {}

    @property
    def channels(self) -> int:
        """How many are open."""
        return sum(channel.open for channel in self._channels.values())

    @property
    def free_ports(self) -> int:
        """How many ports are not lent out."""
        return self._book.free

    @property
    def capacity(self) -> int:
        """How many legs there are ports and file descriptors for."""
        return min(self._book.size, self._descriptors)

    @property
    def engine_pid(self) -> int:
        """Of the engine process."""
        return self._running().pid

    async def start(self) -> None:
        """Start the engine and wait until it is ready. Raises ``EngineFailed``."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._descriptors = (most - _OWN_DESCRIPTORS) // LEG_DESCRIPTORS
        _log.info("room for %d legs: %d RTP ports, file descriptors for %d", self.capacity, self._book.size, self._descriptors)
        if self._descriptors < self._book.size:
            _log.warning("only %d file descriptors: room for %d legs; raise it (ulimit -n, LimitNOFILE)", most, self.capacity)
        self._begin()
        assert self._ready is not None
        try:
            async with asyncio.timeout(_READY_S):
                await self._ready
        except TimeoutError:
            await self.aclose()
            raise EngineFailed(f"the media engine was not ready within {_READY_S:g} s") from None

    async def aclose(self) -> None:
        """Close every channel and end the engine."""
        for channel in list(self._channels.values()):
            await channel.aclose()
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.aclose()
        await self.writers.aclose()

    async def __aenter__(self) -> Media:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def open(self) -> Channel:
        """A slot for one leg, with a bound even UDP port. Raises ``NoMedia``: no port, no descriptor, no time."""
        engine = self._running()
        if self.busy:
            raise MediaBusy
        if len(self._channels) >= self._descriptors:
            raise NoDescriptor(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        port, sockets = self._book.borrow(self.now())
        channel = Channel(self, self.next_number(), port)
        self._channels[channel.number] = channel
        engine.send(wire.OpenLeg(channel.number, rtcp=len(sockets) > 1), *sockets)
        return channel

    def open_seat(self) -> Channel:
        """A member for rooms without a phone, and without a port: what is played there, the others hear; what it hears, and
        what is recorded of it as ``sent``, is the whole room."""
        engine = self._running()
        channel = Channel(self, self.next_number(), 0)
        self._channels[channel.number] = channel
        engine.send(wire.OpenLeg(channel.number), _no_peer())
        channel.take_seat()
        return channel

    async def figures(self) -> wire.Figures:
        """What the engine has cost so far."""
        request = self.next_number()
        answer = self._figures[request] = asyncio.get_running_loop().create_future()
        try:
            self._running().send(wire.AskFigures(request))
            figures: wire.Figures = await answer
            return figures
        finally:
            del self._figures[request]

    # --- for the room's own use ---------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Loop time, s."""
        return self._clock.now()

    def next_number(self) -> int:
        """For a leg, a playback, a recording, a request: never used twice."""
        return next(self._numbers)

    def send(self, command: wire.Command) -> None:
        """Send to the engine, if there is one."""
        if self._engine is not None:
            self._engine.send(command)

    def give_back(self, channel: Channel) -> None:
        """The channel's port is free again."""
        if channel.port:
            self._book.give_back(channel.port, self.now())

    def forget(self, channel: Channel) -> None:
        """Nothing more will be heard of this channel."""
        self._channels.pop(channel.number, None)

    def _running(self) -> EngineProcess:
        if self._engine is None:
            raise EngineFailed("there is no media engine")
        return self._engine

    def _begin(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        self._engine = EngineProcess(self._hear, self._died)

    def _hear(self, events: list[wire.Event]) -> None:
        for event in events:
            match event:
                case wire.Ready():
                    if self._ready is not None and not self._ready.done():
                        self._ready.set_result(None)
                    self._go_on_recording()
                case wire.Figures():
                    answer = self._figures.get(event.request)
                    if answer is not None and not answer.done():
                        answer.set_result(event)
                case wire.WriterGone():
                    self.writers.lost()
                case wire.Tapped(numbers, pcm):
                    for i, number in enumerate(numbers):
                        if number in self.taps:
                            self.taps[number].put(pcm[i * FRAME_OCTETS : (i + 1) * FRAME_OCTETS])
                case wire.Busy(busy):
                    self.busy = busy
                    _log.log(logging.WARNING if busy else logging.INFO, "the media engine %s", _LOAD[busy])
                case _:
                    channel = self._channels.get(event.leg)
                    if channel is not None:
                        channel.hear(event)

    def _died(self) -> None:
        """The engine has ended without being asked to: a new one takes over, unless that happens again and again."""
        if self._engine is None:
            return
        now = self.now()
        self._deaths = [*(at for at in self._deaths if now - at < _DEATHS_WITHIN_S), now]
        started = self._ready is not None and self._ready.done()
        self._engine = None
        if not started or len(self._deaths) >= _DEATHS_LIMIT:
            self._give_up()
            return
        _log.error("the media engine died with %d legs: starting another", self.channels)
        self.busy = False
        self.restarts += 1
        self._interrupted = [recording for channel in self._channels.values() for recording in channel.recordings]
        self._begin()
        for channel in list(self._channels.values()):
            self._open_again(channel)
        for channel in list(self._channels.values()):  # now that everybody is there whom the wishes may name
            for command in channel.wishes() if channel.open else ():
                self.send(command)

    def _open_again(self, channel: Channel) -> None:
        if not channel.open:
            if not channel.recordings:
                self.forget(channel)
            return
        sockets = self._book.bind_again(channel.port) if channel.port else [_no_peer()]
        if not sockets:
            _log.error("RTP port %d is taken: its leg has no sound any more", channel.port)
            channel.fail()
            return
        self._running().send(wire.OpenLeg(channel.number, rtcp=len(sockets) > 1), *sockets)

    def _go_on_recording(self) -> None:
        """Only now, because only now is known how much of the recordings was missed while there was no engine."""
        interrupted, self._interrupted = self._interrupted, []
        for recording in interrupted:
            if not recording.over:
                self.writers.go_on()
                self.send(recording.again())

    def _give_up(self) -> None:
        _log.critical("the media engine does not stay alive: no sound any more")
        failure = EngineFailed("the media engine has ended")
        for waiting in (self._ready, *self._figures.values()):
            if waiting is not None and not waiting.done():
                waiting.set_exception(failure)
        for channel in list(self._channels.values()):
            channel.fail()


def _no_peer() -> socket.socket:
    """What stands for the socket of a leg that has none: not bound, nothing ever comes."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
