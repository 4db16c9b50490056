"""What the switch asks for, and what the engine does about it: one method a command."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from offhook.audio import FRAME_MS, RATE_HZ, PlaybackEnd, RecordingEnd
from offhook.media import wire
from offhook.media.engine import edges, peers, playing
from offhook.media.engine.codecs import TABLE_CODECS, Codec
from offhook.media.engine.dialling import Dialling
from offhook.media.engine.gains import factor
from offhook.media.engine.keys import Keys, Press
from offhook.media.engine.legs import Leg
from offhook.media.engine.loop import Engine
from offhook.media.engine.reception import ONE_BY_ONE, UNWANTED
from offhook.media.engine.reports import Reporting
from offhook.media.engine.secrecy import Secrecy


class Commands:
    """Obeys commands. One for a leg that has ended meanwhile is passed over: the switch cannot always know."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._legs: dict[int, Leg] = {}
        self._by_type: dict[type, Callable[[Leg, Any], None]] = {
            wire.ConnectLeg: self._connect,
            wire.SeatLeg: self._seat,
            wire.CloseLeg: self._close,
            wire.Play: self._play,
            wire.StopPlaying: self._stop_playing,
            wire.PausePlaying: self._pause_playing,
            wire.SeekPlaying: self._seek_playing,
            wire.SetGain: self._set_gain,
            wire.PressKey: self._press_key,
            wire.SendDigits: self._send_digits,
            wire.WatchSilence: self._watch_silence,
            wire.WatchBeep: self._watch_beep,
            wire.WatchLoss: self._watch_loss,
            wire.WatchVoice: self._watch_voice,
            wire.Forget: self._forget,
            wire.MeterLevel: self._meter,
            wire.JoinRoom: self._join,
            wire.Route: self._route,
            wire.OpenTap: self._open_tap,
            wire.CloseTap: self._close_tap,
            wire.Inject: self._inject,
            wire.MarkInjected: self._mark_injected,
            wire.ClearInjected: self._clear_injected,
            wire.StartRecording: self._start_recording,
            wire.PauseRecording: self._pause_recording,
            wire.StopRecording: self._stop_recording,
            wire.AskStatistics: self._statistics,
        }

    def obey(self, commands: Iterable[wire.Command]) -> None:
        """Do each in turn."""
        for command in commands:
            match command:
                case wire.OpenLeg(number, rtcp):
                    own = self._socket()
                    self._legs[number] = Leg(number, own, reporting=Reporting(self._socket() if rtcp else None))
                case wire.AttachWriter():
                    self._engine.recorder.attach(socket.socket(fileno=self._engine.control.descriptor()))
                case wire.FinishRecording():
                    self._engine.recorder.finish(command)
                case wire.AskFigures(request):
                    self._engine.control.tell(self._engine.figures(request))
                case _:
                    leg = self._legs.get(command.leg)
                    if leg is not None:
                        self._by_type[type(command)](leg, command)
        if not self._engine.legs.count:
            self._engine.control.flush()

    def _socket(self) -> socket.socket:
        """The next that came with a command."""
        own = socket.socket(fileno=self._engine.control.descriptor())
        own.setblocking(False)
        return own

    def _connect(self, leg: Leg, command: wire.ConnectLeg) -> None:
        engine = self._engine
        fresh = leg.slot < 0
        signalled = peers.address(leg.socket, command.host, command.port)
        moved = leg.signalled != signalled
        if fresh:
            self._admit(leg)
            leg.connected_at = engine.pacing.tick
            engine.transmission.introduce(leg)
        left = peers.real_address(leg.socket) or leg.signalled  # who has not been heard yet may still be heard
        if moved and not fresh:
            engine.reception.remove(leg)
            peers.disconnect(leg.socket)
        leg.payload_type = command.payload_type
        self._code(leg, command)
        leg.event_payload_type, leg.inband = command.event_payload_type, command.inband
        leg.sending, leg.receiving = command.send, command.receive
        leg.keys = leg.keys or Keys()
        slot = leg.slot
        engine.legs.codec[slot] = leg.codec
        engine.legs.sealed[slot] = leg.secrecy is not None
        looked_for = leg.payload_type if leg.edge is None or leg.edge.rings else ONE_BY_ONE
        engine.legs.payload_type[slot] = looked_for if leg.receiving else UNWANTED
        engine.legs.lost_after[slot] = leg.lost_after if leg.receiving else 0
        engine.legs.heard_at[slot] = engine.pacing.tick
        if moved:
            leg.signalled = signalled
            leg.learner = peers.Learner(leg.socket, signalled, leg.payload_types, left, leg.secrecy)
            engine.reception.add(leg)
        elif leg.learner is not None:
            leg.learner.secrecy = leg.secrecy
        engine.transmission.describe(leg)
        if leg.reporting is not None:
            leg.reporting.port, leg.reporting.mux = command.rtcp_port, command.rtcp_mux
            engine.reports.add(leg, engine.pacing.tick)

    def _code(self, leg: Leg, command: wire.ConnectLeg) -> None:
        """How what it sends and gets is coded and sealed. What stays as it was keeps its state: a hold changes neither."""
        codec = Codec[command.codec.upper()]
        if codec is not leg.codec or (leg.edge is None and codec not in TABLE_CODECS):
            leg.codec, leg.edge = codec, edges.of(codec)
            self._engine.legs.due_at[:, leg.slot] = -1  # what waits is coded the old way
        leg.event_clock = command.event_clock_hz // RATE_HZ
        if command.srtp is None:
            leg.secrecy = None
        elif leg.secrecy is None:
            leg.secrecy = Secrecy(command.srtp)
        else:
            leg.secrecy.agree(command.srtp)

    def _seat(self, leg: Leg, _: wire.SeatLeg) -> None:
        leg.seat, leg.sending, leg.receiving = True, False, False
        self._admit(leg)

    def _admit(self, leg: Leg) -> None:
        """Give the leg a row that knows what was said of it before."""
        legs = self._engine.legs
        slot = legs.admit(leg)
        legs.room[slot], legs.speaks[slot], legs.hears[slot] = leg.room, leg.speaks, leg.hears
        legs.gain_sent[slot], legs.gain_received[slot] = leg.gains
        legs.meter_every[slot] = leg.meter_every
        if leg.playing is not None:
            playing.start(legs, slot, leg.playing)

    def _close(self, leg: Leg, _: wire.CloseLeg) -> None:
        engine = self._engine
        engine.stop_playing(leg, PlaybackEnd.GONE)
        engine.overlays.close(leg)
        engine.recorder.stop(leg, engine.pacing.tick, why=RecordingEnd.GONE)
        engine.silences.watches.drop(leg)
        engine.beeps.watches.drop(leg)
        engine.voices.watches.drop(leg)
        engine.transmission.remove(leg)
        engine.injecting.remove(leg)
        engine.taps.close(leg)
        engine.rooms.forget(leg)
        engine.reports.remove(leg, engine.pacing.tick)
        if leg.slot >= 0:
            engine.reception.remove(leg)
            engine.counting.leaves(leg)
            engine.legs.dismiss(leg)
        leg.socket.close()
        del self._legs[leg.number]

    def _play(self, leg: Leg, command: wire.Play) -> None:
        engine = self._engine
        if command.mix is None:
            engine.stop_playing(leg, PlaybackEnd.STOPPED)
        try:
            begun = playing.Playing.begin(command, engine.arena)
        except OSError:
            engine.control.tell(wire.PlaybackOver(leg.number, command.playback, PlaybackEnd.FAILED, 0))
            return
        if command.mix is not None:
            engine.overlays.add(leg, begun, mix=command.mix)
            return
        leg.playing = begun
        if leg.slot >= 0:
            playing.start(engine.legs, leg.slot, begun)

    def _stop_playing(self, leg: Leg, command: wire.StopPlaying) -> None:
        overlay = self._engine.overlays.find(leg, command.playback)
        if overlay is not None:
            self._engine.overlays.end(overlay, PlaybackEnd.STOPPED)
        elif leg.playing is not None and leg.playing.playback == command.playback:
            self._engine.stop_playing(leg, PlaybackEnd.STOPPED)

    def _pause_playing(self, leg: Leg, command: wire.PausePlaying) -> None:
        found = self._played(leg, command.playback)
        if found is not None:
            (playing.pause if command.paused else playing.resume)(*found)

    def _seek_playing(self, leg: Leg, command: wire.SeekPlaying) -> None:
        found = self._played(leg, command.playback)
        if found is not None:
            playing.seek(*found, command.position_ms)

    def _played(self, leg: Leg, playback: int) -> tuple[playing.Players, int, playing.Playing] | None:
        """In which rows it is, in which of them, and it; ``None``: it is over."""
        if leg.playing is not None and leg.playing.playback == playback:
            return self._engine.legs, leg.slot, leg.playing
        overlay = self._engine.overlays.find(leg, playback)
        return None if overlay is None else (self._engine.overlays, overlay.slot, overlay.playing)

    def _set_gain(self, leg: Leg, command: wire.SetGain) -> None:
        leg.gains = (factor(command.sent_db), factor(command.received_db))
        if leg.slot >= 0:
            self._engine.legs.gain_sent[leg.slot], self._engine.legs.gain_received[leg.slot] = leg.gains
            self._engine.legs.version += 1

    def _press_key(self, leg: Leg, command: wire.PressKey) -> None:
        self._engine.pressed(leg, Press(command.key, command.duration_ms), command.via)

    def _send_digits(self, leg: Leg, command: wire.SendDigits) -> None:
        as_events = leg.event_payload_type is not None
        self._engine.transmission.dial(leg, Dialling(command.request, command.digits, command.tone_ms, command.gap_ms, as_events))

    def _watch_silence(self, leg: Leg, command: wire.WatchSilence) -> None:
        self._engine.silences.add(leg, command.request, command.minimum_ms, self._engine.pacing.tick)

    def _watch_beep(self, leg: Leg, command: wire.WatchBeep) -> None:
        self._engine.beeps.add(leg, command)

    def _watch_loss(self, leg: Leg, command: wire.WatchLoss) -> None:
        leg.loss_request, leg.lost_after = command.request, command.minimum_ms // FRAME_MS
        if leg.slot >= 0:
            self._engine.legs.lost_after[leg.slot] = leg.lost_after
            self._engine.legs.heard_at[leg.slot] = self._engine.pacing.tick

    def _watch_voice(self, leg: Leg, command: wire.WatchVoice) -> None:
        self._engine.voices.add(leg, command.request, command.start_ms, command.stop_ms, command.every_ms)

    def _forget(self, leg: Leg, command: wire.Forget) -> None:
        self._engine.silences.watches.drop(leg, command.request)
        self._engine.beeps.watches.drop(leg, command.request)
        self._engine.voices.watches.drop(leg, command.request)
        if leg.loss_request == command.request:
            self._watch_loss(leg, wire.WatchLoss(leg.number, command.request, 0))
        self._engine.transmission.give_up(leg, command.request)

    def _meter(self, leg: Leg, command: wire.MeterLevel) -> None:
        leg.meter_every = -(-command.interval_ms // FRAME_MS)
        if leg.slot >= 0:
            self._engine.legs.meter_every[leg.slot] = leg.meter_every
            self._engine.legs.meter_power[leg.slot] = 0

    def _join(self, leg: Leg, command: wire.JoinRoom) -> None:
        leg.room = -1 if command.room is None else command.room
        leg.speaks, leg.hears = command.speaks, command.hears
        if leg.slot >= 0:
            legs, slot = self._engine.legs, leg.slot
            legs.room[slot], legs.speaks[slot], legs.hears[slot] = leg.room, leg.speaks, leg.hears
            legs.version += 1

    def _route(self, leg: Leg, command: wire.Route) -> None:
        other = self._legs.get(command.other)
        if other is not None:
            self._engine.rooms.route(leg, other, command.heard)
            self._engine.legs.version += 1

    def _open_tap(self, leg: Leg, command: wire.OpenTap) -> None:
        self._engine.taps.open(leg, command.tap, command.what)

    def _close_tap(self, leg: Leg, command: wire.CloseTap) -> None:
        self._engine.taps.close(leg, command.tap)

    def _inject(self, leg: Leg, command: wire.Inject) -> None:
        self._engine.injecting.add(leg).add(command.pcm)

    def _mark_injected(self, leg: Leg, command: wire.MarkInjected) -> None:
        self._engine.injecting.add(leg).mark(command.request)

    def _clear_injected(self, leg: Leg, command: wire.ClearInjected) -> None:
        if leg.injected is not None:
            leg.injected.clear()
        self._engine.control.tell(wire.Done(leg.number, command.request))

    def _start_recording(self, leg: Leg, command: wire.StartRecording) -> None:
        self._engine.recorder.start(leg, command, self._engine.pacing.tick)

    def _pause_recording(self, _: Leg, command: wire.PauseRecording) -> None:
        self._engine.recorder.pause(command.recording, command.paused, self._engine.pacing.tick)

    def _stop_recording(self, leg: Leg, command: wire.StopRecording) -> None:
        self._engine.recorder.stop(leg, self._engine.pacing.tick, command.recording)

    def _statistics(self, leg: Leg, command: wire.AskStatistics) -> None:
        self._engine.control.tell(self._engine.legs.statistics(leg, command.request))
