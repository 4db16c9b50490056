"""What goes out in a tick: headers for all legs at once, then one ``send`` each."""

from __future__ import annotations

import secrets
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from offhook.media.engine import rtp, tones
from offhook.media.engine.arrays import FRAME_SAMPLES, Matrix, Samples, Slots
from offhook.media.engine.dialling import LEVEL_DBOV, Dialling, EventFrame, ToneFrame, frequencies_hz, tone_samples
from offhook.media.engine.edges import OPUS_CLOCK
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.rtp import MARKER, VERSION_2

_send = socket.socket.send


def send(sockets: Sequence[socket.socket], rows: Sequence[memoryview]) -> int:
    """Send each row through its socket. Returns how many did not go: the peer's port is closed, or the kernel's buffer full."""
    sends, failed = map(_send, sockets, rows), 0
    while True:
        try:
            deque(sends, maxlen=0)
        except OSError:
            failed += 1  # the map goes on behind it
        else:
            return failed


class Transmission:
    """Sends all legs once a tick."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._headers: Matrix = rtp.headers_sent(legs.tx)
        self._sending: Slots = slice(0, 0)
        self._sockets: list[socket.socket] = []
        self._rows: list[memoryview] = []
        self._single: list[Leg] = []
        """Whose packets are made one by one: no peer learnt yet, sealed, or of no fixed length."""
        self._dialling: list[Leg] = []
        self._replaced: list[tuple[Leg, EventFrame]] = []
        self._marked: list[Leg] = []
        self._version = -1

    def introduce(self, leg: Leg) -> None:
        """Give a new leg its SSRC and its random beginnings (RFC 3550 section 5.1)."""
        legs, slot = self._legs, leg.slot
        leg.ssrc = secrets.randbits(32)
        header = rtp.headers_sent(legs.tx)[slot : slot + 1]
        header["flags"], header["ssrc"] = VERSION_2, leg.ssrc
        legs.sequence_out[slot] = secrets.randbits(15)
        legs.timestamp_out[slot] = secrets.randbits(32)

    def describe(self, leg: Leg) -> None:
        """The leg's payload type may have changed, and a talkspurt begins."""
        self._legs.tx[leg.slot, 1] = leg.payload_type | MARKER
        self._marked.append(leg)
        self._legs.version += 1

    def dial(self, leg: Leg, dialling: Dialling) -> None:
        """Press keys, after those that the leg is pressing already."""
        leg.dialling.append(dialling)
        if leg not in self._dialling:
            self._dialling.append(leg)

    def give_up(self, leg: Leg, request: int) -> None:
        """Nobody wants these keys any more; one that is down goes up without its end being told."""
        leg.dialling = [dialling for dialling in leg.dialling if dialling.request != request]

    def remove(self, leg: Leg) -> None:
        """The leg ends."""
        for some in (self._dialling, self._marked):
            if leg in some:
                some.remove(leg)

    def dialled(self) -> list[tuple[Leg, int]]:
        """Take the next frame of everybody who is pressing keys; tones go over what the leg plays, before it is encoded.

        Returns:
            The requests that were finished with the tick before.
        """
        finished = []
        self._replaced = []
        for leg in self._dialling[:]:
            if leg.slot < 0 or not leg.sending:
                continue
            frame = None
            while leg.dialling:
                try:
                    frame = leg.dialling[0].next()
                    break
                except StopIteration:
                    finished.append((leg, leg.dialling.pop(0).request))
            if not leg.dialling:
                self._dialling.remove(leg)
            if isinstance(frame, EventFrame):
                self._replaced.append((leg, frame))
            elif isinstance(frame, ToneFrame):
                tone = _key_tone(frame.key, tone_samples(leg.dialling[0].tone_ms))
                self._legs.out[leg.slot] = tone[frame.offset_samples : frame.offset_samples + FRAME_SAMPLES]
        return finished

    def run(self, tick: int) -> None:
        """Write the headers and send."""
        legs = self._legs
        if self._version != legs.version:
            self._settle()
        count = legs.count
        self._headers["sequence"][:count] = legs.sequence_out[:count]
        self._headers["timestamp"][:count] = legs.timestamp_out[:count] + np.uint32(tick * FRAME_SAMPLES & 0xFFFFFFFF)
        self._put_events(tick)
        send(self._sockets, self._rows)
        for leg in self._single:
            self._send_one(leg, tick)
        if self._replaced:
            self._version = -1  # the next tick makes the lists anew, without the events
        legs.sequence_out[self._sending] += np.uint16(1)
        legs.sent[self._sending] += 1
        for leg in self._marked:
            legs.tx[leg.slot, 1] = leg.payload_type
        self._marked.clear()

    def _settle(self) -> None:
        legs = self._legs
        sending = [leg for leg in legs.rows if leg.sending]
        self._sending = slice(0, legs.count) if len(sending) == legs.count else np.array([leg.slot for leg in sending], np.intp)
        plain = [leg for leg in sending if leg.learner is None and leg.plain]
        self._single = [leg for leg in sending if leg.learner is not None or not leg.plain]
        self._sockets = [leg.socket for leg in plain]
        self._rows = [legs.tx_rows[leg.slot] for leg in plain]
        self._headers = rtp.headers_sent(legs.tx)
        self._version = legs.version

    def _put_events(self, tick: int) -> None:
        """Put telephone events in the place of audio, for this one tick."""
        for leg, frame in self._replaced:
            if leg.learner is None and leg.plain:
                self._rows[self._sockets.index(leg.socket)] = memoryview(self._event(leg, frame, tick))

    def _event(self, leg: Leg, frame: EventFrame, tick: int) -> bytes:
        return self._packet(leg, tick, frame.coded(leg.event_clock), marker=frame.marker, age=frame.age_samples, event=True)

    def _packet(self, leg: Leg, tick: int, payload: bytes, *, marker: bool, age: int = 0, event: bool = False) -> bytes:
        """A packet that is not in the arrays.

        Args:
            age: samples since the beginning of what is told.
        """
        legs = self._legs
        timestamp = int(legs.timestamp_out[leg.slot]) + tick * FRAME_SAMPLES - age
        legs.octets_short[leg.slot] += FRAME_SAMPLES - len(payload)
        return rtp.build(
            (leg.event_payload_type or 0) if event else leg.payload_type,
            marker=marker,
            sequence=int(legs.sequence_out[leg.slot]),
            timestamp=timestamp * (leg.event_clock if event else OPUS_CLOCK),
            ssrc=leg.ssrc,
            payload=payload,
        )

    def _send_one(self, leg: Leg, tick: int) -> None:
        frame = next((frame for each, frame in self._replaced if each is leg), None)
        if frame is not None:
            packet = self._event(leg, frame, tick)
        elif leg.edge is not None and not leg.edge.rings:
            packet = self._packet(leg, tick, leg.edge.encode(self._legs.out[leg.slot]), marker=leg in self._marked)
        else:
            packet = bytes(self._legs.tx_rows[leg.slot])
        if leg.secrecy is not None:
            packet = leg.secrecy.seal(packet)
        with suppress(OSError):
            if leg.learner is None:
                leg.socket.send(packet)
            else:
                leg.socket.sendto(packet, leg.learner.address)


_tones: dict[tuple[str, int], Samples] = {}


def _key_tone(key: str, samples: int) -> Samples:
    if (key, samples) not in _tones:
        if len(_tones) >= 64:
            _tones.clear()
        _tones[key, samples] = tones.render(frequencies_hz(key), samples // 8, LEVEL_DBOV)
    return _tones[key, samples]
