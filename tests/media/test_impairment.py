"""Speech through a bad network: what a listener behind the node still understands of it."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.audio import Clip
from offhook.media import RtpPeer
from offhook.speech import Speech
from offhook.testing.live import Network, impaired, intelligibility

TEXT = (
    "Thank you for calling the harbour office. The ferry to the northern islands leaves at seven fifteen from pier number four. "
    "Please have your booking reference ready. If you would like to change your ticket, press two."
)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """About 12 s of a real voice."""

    async def render() -> np.ndarray:
        voices = Speech(cache=tmp_path_factory.mktemp("speech"), nearest_voice=True)
        await voices.start()
        try:
            sounds = await voices.render((TEXT,), voice="WOMAN", language="en-US", observe=lambda _: None)
        finally:
            await voices.aclose()
        return np.concatenate([np.fromfile(Path(each.path), np.int16) for each in sounds if isinstance(each, Clip)])

    return asyncio.run(render())


async def through(bench: Any, octets: bytes, network: Network) -> tuple[np.ndarray, Any, Any]:
    """What a tap hears of them, the leg's statistics, and what the network did."""
    async with bench() as b, contextlib.AsyncExitStack() as opened:
        channel, peer = b.leg()
        relay = await opened.enter_async_context(impaired(("127.0.0.1", channel.port), network))
        channel.connect(RtpPeer("127.0.0.1", relay.port, 0, "PCMU", 101))
        async with channel.tap() as tap:
            await peer.talk(relay.port, octets)
            await asyncio.sleep(0.4)
        heard = b"".join([frame async for frame in tap])
        return np.frombuffer(heard, np.int16), await channel.statistics(), relay


def test_speech_stays_intelligible_at_5_percent_loss_and_30_ms_jitter(bench: Any, mulaw: Any, speech: np.ndarray) -> None:
    async def story() -> None:
        octets = mulaw(speech)
        clean, bad = await asyncio.gather(
            through(bench, octets, Network()), through(lambda: bench(14000, 14999), octets, Network(loss=0.05, jitter_ms=30))
        )
        sound, statistics, relay = bad
        assert relay.lost > 10
        assert relay.overtaken > 10
        assert statistics.packets_reordered > 10
        assert intelligibility(speech, clean[0]) > 0.97
        assert intelligibility(speech, sound) > 0.85
        assert intelligibility(speech, np.roll(speech, speech.size // 2)) < 0.6

    asyncio.run(story())
