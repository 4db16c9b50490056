"""How good a call sounds, as a number: the E-model, as far as what RTP knows goes.

R is what is left of the best a narrow-band call can have after delay and loss have taken their share (ITU-T G.107 clause 7.1,
with its default values for everything that a network does not change). What loss takes is clause 7.5 with losses at random, for
G.711 whose decoder conceals them (G.113 appendix I: Ie 0, Bpl 25.1). What delay takes is the straight lines that Cole and
Rosenbluth drew along the curve of clause 7.4 ("Voice over IP performance monitoring", 2001). The mean opinion score follows from
R (annex B).

It is an estimate from counted packets: it knows nothing of echo, noise or what the microphone did.
"""

from __future__ import annotations

from offhook.audio import RtpStatistics
from offhook.media import wire

BEST = 93.2
"""R with all defaults of G.107."""
LOSS_ROBUSTNESS = 25.1
"""Bpl: the greater, the less a loss is heard."""
_LONG_MS = 177.3
"""Beyond this the parties begin to talk at the same time."""
OWN_DELAY_MS = 40.0
"""20 ms to fill a packet and on average 20 ms until the next tick sends and plays it."""


def rating(loss: float, delay_ms: float) -> float:
    """R, 0 to 93.2.

    Args:
        loss: the share of frames that were not there in time, 0 to 1.
        delay_ms: from mouth to ear, one way.
    """
    percent = 100 * min(max(loss, 0.0), 1.0)
    delayed = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _LONG_MS)
    lost = 95 * percent / (percent + LOSS_ROBUSTNESS)
    return max(0.0, BEST - delayed - lost)


def opinion(r: float) -> float:
    """The mean opinion score of a rating: 1.0, nobody could bear it, to 4.4."""
    if r <= 0:
        return 1.0
    return round(max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6), 2)


def score(loss: float, delay_ms: float) -> float:
    """The mean opinion score for this loss (0 to 1) and one-way delay."""
    return opinion(rating(loss, delay_ms))


def judged(told: wire.Statistics) -> RtpStatistics:
    """What the engine has counted, with an opinion on either direction; none on what never flowed or was never reported.

    The network's one-way delay is taken as half the round trip, and as nothing where no report told it. What a packet waits for
    at our end is known; at the peer's it is taken as twice the jitter that it reports.
    """
    expected = told.packets_received + told.packets_lost
    network_ms = (told.round_trip_ms or 0.0) / 2
    heard = (told.packets_lost + told.packets_late) / expected if expected else 0.0
    gone = max(0, told.remote_lost or 0) / told.remote_expected if told.remote_expected else 0.0
    return RtpStatistics(
        told.packets_sent,
        told.packets_received,
        told.packets_lost,
        told.packets_late,
        told.packets_duplicate,
        told.packets_reordered,
        told.jitter_ms,
        told.frames_concealed,
        round_trip_ms=None if told.round_trip_ms is None else round(told.round_trip_ms, 1),
        remote_lost=told.remote_lost,
        remote_jitter_ms=told.remote_jitter_ms,
        mos_received=score(heard, network_ms + told.playout_ms + OWN_DELAY_MS) if told.packets_received else None,
        first_packet_ms=told.first_packet_ms,
        mos_sent=None if told.remote_lost is None else score(gone, network_ms + (told.remote_jitter_ms or 0) * 2 + OWN_DELAY_MS),
    )
