"""The phones of ``offhook bench bridge``: RTP frames that say which they are, by real time stamps on both ends."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress

from offhook.sip import Answered, IncomingInvite, NameAddr, OutgoingInvite, Refused, SdpError, Stack, sdp

HOST = "127.0.0.1"
FRAME_MS = 20
STEP_MS = 0.25
TRIES, AGAIN_S = 10, 2.0
"""How often, and how long after a 503, a call is tried again."""
REACH_MS = 500
"""Delays are counted in steps up to here; what takes longer is in the last one."""
_HEADER = struct.Struct("!BBHII")
_DIGITS = 4
_SENT = 1024
"""Frames whose time of sending is kept. A power of two."""
_SO_TIMESTAMPNS = 35
_OFFER = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
)


def numbered(number: int) -> bytes:
    """A frame of 160 mu-law codes that come out of a bridge as they went in: which frame it is, and a sum to tell real ones."""
    digits = [number >> shift & 0x3F for shift in range(0, 6 * _DIGITS, 6)]
    return bytes([*(0x80 | digit for digit in digits), 0x80 | sum(digits) & 0x3F, *[0xFF] * (160 - _DIGITS - 1)])


def number_of(payload: bytes) -> int | None:
    """Which frame this is; ``None`` for one that was made up, faded or of no line."""
    digits = [octet & 0x3F for octet in payload[:_DIGITS]]
    whole = len(payload) == 160 and payload[_DIGITS] == 0x80 | sum(digits) & 0x3F and payload[_DIGITS + 1 :] == b"\xff" * 155
    return sum(digit << 6 * place for place, digit in enumerate(digits)) if whole else None


class Line:
    """One phone: sends a numbered frame every 20 ms, and takes the other phone's.

    Args:
        phase_s: when within the 20 ms its packets go.
    """

    def __init__(self, phase_s: float) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.sent = 0
        """Frames since they count, as ``heard`` (of the other phone) and ``twice`` (that came again)."""
        self.heard = self.twice = 0
        self.delays = [0] * (int(REACH_MS / STEP_MS) + 1)
        """How many frames of the other phone took so long, in steps of 0.25 ms."""
        self.other: Line | None = None
        self._sent_ns = [0] * _SENT
        self._latest = -1
        self._phase_s = phase_s
        self._began: float | None = None
        self._number = self._counts_from = 0
        self._first = id(self) >> 4 & 0xFFFF

    def begin(self, port: int, now: float) -> None:
        """Talk to this port from now on, s of loop time."""
        self.socket.connect((HOST, port))
        self._began = now + self._phase_s
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def send_due(self, now: float) -> None:
        """Send what is due; after a stall all of it, as a phone's hardware would have."""
        while self._began is not None and self._began + self._number * FRAME_MS / 1000 <= now:
            stamp = self._number * 160 & 0xFFFFFFFF
            header = _HEADER.pack(0x80, 0, self._first + self._number & 0xFFFF, stamp, self._first)
            self._sent_ns[self._number & _SENT - 1] = time.time_ns()
            with suppress(OSError):
                self.socket.send(header + numbered(self._number))
            self._number += 1
            self.sent += 1

    def count_anew(self) -> None:
        """What was sent before does not count, nor what was heard."""
        self._counts_from, self.sent, self.heard, self.twice = self._number, 0, 0, 0
        self.delays = [0] * len(self.delays)

    def _read(self) -> None:
        with suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                datagram, told, _, _ = self.socket.recvmsg(2048, 64)
                number = number_of(datagram[_HEADER.size :])
                if number is not None and self.other is not None:
                    self._take(number, self.other, told)

    def _take(self, number: int, other: Line, told: list[tuple[int, int, bytes]]) -> None:
        if not other.is_recent(number):
            return
        if number <= self._latest:
            self.twice += 1
            return
        seconds, rest = struct.unpack("qq", told[0][2])  # when the kernel had it, whenever this process got to it
        delay_ms = (seconds * 1_000_000_000 + rest - other.sent_ns(number)) / 1e6
        self.delays[max(0, min(len(self.delays) - 1, int(delay_ms / STEP_MS)))] += 1
        self.heard += 1
        self._latest = number

    def sent_ns(self, number: int) -> int:
        """When a frame was sent, by the wall clock; of the latest 1,024."""
        return self._sent_ns[number & _SENT - 1]

    def is_recent(self, number: int) -> bool:
        """Whether a frame counts, and it is known when it was sent."""
        return max(self._counts_from, self._number - _SENT + 1) <= number < self._number

    def stop(self) -> None:
        """Send no more."""
        self._began = None

    def close(self) -> None:
        """Give the port back."""
        with suppress(ValueError, OSError):
            asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


class Talk:
    """One bridged call: its caller calls the node, and the node's document calls the other phone.

    Args:
        number: what is called; the document is to call ``sip:NUMBER@`` the stack's address.
        phase_s: when within the 20 ms its packets go; the two phones send at different times.
    """

    def __init__(self, number: str, phase_s: float) -> None:
        self.number = number
        self.a, self.b = Line(phase_s), Line((phase_s + 0.007) % 0.02)
        self.a.other, self.b.other = self.b, self.a
        self.answered_at = self.over_at = 0.0
        """Loop time, s: the caller got the 200; the caller hung up."""
        self.failed = ""
        """Why it did not come about, or ended by itself."""
        self._invite: OutgoingInvite | None = None

    async def place(self, stack: Stack, target: str, caller: NameAddr) -> None:
        """Call, and talk as soon as that is answered; ``failed`` says when it is not. Whom a busy machine refuses tries again."""
        for _ in range(TRIES):
            if await self._try(stack, target, caller) != 503:
                return
            await asyncio.sleep(AGAIN_S)

    async def _try(self, stack: Stack, target: str, caller: NameAddr) -> int | None:
        """The status that refused the call, if one did."""
        loop = asyncio.get_running_loop()
        self.failed = ""
        self._invite = stack.invite(target, caller=caller, body=_OFFER.format(host=HOST, port=self.a.port).encode())
        async for event in self._invite:
            match event:
                case Answered(body=body):
                    self.answered_at = loop.time()
                    self.a.begin(_port(body), self.answered_at)
                    return None
                case Refused(response=response):
                    self.failed = f"refused with {response.status}"
                    return response.status
                case _:
                    pass
        self.failed = "it ended before it was answered"
        return None

    def take(self, invite: IncomingInvite) -> None:
        """The node calls the other phone: it answers at once."""
        invite.accept(_OFFER.format(host=HOST, port=self.b.port).encode())
        self.b.begin(_port(invite.request.body), asyncio.get_running_loop().time())

    def hang_up(self) -> None:
        """The caller hangs up, unless that is over."""
        if self._invite is not None:
            if self._invite.over and not self.failed:
                self.failed = "the node hung up"
            self.over_at = asyncio.get_running_loop().time()
            self._invite.bye()

    @property
    def lines(self) -> tuple[Line, Line]:
        """Both phones."""
        return self.a, self.b


def _port(description: bytes) -> int:
    """Where the other side takes audio."""
    media = sdp.SessionDescription.parse(description).media
    if not media:
        raise SdpError("a description without a stream")
    return media[0].port
