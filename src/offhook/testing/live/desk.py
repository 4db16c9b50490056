"""Telephones that call and are called: as many users as one likes behind one SIP port and one media engine."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from offhook.audio import Clip, Digit, Playlist, Track
from offhook.clock import Clock
from offhook.errors import LegGone
from offhook.ids import Ids
from offhook.legs import IncomingLeg, Leg, OutgoingLeg, accepting
from offhook.media import Media
from offhook.sip import Credentials, IncomingInvite, NameAddr, Response, Sending, Stack, Uri
from offhook.testing.live.phone import LOOPBACK, Phone
from offhook.testing.live.sound import Samples, samples_of

log = logging.getLogger(__name__)

PORTS = (13_000, 15_998)
"""Under those that the system gives to others (from 32768 on), and beside those of ``Phone``."""
_DIRECTIONS = re.compile(rb"a=(sendrecv|sendonly|recvonly|inactive)\r\n")
_VERSION = re.compile(rb"(?m)^(o=\S+ \d+ )(\d+)")


class Desk(Phone):
    """The telephones of a test. ``dial`` and ``call`` call a node, ``taken`` takes its calls."""

    def __init__(self, stack: Stack, media: Media, ids: Ids) -> None:
        super().__init__(stack, media, ids)
        self._concealed = 0
        self._arrived: defaultdict[str, asyncio.Queue[IncomingInvite]] = defaultdict(asyncio.Queue)

    def arrived(self, invite: IncomingInvite) -> None:
        """An INVITE came in; one that replaces a dialog of ours takes its place (RFC 3891)."""
        owner = invite.replaces.owner if invite.replaces is not None else None
        if isinstance(owner, Leg):
            owner.take_over(invite)
        else:
            self._arrived[invite.request.uri.user or ""].put_nowait(invite)

    def uri(self, user: str) -> str:
        """Where a user of ours is called without having registered."""
        return f"sip:{user}@{LOOPBACK}:{self.stack.port}"

    async def arrival(self, user: str, timeout_s: float = 20.0) -> IncomingInvite:
        """The next INVITE to a user of ours."""
        async with asyncio.timeout(timeout_s):
            return await self._arrived[user].get()

    @asynccontextmanager
    async def taken(self, user: str, **more: Any) -> AsyncIterator[IncomingLeg]:
        """The next call to a user of ours, neither rung nor answered yet; over at the end of the block."""
        async with accepting(await self.arrival(user), self.stack, self.media, ids=self._ids, **more) as leg:
            try:
                yield leg
            finally:
                await self._note(leg)

    @asynccontextmanager
    async def dial(self, target: str, caller: str = "sip:14155550100@phone.example", **more: Any) -> AsyncIterator[OutgoingLeg]:
        """Call somebody; hung up at the end of the block."""
        async with super().dial(target, caller, **more) as leg:
            try:
                yield leg
            finally:
                await self._note(leg)

    async def disturbed(self) -> bool:
        """Whether the machine was so busy that sound was torn: our engine has missed its time, or sound for us was missing."""
        return self._concealed > 0 or (await self.media.figures()).ticks_skipped > 0

    async def _note(self, leg: Leg) -> None:
        with suppress(LegGone):
            self._concealed += (await leg.statistics()).frames_concealed

    @asynccontextmanager
    async def registered(self, server: str, user: str, password: str) -> AsyncIterator[None]:
        """A user of ours is registered with a node, ``host:port``, as long as the block lasts."""
        target = Uri.parse(f"sip:{server}")
        sender = NameAddr(Uri(host=target.host, user=user, port=target.port))
        asking = self.stack.correspondence(target, sender=sender, credentials=Credentials(user, password))
        told = await asking.ask("REGISTER", [("Contact", f"<{self.uri(user)}>"), ("Expires", "600")])
        assert told.status == 200, f"REGISTER of {user}: {told.status} {told.reason}"
        try:
            yield
        finally:
            await asking.ask("REGISTER", [("Contact", f"<{self.uri(user)}>"), ("Expires", "0")])


@asynccontextmanager
async def a_desk() -> AsyncIterator[Desk]:
    """Telephones on free ports."""
    clock, ids = Clock(), Ids()
    media = Media(ports=PORTS, host=LOOPBACK, clock=clock)
    await media.start()
    try:
        desk: Desk | None = None

        def arrived(invite: IncomingInvite) -> None:
            assert desk is not None
            desk.arrived(invite)

        stack = Stack(host=LOOPBACK, port=0, ids=ids, clock=clock, on_invite=arrived, user_agent="tests")
        desk = Desk(stack, media, ids)
        await stack.start()
        try:
            yield desk
        finally:
            await stack.aclose()
    finally:
        await media.aclose()


async def in_calm(scene: Callable[[Desk], Awaitable[None]], *, tries: int = 4, limit_s: float = 60.0) -> None:
    """Play a scene whose sound must not be torn: where it fails and the machine was too busy meanwhile, once more.

    Raises:
        AssertionError: what the scene failed with, out of the scopes that it was raised in.
    """
    for left in reversed(range(tries)):
        async with a_desk() as desk:
            try:
                async with asyncio.timeout(limit_s):
                    await scene(desk)
            except (ExceptionGroup, AssertionError, TimeoutError) as error:
                if not left or not await desk.disturbed():
                    raise _innermost(error) from error
                log.warning("once more, for the machine was busy: %r", _innermost(error))
            else:
                return


def _innermost(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


# -- what a phone does in a call -----------------------------------------------------------------------------------------------


def hold(leg: Leg, direction: str = "sendonly", *, address: str | None = None) -> None:
    """Offer the other side a direction by a re-INVITE: ``sendonly`` or ``inactive`` holds it, ``sendrecv`` takes it back.

    Args:
        address: for ``c=``; 0.0.0.0 is how phones held before there were directions (RFC 3264 section 8.4).
    """
    described = leg.dialog.described
    offer = _DIRECTIONS.sub(f"a={direction}\r\n".encode(), described)
    offer = re.sub(rb"c=IN IP4 \S+", f"c=IN IP4 {address or LOOPBACK}".encode(), offer)
    offer = _VERSION.sub(lambda found: found[1] + str(int(found[2]) + 1).encode(), offer)
    leg.dialog.reinvite(offer)


async def refer(leg: Leg, to: str, *, replaces: Leg | None = None, timeout_s: float = 10.0) -> int:
    """Ask the other side of a leg to call somebody instead of us (RFC 3515); how it answers the REFER.

    Args:
        to: whom, as a URI.
        replaces: another call of ours, whose place that call is to take (RFC 3891).
    """
    target = to
    if replaces is not None:
        other = replaces.dialog
        target += f"?Replaces={other.call_id}%3Bto-tag%3D{other.remote_tag}%3Bfrom-tag%3D{other.local_tag}"
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def respond(response: Response) -> None:
        if response.status >= 200 and not answered.done():
            answered.set_result(response.status)

    def fail(why: str) -> None:
        if not answered.done():
            answered.set_exception(AssertionError(f"REFER: {why}"))

    fields = [("Refer-To", f"<{target}>"), ("Contact", leg.dialog.core.contact(leg.dialog.peer))]
    Sending(leg.dialog.core, leg.dialog, "REFER", headers=fields, on_response=respond, on_failure=fail).start()
    async with asyncio.timeout(timeout_s):
        return await answered


@contextmanager
def keys_of(leg: Leg) -> Iterator[list[Digit]]:
    """The keys that come while the block runs, as they come."""
    heard: list[Digit] = []

    async def listen() -> None:
        with leg.listen() as digits:
            try:
                while True:
                    heard.append(await digits.get())
            except LegGone:
                return

    task = asyncio.get_running_loop().create_task(listen())
    try:
        yield heard
    finally:
        task.cancel()


def say(leg: Leg, wav: bytes, folder: Path, *, times: int = 0) -> None:
    """Speak a WAV of 8000 Hz into a call, again and again unless told how often."""
    path = folder / f"{abs(hash(wav))}.pcm"
    if not path.exists():
        path.write_bytes(samples_of(wav).astype("<i2").tobytes())
    leg.play(Playlist((Track((Clip(str(path)),), times=times),)))


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard, frame by frame of 20 ms."""

    frames: tuple[bytes, ...]

    @property
    def samples(self) -> Samples:
        """All of it, 8000 Hz."""
        return np.frombuffer(b"".join(self.frames), "<i2").astype(np.float64)

    @property
    def levels(self) -> Samples:
        """The RMS of each frame, of 32768."""
        rms: Samples = np.sqrt(np.square(self.samples.reshape(-1, 160)).mean(axis=1))
        return rms


async def hears(leg: IncomingLeg | OutgoingLeg, seconds: float) -> Heard:
    """Listen for so long, by the sound itself: a machine that is slow takes longer."""
    frames: list[bytes] = []
    async with leg.tap() as tap:
        async for frame in tap:
            frames.append(frame)
            if len(frames) >= round(seconds * 50):
                break
    return Heard(tuple(frames))


async def starts_to_hear(leg: IncomingLeg | OutgoingLeg, loudness: float = 300.0, timeout_s: float = 15.0) -> None:
    """Wait for a fifth of a second of sound of at least that RMS."""
    loud = 0
    async with asyncio.timeout(timeout_s), leg.tap() as tap:
        async for frame in tap:
            level = float(np.sqrt(np.square(np.frombuffer(frame, "<i2").astype(np.float64)).mean()))
            loud = loud + 1 if level >= loudness else 0
            if loud >= 10:
                return
    raise AssertionError("the leg ended in silence")
