"""Sound: RTP, playing, listening, digits (DESIGN section 5).

The work is done by the *engine*, a process of its own with one thread; this is the door for the switch. Neither imports the
other's world: the switch never loads NumPy, the engine never loads asyncio. That is why the names of this door are only looked
up when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook.media.channel import Channel, RtpPeer
    from offhook.media.client import EngineFailed, Media
    from offhook.media.clips import Clips, Fetch, Fetched, nothing_fetched
    from offhook.media.listening import Digits, Meter, Voice
    from offhook.media.mending import mend
    from offhook.media.playback import Playback
    from offhook.media.recordings import Recording
    from offhook.media.taps import Injection, Tap
    from offhook.media.wire import Figures, Srtp

__all__ = [
    "Channel",
    "Clips",
    "Digits",
    "EngineFailed",
    "Fetch",
    "Fetched",
    "Figures",
    "Injection",
    "Media",
    "Meter",
    "Playback",
    "Recording",
    "RtpPeer",
    "Srtp",
    "Tap",
    "Voice",
    "mend",
    "nothing_fetched",
]

_HOMES = {
    "channel": ("Channel", "RtpPeer"),
    "client": ("EngineFailed", "Media"),
    "clips": ("Clips", "Fetch", "Fetched", "nothing_fetched"),
    "listening": ("Digits", "Meter", "Voice"),
    "mending": ("mend",),
    "playback": ("Playback",),
    "recordings": ("Recording",),
    "taps": ("Injection", "Tap"),
    "wire": ("Figures", "Srtp"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"offhook.media.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
