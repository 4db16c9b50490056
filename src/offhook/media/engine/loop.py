"""The tick, and what keeps it going."""

from __future__ import annotations

import itertools
import resource
import time
from collections import deque

from offhook.audio import PlaybackEnd
from offhook.media import wire
from offhook.media.engine import codecs, concealment, jitter, levels, playing
from offhook.media.engine.arena import Arena
from offhook.media.engine.beeps import BeepWatches
from offhook.media.engine.control import Control
from offhook.media.engine.counting import Counting
from offhook.media.engine.edges import Edges
from offhook.media.engine.gains import Gains
from offhook.media.engine.hushing import hushed
from offhook.media.engine.inband import EVENT_TICKS, InbandKeys
from offhook.media.engine.injecting import Injecting
from offhook.media.engine.keys import Press
from offhook.media.engine.legs import PACKET_OCTETS, Leg, Legs
from offhook.media.engine.load import Load
from offhook.media.engine.mixing import Rooms
from offhook.media.engine.overlays import Overlays
from offhook.media.engine.pacing import Pacing
from offhook.media.engine.reception import Reception
from offhook.media.engine.recording import Recorder
from offhook.media.engine.reports import Reports
from offhook.media.engine.rtp import HEADER_OCTETS
from offhook.media.engine.tapping import Taps
from offhook.media.engine.transmission import Transmission
from offhook.media.engine.voice import VoiceWatches

PHASES = ("receive", "decode", "meter", "play", "mix", "encode", "send", "tell")
_LATEST = 256


class Engine:
    """All legs of a node, moved every 20 ms. One thread; nothing here waits for anything but the next tick."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.arena = Arena()
        self.legs = Legs()
        self.reports = Reports(self.legs)
        self.reception = Reception(self.legs, self.pressed, self.reports.take)
        self.transmission = Transmission(self.legs)
        self.rooms = Rooms()
        self.gains = Gains()
        self.edges = Edges()
        self.injecting = Injecting()
        self.overlays = Overlays(control.tell)
        self.taps = Taps()
        self.silences = levels.SilenceWatches()
        self.beeps = BeepWatches()
        self.voices = VoiceWatches()
        self.inband = InbandKeys()
        self.recorder = Recorder(control.tell)
        self.pacing = Pacing()
        self.load = Load()
        self.counting = Counting(self.legs)
        self._scratch = levels.scratch()
        self._version = -1
        self._ticks = self._leg_ticks = 0
        self._phases = [0] * len(PHASES)
        self._cpu_ns = 0
        self._latest_ns: deque[int] = deque(maxlen=_LATEST)

    def tick(self) -> None:
        """Move every leg by 20 ms."""
        legs, began_ns = self.legs, time.monotonic_ns()
        tick = self.pacing.begin(began_ns)
        count = legs.count
        if self._version != legs.version:
            self.rooms.settle(legs)
            self.gains.settle(legs)
            self.edges.settle(legs)
            self.inband.settle(legs)
            self._version = legs.version
        clock = time.thread_time_ns
        marks = [clock()]

        self.reception.run(tick)
        marks.append(clock())

        jitter.settle(legs, tick)
        octets, present = jitter.due_now(legs, tick)
        legs.turn(tick)
        codecs.decode(octets, legs.codec[:count], legs.pcm[:count])
        self.edges.decode(legs, octets, present, tick)
        concealment.conceal(legs, present, tick)
        marks.append(clock())

        levels.measure(legs, self._scratch)
        for event in (
            *levels.meter(legs, tick),
            *self.silences.check(legs, tick),
            *self.beeps.check(legs),
            *self.voices.check(legs),
            *levels.lost(legs, tick),
        ):
            self.control.tell(event)
        for leg, press in self.inband.check(legs, tick):
            self.pressed(leg, press, "inband")
        marks.append(clock())

        for slot, why in playing.gather(legs, self.arena):
            self.stop_playing(legs.rows[slot], why)
        for event in self.injecting.mix(legs):
            self.control.tell(event)
        marks.append(clock())

        self._mix()
        for leg, request in self.transmission.dialled():
            self.control.tell(wire.Done(leg.number, request))
        marks.append(clock())

        codecs.encode(legs.out[:count], legs.codec[:count], legs.tx[:count, HEADER_OCTETS:PACKET_OCTETS])
        self.edges.encode(legs)
        marks.append(clock())

        self.transmission.run(tick)
        self.reports.run(tick)
        marks.append(clock())

        for event in self.taps.take(legs):
            self.control.tell(event)
        self.recorder.take(legs, tick)
        self._took(time.monotonic_ns() - began_ns)
        self.control.flush()
        marks.append(clock())

        cpu_ns = time.process_time_ns()
        self._latest_ns.append(cpu_ns - self._cpu_ns)
        self._cpu_ns = cpu_ns
        self._ticks += 1
        self._leg_ticks += count
        for phase, (before, after) in enumerate(itertools.pairwise(marks)):
            self._phases[phase] += after - before

    def _mix(self) -> None:
        """What each party hears: its prompt, those in its room, and what is played over both."""
        legs = self.legs
        self.rooms.mix(hushed(self.gains.received(legs), self.inband.pressing(), self.rooms, legs), legs.out)
        self.overlays.mix(legs, self.arena)
        self.gains.send(legs)

    def _took(self, took_ns: int) -> None:
        """All but the telling of a tick is done."""
        self.counting.tick(took_ns)
        if self.load.note(took_ns):
            self.control.tell(wire.Busy(self.load.busy))

    def stop_playing(self, leg: Leg, why: PlaybackEnd) -> None:
        """End what the leg plays, if it plays anything, and tell."""
        current = leg.playing
        if current is None:
            return
        self.control.tell(wire.PlaybackOver(leg.number, current.playback, why, playing.played_ms(self.legs, leg.slot, current)))
        current.end()
        leg.playing = None
        if leg.slot >= 0:
            playing.playing_nothing(self.legs, leg.slot)

    @property
    def busy(self) -> bool:
        """Whether something is still to be told or written, although no leg is left to tick for."""
        return self.control.unsent or self.recorder.busy

    def idle(self) -> None:
        """What a tick does beside the legs, when there are none."""
        self.recorder.flush()
        if self.load.rest():
            self.control.tell(wire.Busy(busy=False))
        self.control.flush()

    def figures(self, request: int) -> wire.Figures:
        """What the engine has cost so far."""
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - three times faster, and a tick is waiting
            rss = int(statm.read().split()[1]) * resource.getpagesize()
        return wire.Figures(
            request,
            self.legs.count,
            self._ticks,
            self._leg_ticks,
            self.pacing.skipped,
            time.process_time_ns(),
            tuple(self._latest_ns),
            dict(zip(PHASES, self._phases, strict=True)),
            tuple(self.pacing.gaps),
            rss,
            self.reception.misses,
            tuple(self.counting.ticks),
            self.counting.tick_ns,
            self.counting.packets(),
        )

    def pressed(self, leg: Leg, press: Press, via: str = "rfc4733") -> None:
        """A reflex: the prompt is silent in the tick in which the key was heard. What the key means is decided elsewhere."""
        tick = self.pacing.tick
        key, at, by = leg.pressed
        if key == press.key and by != via and tick - at <= EVENT_TICKS:
            return  # the same key, told in two ways
        leg.pressed = (press.key, tick, via)
        self.control.tell(wire.KeyPressed(leg.number, press.key, press.duration_ms, via))
        if leg.playing is not None and leg.playing.stop_on_key:
            self.stop_playing(leg, PlaybackEnd.KEY)
