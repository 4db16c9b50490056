"""What a node tells about itself: every figure with its name, labels and meaning, once; and what rooms count in.

A room counts where something happens, in a ``Counter`` or a ``Distribution`` that it owns: an addition and no more. The node
reads them when somebody asks (``/metrics``); ``docs/metrics.md`` is made from the table. No label ever holds a customer's name,
number, URL or account.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds for what takes milliseconds at best and a minute at worst."""
TALK_SECONDS = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
WAIT_SECONDS = (0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
TICK_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.014, 0.02, 0.03, 0.05, 0.1)
"""A tick has 20 ms; from 14 ms on it is a full one, and many of them close the door for new calls."""

Key = tuple[str, ...]
"""The values of the labels, in the order of the metric's."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


class Distribution:
    """How many observations lay under each of some bounds, and their sum; by the values of labels.

    Args:
        bounds: upper ones, each included, in rising order.
    """

    __slots__ = ("bounds", "counts", "sums")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts: dict[Key, list[int]] = {}
        """By label values: one number for each bound, and a last one for what lay above them all. Not cumulated."""
        self.sums: dict[Key, float] = {}

    def note(self, value: float, *labels: str) -> None:
        """Something was observed."""
        counts = self.counts.get(labels)
        if counts is None:
            counts = self.counts[labels] = [0] * (len(self.bounds) + 1)
            self.sums[labels] = 0.0
        counts[bisect_left(self.bounds, value)] += 1
        self.sums[labels] += value

    @classmethod
    def of(cls, bounds: Sequence[float], counts: Sequence[int], total: float) -> Distribution:
        """What was counted elsewhere, without labels."""
        made = cls(bounds)
        made.counts[()], made.sums[()] = list(counts), total
        return made


Values = Mapping[Key, float] | Distribution
Reading = Mapping[str, Values]
"""What is told at one moment, by the names of the metrics."""


def one(value: float) -> dict[Key, float]:
    """The value of a metric without labels."""
    return {(): value}


METRICS: tuple[Metric, ...] = (
    Metric("offhook_build_info", "gauge", ("version", "python"), "Always 1; what runs is in the labels."),
    Metric("offhook_ready", "gauge", (), "1 when `/readyz` would say that the node takes calls."),
    Metric(
        "offhook_loop_lag_seconds", "histogram", (), "How late the switch process comes to what is due; asked twice a second."
    ),
    # Calls
    Metric(
        "offhook_calls", "gauge", ("direction", "state"), "Calls that run now; of a `Dial` each leg that is called counts too."
    ),
    Metric("offhook_calls_begun_total", "counter", ("direction",), "Calls that came in or were placed, B legs included."),
    Metric(
        "offhook_calls_ended_total",
        "counter",
        ("cause", "code", "source"),
        "Calls that ended: telephony cause, hangup code and who ended them, as call records have it.",
    ),
    Metric(
        "offhook_call_setup_seconds", "histogram", ("direction",), "From the INVITE to the answer; outbound with the ringing."
    ),
    Metric("offhook_call_seconds", "histogram", ("direction",), "From the answer to the end, of calls that were answered."),
    Metric("offhook_departures_waiting", "gauge", (), "Calls that the API has asked for and that wait for their turn."),
    Metric("offhook_departures_wait_seconds", "histogram", (), "How long calls waited for their turn."),
    # Web hooks
    Metric(
        "offhook_hook_seconds",
        "histogram",
        ("purpose", "outcome"),
        "Attempts at customers' URLs. `outcome` is `ok`, `redirect`, `client-error`, `server-error`, `given-up` "
        "(the call had ended, or its time was over), or what failed: `connect-timeout`, `tls`, `refused`, …",
    ),
    Metric("offhook_hooks_under_way", "gauge", (), "Fetches that run, and notifications in memory."),
    Metric(
        "offhook_notifications_total",
        "counter",
        ("purpose", "outcome"),
        "Notifications that were `delivered`, `postponed` for another round, or `given-up`.",
    ),
    Metric("offhook_outbox_notifications", "gauge", (), "Notifications in the outbox."),
    Metric("offhook_outbox_oldest_seconds", "gauge", (), "The age of the oldest of them; 0 when there is none."),
    # SIP
    Metric(
        "offhook_sip_messages_total",
        "counter",
        ("way", "message"),
        "SIP messages `received` and `sent`, by method or status; methods that no RFC knows are `other`.",
    ),
    Metric("offhook_sip_retransmissions_total", "counter", ("way",), "Messages that came or were sent again."),
    Metric(
        "offhook_sip_dropped_total", "counter", (), "Messages that could not be read, belonged to nothing, or were not heard."
    ),
    Metric("offhook_sip_ignored_total", "counter", (), "Requests of scanners, floods and guessers that got no answer."),
    Metric("offhook_sip_banned_addresses", "gauge", (), "Addresses that are not listened to now."),
    Metric("offhook_sip_transactions", "gauge", (), "Open transactions."),
    Metric("offhook_sip_dialogs", "gauge", (), "Open dialogs."),
    Metric("offhook_sip_connections", "gauge", ("transport",), "Open connections: `tcp`, `tls`, `ws` or `wss`."),
    Metric("offhook_registrations", "gauge", (), "Bindings of endpoints; a user with two devices has two."),
    Metric("offhook_trunk_up", "gauge", ("trunk",), "0 while a trunk does not answer, refuses our registration or is avoided."),
    Metric("offhook_trunk_calls", "gauge", ("trunk",), "Calls that a trunk carries."),
    Metric("offhook_trunk_failures_total", "counter", ("trunk",), "Calls that a trunk did not answer, or with 503."),
    # Media
    Metric("offhook_engine_up", "gauge", (), "1 when the media engine answered within a second."),
    Metric("offhook_engine_restarts_total", "counter", (), "Media engines that died and were replaced."),
    Metric("offhook_engine_busy", "gauge", (), "1 while the engine has no room for more legs, and calls are refused."),
    Metric("offhook_engine_legs", "gauge", (), "Legs whose audio the engine moves."),
    Metric("offhook_engine_legs_limit", "gauge", (), "Legs that there are ports and file descriptors for."),
    Metric("offhook_rtp_ports_free", "gauge", (), "RTP ports that can be lent."),
    Metric("offhook_engine_tick_seconds", "histogram", (), "How long a tick took, of the 20 ms that it has."),
    Metric("offhook_engine_ticks_late_total", "counter", (), "Ticks that began 5 ms or more off their time."),
    Metric(
        "offhook_engine_ticks_skipped_total", "counter", (), "Ticks that were left out because the engine was too far behind."
    ),
    Metric("offhook_engine_cpu_seconds_total", "counter", (), "CPU time of the engine process."),
    Metric("offhook_engine_memory_bytes", "gauge", (), "Resident memory of the engine process."),
    Metric("offhook_rtp_packets_total", "counter", ("way",), "RTP packets `received` and `sent`."),
    Metric("offhook_rtp_packets_lost_total", "counter", (), "RTP packets that never came."),
    Metric("offhook_rtp_packets_late_total", "counter", (), "RTP packets that came too late to be played."),
    Metric(
        "offhook_rtp_frames_concealed_total", "counter", (), "Frames of 20 ms that were made up in the place of missing ones."
    ),
    # Store
    Metric(
        "offhook_store_commit_seconds", "histogram", (), "Commits of what calls write, the waiting for the database included."
    ),
    Metric("offhook_store_rows_waiting", "gauge", (), "Rows that wait to be written."),
    Metric("offhook_store_refusals_total", "counter", (), "Commits that the database refused; each is tried again."),
    Metric(
        "offhook_store_events_dropped_total", "counter", (), "Timeline events that were not kept: the database did not keep up."
    ),
    # The API
    Metric(
        "offhook_api_requests_total",
        "counter",
        ("route", "method", "status"),
        "Requests. `route` is the path behind the account's, as `/v1/openapi.json` has it; what leads nowhere is `none`.",
    ),
    Metric("offhook_api_seconds", "histogram", ("route", "method"), "How long requests took."),
)


def reference() -> str:
    """The table as Markdown, for ``docs/metrics.md``: ``python -m offhook.metrics``."""
    rows = ["| metric | kind | labels | meaning |", "| --- | --- | --- | --- |"]
    for each in METRICS:
        labels = ", ".join(f"`{label}`" for label in each.labels) or "–"
        rows.append(f"| `{each.name}` | {each.kind} | {labels} | {each.meaning} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
