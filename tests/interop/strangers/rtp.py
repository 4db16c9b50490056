"""One end of an RTP stream, by the book and not by the code under test (RFC 3550, RFC 4733, ITU-T G.711)."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import numpy.typing as npt

from strangers.programs import LOOPBACK, free_ports

PCMA, EVENTS = 8, 101
Samples = npt.NDArray[np.float64]
_KEYS = "0123456789*#ABCD"


@dataclass(frozen=True)
class Packet:
    """A packet that came."""

    at: float
    source: tuple[str, int]
    data: bytes

    @property
    def payload_type(self) -> int:
        """What it carries."""
        return self.data[1] & 127

    @property
    def sequence(self) -> int:
        """Its number."""
        return int.from_bytes(self.data[2:4])


class RtpEnd:
    """A UDP port that remembers what comes, and answers to where that came from."""

    def __init__(self) -> None:
        self.port = free_ports()
        self.packets: list[Packet] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, self.port))
        self._socket.settimeout(0.1)
        self._over = threading.Event()
        self._sequence = 100
        self._timestamp = 16_000
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> RtpEnd:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                data, source = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            self.packets.append(Packet(time.monotonic(), source, data))

    def audio(self) -> list[Packet]:
        """The packets with PCMA, as they came."""
        return [each for each in list(self.packets) if len(each.data) > 12 and each.payload_type == PCMA]

    def wait_for_audio(self, count: int = 1, timeout_s: float = 15.0) -> None:
        """Wait until that many packets of audio have come."""
        until = time.monotonic() + timeout_s
        while len(self.audio()) < count:
            assert time.monotonic() < until, f"{len(self.audio())} packets of audio came, not {count}"
            time.sleep(0.01)

    def press(self, keys: str) -> None:
        """Press keys as telephone-events, 100 ms each, 100 ms apart."""
        for key in keys:
            for packet in range(8):
                over = packet >= 5  # the end is said three times (RFC 4733 section 2.5.1.4)
                event = struct.pack(">BBH", _KEYS.index(key), 0x8A if over else 0x0A, 160 * min(packet + 1, 6))
                self._send(EVENTS, event, marker=packet == 0)
                time.sleep(0.0 if over else 0.02)
            self._timestamp += 1600
            time.sleep(0.1)

    def say(self, sound: Samples, to: tuple[str, int]) -> None:
        """Speak: 8000 Hz, whole frames of 20 ms, as fast as it sounds."""
        for octets in a_law(sound)[: len(sound) // 160 * 160].reshape(-1, 160):
            self._send(PCMA, octets.tobytes(), to=to)
            self._timestamp += 160
            time.sleep(0.02)

    def _send(self, payload_type: int, payload: bytes, *, marker: bool = False, to: tuple[str, int] | None = None) -> None:
        header = struct.pack(
            ">BBHII", 0x80, payload_type | (0x80 if marker else 0), self._sequence & 0xFFFF, self._timestamp, 0x0FF5E7
        )
        self._sequence += 1
        self._socket.sendto(header + payload, to or self.packets[-1].source)


def samples(packets: list[Packet]) -> Samples:
    """What PCMA packets sound like; they must follow each other."""
    numbers = [each.sequence for each in packets]
    assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))], numbers
    code = np.frombuffer(b"".join(each.data[12:] for each in packets), np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int32)
    magnitude = ((code & 0x0F).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent > 0, (magnitude + 0x100) << np.maximum(exponent - 1, 0), magnitude)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float64)


def a_law(sound: Samples) -> npt.NDArray[np.uint8]:
    """Samples of 16 bits as PCMA has them."""
    magnitude = np.minimum(np.abs(sound), 32_635).astype(np.int32)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7, 0)
    mantissa = (magnitude >> np.maximum(exponent + 3, 4)) & 0x0F
    code = np.where(sound >= 0, 0x80, 0) | exponent << 4 | mantissa
    return (code ^ 0x55).astype(np.uint8)


def sounding(heard: Samples) -> Samples:
    """Without the silence before and after: how long that is depends on the machine."""
    loud = np.flatnonzero(np.abs(heard) > 50)
    return heard[loud[0] : loud[-1] + 1] if len(loud) else heard[:0]


def parted(packets: list[Packet], gap_s: float) -> list[list[Packet]]:
    """The packets in stretches, wherever nothing came for longer than ``gap_s``."""
    found: list[list[Packet]] = []
    for each in packets:
        if not found or each.at - found[-1][-1].at > gap_s:
            found.append([])
        found[-1].append(each)
    return found


def touch_tones(keys: str) -> bytes:
    """Keys as they sound (ITU-T Q.23), 100 ms each, 100 ms apart: 16-bit samples at 8000 Hz."""
    at = np.arange(800) / 8000
    found = [np.zeros(1600)]
    for key in keys:
        row, column = divmod("123A456B789C*0#D".index(key), 4)
        low, high = (697, 770, 852, 941)[row], (1209, 1336, 1477, 1633)[column]
        found += [6000 * (np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at)), np.zeros(800)]
    return np.concatenate(found).astype("<i2").tobytes()
