"""What one of our own legs hears of a stranger."""

from __future__ import annotations

import numpy as np

from offhook.legs import OutgoingLeg
from strangers.rtp import Samples

LOUD = 50


async def heard(leg: OutgoingLeg, seconds: float) -> Samples:
    """Listen until there were so many seconds of sound (not silence); all that was heard, 8000 Hz."""
    frames: list[bytes] = []
    loud = 0
    async with leg.tap() as tap:
        async for frame in tap:
            frames.append(frame)
            loud += int(np.count_nonzero(np.abs(np.frombuffer(frame, "<i2").astype(np.int32)) > LOUD))
            if loud >= seconds * 8000:
                break
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float64)
