"""The RTP loop: a media engine of our own, two legs that call each other over loopback, and a tone."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from offhook.audio import FRAME_MS, FRAME_SAMPLES, RATE_HZ, Playlist, RtpStatistics, Tone, Track
from offhook.cli.doctor.finding import Finding, joined, ok, problem, warning
from offhook.clock import Clock
from offhook.errors import NoMedia
from offhook.media import EngineFailed, Figures, Media, RtpPeer
from offhook.settings import Settings

NAME = "RTP loop"
HOST = "127.0.0.1"
TONE_HZ = 1000
TONE = Tone((float(TONE_HZ),), 1500, -13.0)
TOLERANCE_DB = 1.5
HEARD_DBOV = -40.0
AFTERWARDS_S = 0.3
"""The playout delay is at most 200 ms."""
MOST_LOST = 0.05
STEADY_MS = 2
STEADY = 0.9
"""The share of ticks that should begin within ``STEADY_MS`` of their time."""
_GAP_STEP_MS = 0.25


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of the tone."""

    levels_dbov: Sequence[float]
    """Of the tone alone, for each frame in which it was heard."""
    statistics: RtpStatistics
    figures: Figures


async def loop(settings: Settings) -> Finding:
    """Whether sound that goes out by RTP comes in again: all of it, as loud as it was, in steps of 20 ms."""
    media = Media(ports=settings.rtp_ports, host=HOST, clock=Clock())
    try:
        await media.start()
        return judged(await _heard(media))
    except EngineFailed as error:
        remedy = f"'python -m offhook.media.engine' must start; NumPy may not fit this machine ({error})"
        return problem(NAME, "the media engine does not start", remedy)
    except NoMedia as error:
        return problem(NAME, f"a leg cannot be opened: {error}", "see RTP ports and descriptors above")
    finally:
        await media.aclose()  # also when the time is over before it has started


async def _heard(media: Media) -> Heard:
    speaker, listener = media.open(), media.open()
    speaker.connect(RtpPeer(HOST, listener.port, 0, "PCMU", 101))
    listener.connect(RtpPeer(HOST, speaker.port, 0, "PCMU", 101))
    async with listener.tap() as tap:
        await speaker.play(Playlist((Track((TONE,)),))).wait()
        await asyncio.sleep(AFTERWARDS_S)
    levels = [level async for frame in tap if (level := tone_dbov(array("h", frame))) > HEARD_DBOV]
    heard = Heard(levels, await listener.statistics(), await media.figures())
    for leg in (speaker, listener):
        await leg.aclose()
    return heard


def tone_dbov(samples: Sequence[int]) -> float:
    """The level of the tone in a frame, of which it has a whole number of periods; -127 where it has none of it."""
    turn = 2 * math.pi * TONE_HZ / RATE_HZ
    real = sum(sample * math.cos(turn * at) for at, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(turn * at) for at, sample in enumerate(samples))
    power = 2 * (real**2 + imaginary**2) / FRAME_SAMPLES**2  # the mean square of that sine
    return max(-127.0, 10 * math.log10(power / 32768**2)) if power > 0 else -127.0


def judged(heard: Heard) -> Finding:
    """What to think of it."""
    expected = TONE.duration_ms // FRAME_MS
    levels, statistics = sorted(heard.levels_dbov), heard.statistics
    if not levels:
        remedy = "a firewall may stop UDP on loopback, or the RTP ports are another program's"
        return problem(NAME, f"a tone was sent and not heard; {statistics.packets_received} packets came", remedy)
    level = levels[len(levels) // 2]
    text = f"a tone of {TONE.level_dbov:g} dBov was heard at {level:.1f} dBov in {len(levels)} of {expected} frames"
    found = []
    if abs(level - TONE.level_dbov) > TOLERANCE_DB:
        found.append(problem(NAME, text, "this is a defect of Offhook or of NumPy on this machine; please report it"))
    elif len(levels) < expected * (1 - MOST_LOST):
        found.append(problem(NAME, text, "sound is lost on loopback: the machine is too busy"))
    else:
        found.append(ok(NAME, text))
    lost, late = statistics.packets_lost, statistics.packets_late
    if lost or late:
        text = f"{lost} packets were lost and {late} came too late, of {statistics.packets_received + lost}, on loopback"
        found.append(warning(NAME, text, "the machine is too busy, or its UDP buffers are full"))
    else:
        found.append(ok(NAME, "no packet lost"))
    return joined([*found, _pacing(heard.figures)])


def _pacing(figures: Figures) -> Finding:
    steady = sum(figures.gaps[: int(STEADY_MS / _GAP_STEP_MS)]) / max(1, sum(figures.gaps))
    text = f"{100 * steady:.0f} % of the ticks began within {STEADY_MS} ms of their time"
    if figures.ticks_skipped:
        text += f", {figures.ticks_skipped} were left out"
    if steady < STEADY or figures.ticks_skipped:
        remedy = "stop what else keeps this machine busy, or give it another core: late ticks are heard as gaps"
        return warning(NAME, text, remedy)
    return ok(NAME, text)
