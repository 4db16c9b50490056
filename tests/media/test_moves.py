"""A leg whose peer is somebody else from now on, and what of a bridge's sound is left out."""

from __future__ import annotations

import asyncio
import socket

import numpy as np

from offhook.audio import DIGITS_HZ
from offhook.media import RtpPeer

QUIET = bytes([0xFF]) * 160


def test_who_was_left_before_anything_of_him_was_heard_is_not_believed_afterwards(bench) -> None:
    """His packets are on their way when the call is transferred; he is no stranger whose address has to be learnt."""

    async def story() -> None:
        async with bench() as b:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as new:
                new.bind(("127.0.0.1", 0))
                new.setblocking(False)
                channel, left = b.leg()
                channel.connect(RtpPeer("127.0.0.1", new.getsockname()[1], 0, "PCMU", 101))
                await left.talk(channel.port, QUIET * 20)
                left.packets.clear()
                await asyncio.sleep(0.2)
                assert left.packets == []
                assert len(new.recv(2048)) == 172

    asyncio.run(story())


def test_a_tone_of_a_key_is_left_out_where_it_goes_on_as_an_event_and_only_there(bench, mulaw) -> None:
    times = np.arange(8000) / 8000
    tone = mulaw(sum(8000 * np.sin(2 * np.pi * hertz * times) for hertz in DIGITS_HZ["5"]))

    async def story() -> list[int]:
        async with bench() as b:
            heard = []
            for events in (101, None):
                channel, caller = b.leg(event_payload_type=None)
                other, listener = b.leg(event_payload_type=events)
                room = channel.next_number()
                channel.join(room)
                other.join(room)
                await caller.talk(channel.port, QUIET * 10 + tone + QUIET * 20)
                levels = np.abs(listener.heard().astype(np.int32)).reshape(-1, 160).max(axis=1)
                heard.append(int(np.count_nonzero(levels > 1000)))
            return heard

    as_event, as_tone = asyncio.run(story())
    assert as_event <= 4  # frames: until it is known to be a key
    assert as_tone >= 40
