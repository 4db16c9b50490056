"""The voices: each engine that is installed has to say a word."""

from __future__ import annotations

import asyncio
import tempfile
from array import array
from pathlib import Path

from offhook.audio import RATE_HZ, Clip
from offhook.cli.doctor.finding import Finding, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.errors import SpeechUnavailable
from offhook.events import unobserved
from offhook.settings import Settings
from offhook.speech import Speech

WORD = "Hello."
SPOKEN_S = 8.0
QUIET = 1000
"""A sample of speech that is at most so far from zero (of 32,767) is silence."""


async def voices(settings: Settings) -> list[Finding]:
    """Every engine that is installed."""
    engines = Speech(cache=settings.data / "speech").engines
    if not engines:
        remedy = (
            "pip install 'offhook[speech]' for a natural English voice, and espeak-ng (apt install espeak-ng) for all languages"
        )
        return [warning("voices", "no speech engine is installed: Speak cannot speak, Play works", remedy)]
    return list(await asyncio.gather(*(engine(name) for name in engines)))


async def engine(name: str) -> Finding:
    """Whether this engine makes sound of a word. Nothing is taken from or put into the node's cache."""
    shown = f"voice {name}"
    remedy = "install it again, or remove it so that another engine speaks; the node's log has more"
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with tempfile.TemporaryDirectory(prefix="offhook-doctor-") as folder:
        speech = Speech(cache=Path(folder), installed=(name,))
        try:
            async with asyncio.timeout(SPOKEN_S):
                sounds = await speech.render((WORD,), voice="WOMAN", language="en-US", observe=unobserved)
            took = loop.time() - begun
            clips = [sound.path for sound in sounds if isinstance(sound, Clip)]
            pcm = await in_thread(lambda: b"".join(Path(path).read_bytes() for path in clips))
        except TimeoutError:
            return problem(shown, f"has said nothing within {SPOKEN_S:g} s", "try again when the machine is less busy")
        except SpeechUnavailable as error:
            return problem(shown, f"does not speak: {error.reason}", remedy)
        finally:
            await speech.aclose()
    samples = array("h", pcm)
    if max(map(abs, samples), default=0) <= QUIET:
        return problem(shown, f"says {WORD!r} in silence", remedy)
    return ok(shown, f"says {WORD!r} in {len(samples) / RATE_HZ:.1f} s of sound, {took:.1f} s after it was started")
