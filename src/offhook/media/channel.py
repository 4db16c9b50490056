"""One leg's sound, as the switch sees it."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from offhook.audio import BeepPattern, Clip, Digit, PlaybackEnd, PlaybackEnded, Playlist, RtpStatistics, Silence, Sound
from offhook.errors import LegGone
from offhook.media import quality, wire
from offhook.media.listening import Digits, Meter, Voice
from offhook.media.playback import Playback
from offhook.media.recordings import Recording
from offhook.media.taps import Injection, Tap

if TYPE_CHECKING:
    from offhook.media.client import Media


@dataclass(frozen=True, slots=True)
class RtpPeer:
    """Where a leg's RTP goes and how it is coded: what offer and answer agreed on.

    Packets of the peer are taken from wherever it really sends (symmetric RTP, ``docs/decisions/rtp-peer.md``).
    """

    host: str
    """A numeric address."""
    port: int
    payload_type: int
    codec: Literal["PCMU", "PCMA", "G722", "opus"]
    event_payload_type: int | None = None
    """Of telephone-event; ``None``: keys are sent as tones."""
    send: bool = True
    receive: bool = True
    event_clock_hz: int = 8000
    """Of telephone-event."""
    srtp: wire.Srtp | None = None
    """Packets are sealed; ``None``: they are not."""
    rtcp_port: int | None = None
    """Where its RTCP reports go; ``None``: one above the port (RFC 3550 section 11)."""
    rtcp_mux: bool = False
    """RTCP goes over the port of RTP (RFC 5761)."""
    inband_digits: bool | None = None
    """Whether keys may come as tones; ``None``: where there is no telephone-event."""

    def __post_init__(self) -> None:
        ipaddress.ip_address(self.host)
        if not 0 < self.port < 65536:
            raise ValueError(f"RTP port {self.port} must be between 1 and 65535")


class Channel:
    """A slot for one leg's audio: a bound UDP port, and what is played, heard, sent and recorded there.

    It holds what it wants of the engine, so that a new engine can take over (``wishes``).
    """

    def __init__(self, media: Media, number: int, port: int) -> None:
        self._media = media
        self._peer: RtpPeer | None = None
        self._seat = False
        self._place: wire.JoinRoom | None = None
        self._routes: dict[int, bool] = {}
        self._gain: wire.SetGain | None = None
        self._taps: dict[int, Tap] = {}
        self._injection: Injection | None = None
        self._playback: Playback | None = None
        self._playbacks: dict[int, Playback] = {}
        self._listeners: list[Digits] = []
        self._meters: dict[Meter, int] = {}
        self._voices: dict[int, tuple[Voice, wire.WatchVoice]] = {}
        self._recordings: dict[int, Recording] = {}
        self._requests: dict[int, tuple[wire.Command, asyncio.Future[wire.Event]]] = {}
        self._closed = False
        self.number = number
        self.port = port

    @property
    def open(self) -> bool:
        """Whether it is still in use."""
        return not self._closed

    def connect(self, peer: RtpPeer) -> None:
        """Let RTP flow. Again: the peer's address has changed, or it holds."""
        self._peer = peer
        self.tell(self._connection(peer))

    def take_seat(self) -> None:
        """Go without a peer (for the room's own use: ``Media.open_seat``)."""
        self._seat = True
        self.tell(wire.SeatLeg(self.number))

    def join(self, room: int | None, *, speaks: bool = True, hears: bool = True) -> None:
        """Hear everybody else in this room, and be heard there.

        Args:
            room: any number from 0 on; ``None`` leaves it.
            speaks: false: nobody hears this leg (muted).
            hears: false: this leg hears nobody (deaf); what is played to it, it still hears. Both false: on hold.
        """
        self._place = wire.JoinRoom(self.number, room, speaks, hears)
        self.tell(self._place)

    def route(self, other: Channel, heard: bool | None) -> None:
        """Make an exception between two members of a room: whether this leg hears the other.

        A coach is ``join(room, speaks=False)`` and ``agent.route(coach, True)``: all hear the customer, only the agent the coach.

        Args:
            other: who is heard.
            heard: whatever ``speaks`` and ``hears`` say; ``None``: as they say.
        """
        if heard is None:
            self._routes.pop(other.number, None)
        else:
            self._routes[other.number] = heard
        self.tell(wire.Route(self.number, other.number, heard))

    def gain(self, *, sent_db: float = 0.0, received_db: float = 0.0) -> None:
        """Make louder (positive) or softer what this leg's party hears, and what others hear of it. Held to 16 bits.

        Raises:
            ValueError: more than 30 dB up or 60 dB down.
        """
        for decibels in (sent_db, received_db):
            if not -60 <= decibels <= 30:
                raise ValueError(f"a gain of {decibels:g} dB must be between -60 and 30")
        self._gain = wire.SetGain(self.number, sent_db, received_db)
        self.tell(self._gain)

    def tap(self, what: Literal["received", "sent"] = "received") -> Tap:
        """Take every frame from the next tick on: what comes from this leg's party, or what it hears."""
        tap = Tap(self, self._media.next_number(), what)
        if self._closed:
            tap.end()
            return tap
        self._taps[tap.number] = tap
        self._media.taps[tap.number] = tap
        self.tell(wire.OpenTap(self.number, tap.number, what))
        return tap

    def untap(self, tap: Tap) -> None:
        """This tap is closed (for the room's own use)."""
        if self._taps.pop(tap.number, None) is not None:
            self._media.taps.pop(tap.number, None)
            self.tell(wire.CloseTap(self.number, tap.number))
        tap.end()

    @property
    def injection(self) -> Injection:
        """Sound of one's own into what this leg's party hears."""
        if self._injection is None:
            self._injection = Injection(self)
        return self._injection

    def play(self, playlist: Playlist, *, stop_on_key: bool = False) -> Playback:
        """Play this now; what is playing ends as ``STOPPED``.

        Args:
            playlist: what to play, without gaps.
            stop_on_key: end as ``KEY`` in the very tick in which a key is heard.
        """
        playback = self._begin(wire.Play(self.number, self._media.next_number(), _tracks(playlist), stop_on_key))
        if not self._closed:
            self._playback = playback
        return playback

    def play_over(self, playlist: Playlist, *, mix: bool, limit_ms: int | None = None) -> Playback:
        """Play this over all that the leg's party hears, its playlist and its room, which go on; beside what is played over
        them already. Nobody else hears it; what is recorded as ``sent`` has it.

        Args:
            mix: false: nothing else is heard meanwhile.
            limit_ms: it ends as ``FINISHED`` after so long.
        """
        number = self._media.next_number()
        return self._begin(wire.Play(self.number, number, _tracks(playlist), stop_on_key=False, mix=mix, limit_ms=limit_ms))

    @contextmanager
    def listen(self) -> Iterator[Digits]:
        """Hear the keys from this moment on. Several may listen; each gets every key."""
        digits = Digits()
        if self._closed:
            digits.put(None)
        self._listeners.append(digits)
        try:
            yield digits
        finally:
            self._listeners.remove(digits)

    async def send_digits(self, digits: str, *, tone_ms: int = 200, gap_ms: int = 100) -> None:
        """Press keys, one after another; return when the last one was sent. Cancelled: the rest is not sent.

        Args:
            digits: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``; ``w`` waits 500 ms, ``W`` 1000 ms. Others are passed over.
            tone_ms: how long each key is held.
            gap_ms: the pause after each; at least 40 ms.

        Raises:
            LegGone: the channel was closed meanwhile.
        """
        await self.ask(lambda request: wire.SendDigits(self.number, request, digits, tone_ms, gap_ms))

    async def heard_silence(self, minimum_ms: int) -> None:
        """Wait until what is received has been silent for so long, counted from now. Raises ``LegGone``."""
        await self.ask(lambda request: wire.WatchSilence(self.number, request, minimum_ms))

    async def heard_beep(self, pattern: BeepPattern) -> None:
        """Wait for the beep of an answering machine. Raises ``LegGone``."""
        shape = (pattern.duration_ms, pattern.inter_silence_ms, pattern.intra_silence_ms, pattern.threshold)
        await self.ask(lambda request: wire.WatchBeep(self.number, request, *shape))

    async def heard_nothing(self, minimum_ms: int) -> None:
        """Wait until no packet at all has come for so long, counted from now. While ``receive`` is off, none is missed.

        One waits at a time: a second call takes the place of the first, which then waits for ever. Raises ``LegGone``.
        """
        await self.ask(lambda request: wire.WatchLoss(self.number, request, minimum_ms))

    @contextmanager
    def voice(self, *, start_ms: int = 60, stop_ms: int = 400, every_ms: int = 0) -> Iterator[Voice]:
        """Hear where this leg's party begins and ceases to speak, from this moment on (``engine/voice.py`` says what that is).

        Args:
            start_ms: sound that is shorter is none.
            stop_ms: pauses that are shorter are none.
            every_ms: tell the present state again so often, so that who decides by time has the time of the sound; 0: do not.
        """
        voice = Voice(self.next_number())
        if self._closed:
            voice.end()
        self._voices[voice.number] = (voice, wire.WatchVoice(self.number, voice.number, start_ms, stop_ms, every_ms))
        self.tell(self._voices[voice.number][1])
        try:
            yield voice
        finally:
            del self._voices[voice.number]
            self.tell(wire.Forget(self.number, voice.number))

    def meter(self, interval_ms: int = 200) -> Meter:
        """Measure the level of what is received. All meters of a channel go at the shortest interval asked for."""
        meter = Meter(self)
        if self._closed:
            meter.put(None)
            return meter
        self._meters[meter] = max(20, interval_ms)
        self.tell(self._metering())
        return meter

    def unmeter(self, meter: Meter) -> None:
        """This meter is closed (for the room's own use)."""
        if self._meters.pop(meter, None) is not None:
            self.tell(self._metering())
            meter.put(None)

    async def record(
        self,
        path: Path,
        *,
        what: Literal["received", "sent", "both", "mixed"] = "received",
        file_format: Literal["wav", "mp3"] = "wav",
        max_ms: int | None = None,
    ) -> Recording:
        """Write a file of sound at 8000 Hz until it is stopped, is as long as it may be, or the channel is closed.

        A recording survives the death of the engine and of the process that writes it (``docs/sound.md``).

        Args:
            path: overwritten; its folder is made.
            what: ``both`` has two channels, what is received on the left; ``mixed`` has the sum of both in one.
            file_format: ``wav`` (16 bits a sample) or ``mp3`` (32 kbit/s a channel).
            max_ms: when it ends by itself; paused time does not count. Rounded up to 20 ms.

        Raises:
            LegGone: the channel is closed.
            ValueError: another recording is being written to this path.
        """
        if self._closed:
            raise LegGone("the leg has ended")
        if max_ms is not None and max_ms <= 0:
            raise ValueError(f"a recording of at most {max_ms} ms holds nothing")
        absolute = os.path.abspath(path)  # noqa: PTH100, ASYNC240 - asks no disk
        number = self._media.next_number()
        command = wire.StartRecording(self.number, number, absolute, what, file_format, max_ms or 0)
        recording = Recording(self, command, path)
        self._media.writers.begin(recording, absolute)
        self._recordings[number] = recording
        self.tell(command)
        return recording

    async def statistics(self) -> RtpStatistics:
        """What the RTP of this leg went through so far. Raises ``LegGone``."""
        told = await self.ask(lambda request: wire.AskStatistics(self.number, request))
        assert isinstance(told, wire.Statistics)
        return quality.judged(told)

    async def aclose(self) -> None:
        """Free the slot and the port. What plays ends as ``GONE``, who waits gets ``LegGone``; recordings are completed."""
        if self._closed:
            return
        recordings = self.recordings
        self.tell(wire.CloseLeg(self.number))
        self._closed = True
        self._end_everything()
        self._media.give_back(self)
        for recording in recordings:
            await recording.settle()
        self._media.forget(self)

    # --- for the room's own use ---------------------------------------------------------------------------------------------

    def tell(self, command: wire.Command) -> None:
        """Send a command, as long as the channel is open."""
        if not self._closed:
            self._media.send(command)

    def now(self) -> float:
        """Loop time, s."""
        return self._media.now()

    def next_number(self) -> int:
        """Never used twice."""
        return self._media.next_number()

    def wishes(self) -> Iterator[wire.Command]:
        """Everything that a new engine has to know to go on where the old one died."""
        for number, playback in list(self._playbacks.items()):
            if playback.stopping or not (playback is self._playback or playback.over_all):  # its end was not told any more
                self._playback_over(number, PlaybackEnded(PlaybackEnd.STOPPED, playback.position_ms))
            else:
                yield playback.resumed()
        yield from (wish for wish in (self._place, self._gain) if wish is not None)
        yield from (wire.Route(self.number, other, heard) for other, heard in self._routes.items())
        yield from (wire.OpenTap(self.number, tap.number, tap.what) for tap in self._taps.values())
        if self._meters:
            yield self._metering()
        if self._seat:
            yield wire.SeatLeg(self.number)
        if self._peer is not None:
            yield self._connection(self._peer)
        for command, _ in self._requests.values():
            yield command
        for voice, watch in self._voices.values():
            voice.restarted()
            yield watch
        if self._injection is not None:
            self._injection.forget()

    def pressed(self, key: str, duration_ms: int, via: str) -> None:
        """The party has pressed a key, as somebody else than its RTP says (SIP INFO): it does what any key does."""
        self.tell(wire.PressKey(self.number, key, duration_ms, via))

    def hear(self, event: wire.Event) -> None:
        """Take in what the engine says about this leg."""
        match event:
            case wire.KeyPressed():
                for listener in self._listeners:
                    listener.put(Digit(event.key, event.duration_ms, event.via))
            case wire.PlaybackOver():
                self._playback_over(event.playback, PlaybackEnded(PlaybackEnd(event.why), event.played_ms))
            case wire.LevelHeard():
                for meter in self._meters:
                    meter.put(event.level_dbov)
            case wire.VoiceChanged():
                if event.request in self._voices:
                    self._voices[event.request][0].changed(event.speaking, event.at_ms, event.now_ms)
            case wire.VoiceWatched():
                if event.request in self._voices:
                    self._voices[event.request][0].watched(event.now_ms)
            case wire.RecordingBegun():
                if event.recording in self._recordings:
                    self._recordings[event.recording].begun = True
            case wire.RecordingOver():
                recording = self._recordings.pop(event.recording, None)
                if recording is not None:
                    recording.end(event)
            case wire.Done() | wire.Statistics():
                if self._injection is not None and self._injection.hear(event.request):
                    return
                _, answer = self._requests.get(event.request, (None, None))
                if answer is not None and not answer.done():
                    answer.set_result(event)

    @property
    def recordings(self) -> list[Recording]:
        """Those that are not over."""
        return list(self._recordings.values())

    def fail(self) -> None:
        """There is no engine any more: everybody who waits gets an end."""
        self._closed = True
        for recording in self._recordings.values():
            recording.fail("the media engine has failed")
        self._recordings.clear()
        self._end_everything()

    def _connection(self, peer: RtpPeer) -> wire.ConnectLeg:
        inband = peer.event_payload_type is None if peer.inband_digits is None else peer.inband_digits
        return wire.ConnectLeg(
            *(self.number, peer.host, peer.port, peer.payload_type, peer.codec, peer.event_payload_type, peer.send, peer.receive),
            inband=inband,
            rtcp_port=peer.rtcp_port,
            rtcp_mux=peer.rtcp_mux,
            event_clock_hz=peer.event_clock_hz,
            srtp=peer.srtp,
        )

    def _metering(self) -> wire.MeterLevel:
        return wire.MeterLevel(self.number, min(self._meters.values(), default=0))

    def _begin(self, command: wire.Play) -> Playback:
        playback = Playback(self, command.playback, command, self._media.now())
        if self._closed:
            playback.end(PlaybackEnded(PlaybackEnd.GONE, 0))
        else:
            self._playbacks[command.playback] = playback
            self.tell(command)
        return playback

    def _playback_over(self, number: int, ended: PlaybackEnded) -> None:
        playback = self._playbacks.pop(number, None)
        if playback is not None:
            playback.end(ended)
        if playback is self._playback:
            self._playback = None

    def _end_everything(self) -> None:
        for number, playback in list(self._playbacks.items()):
            self._playback_over(number, PlaybackEnded(PlaybackEnd.GONE, playback.position_ms))
        for listener in self._listeners:
            listener.put(None)
        for voice, _ in self._voices.values():
            voice.end()
        for meter in list(self._meters):
            meter.put(None)
        self._meters.clear()
        for tap in list(self._taps.values()):
            self._media.taps.pop(tap.number, None)
            tap.end()
        self._taps.clear()
        if self._injection is not None:
            self._injection.forget()
        for _, answer in self._requests.values():
            if not answer.done():
                answer.set_exception(LegGone("the leg has ended"))

    async def ask(self, command: Callable[[int], wire.Command]) -> wire.Event:
        if self._closed:
            raise LegGone("the leg has ended")
        request = self._media.next_number()
        answer: asyncio.Future[wire.Event] = asyncio.get_running_loop().create_future()
        self._requests[request] = (command(request), answer)
        self.tell(self._requests[request][0])
        try:
            return await answer
        except asyncio.CancelledError:
            self.tell(wire.Forget(self.number, request))
            raise
        finally:
            del self._requests[request]


def _tracks(playlist: Playlist) -> tuple[wire.Track, ...]:
    return tuple(wire.Track(tuple(_sound(sound) for sound in track.sounds), track.times) for track in playlist.tracks)


def _sound(sound: Sound) -> wire.Sound:
    if isinstance(sound, Clip):
        return wire.ClipSound(sound.path)
    if isinstance(sound, Silence):
        return wire.SilenceSound(sound.duration_ms)
    return wire.ToneSound(sound.frequencies_hz, sound.duration_ms, sound.level_dbov)
