"""``/metrics``: what the node tells about itself, in Prometheus' text format, and who may read it."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv6Address, ip_address
from itertools import accumulate

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from offhook.metrics import METRICS, Distribution, Metric, Reading, Values

PATH = "/metrics"
_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")


class Scrape:
    """Answers a Prometheus server.

    Args:
        read: what there is to tell now.
        readers: the setting ``metrics``: ``off``, ``local``, ``all``, or a token.
    """

    def __init__(self, read: Callable[[], Awaitable[Reading]], readers: str) -> None:
        self._read = read
        self._readers = readers
        # A registry of our own: the library's default one is global, and would be the same for two nodes in one process.
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)

    def mount(self, app: web.Application) -> None:
        """Serve it as a part of an application."""
        if self._readers != "off":
            app.router.add_get(PATH, self.handle)

    async def handle(self, request: web.Request) -> web.Response:
        """The whole page: 401 without the token, 403 for strangers."""
        if self._readers not in {"local", "all"}:
            if not _carries(request, self._readers):
                return web.Response(status=401, text="metrics need their token\n", headers={"WWW-Authenticate": "Bearer"})
        elif self._readers == "local" and not is_near(request):
            return web.Response(status=403, text="metrics are for near addresses only; see the setting metrics\n")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        page = encode(_Page([*families(await self._read()), *self._registry.collect()]))
        return web.Response(body=page, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


class _Page(CollectorRegistry):
    """One page: what was collected already, as the encoders want it."""

    def __init__(self, collected: list[Family]) -> None:
        super().__init__(auto_describe=False)
        self._collected = collected

    def collect(self) -> Iterable[Family]:
        return self._collected


def families(reading: Reading) -> list[Family]:
    """Every metric of the table, also one that has no value yet: an alert on what is not there would never fire.

    Raises:
        KeyError: one was not read.
    """
    return [_family(each, reading[each.name]) for each in METRICS]


def _family(metric: Metric, values: Values) -> Family:
    if isinstance(values, Distribution):
        histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        for key, counts in values.counts.items():
            names = [*(str(bound) for bound in values.bounds), "+Inf"]
            histogram.add_metric(key, list(zip(names, accumulate(counts), strict=True)), values.sums[key])
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def is_near(request: web.Request) -> bool:
    """Whether a request comes from this machine or its private networks.

    What a proxy passes on comes from anywhere, wherever the proxy itself is.
    """
    if any(name in request.headers for name in _PROXIED):
        return False
    try:
        peer = ip_address(request.remote or "")
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return peer.is_loopback or peer.is_private or peer.is_link_local


def _carries(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())
