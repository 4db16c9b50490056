"""What a node tells about itself, after real calls; who may read it; what a real Prometheus makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client.parser import text_string_to_metric_families

from offhook.api import HttpServer, Scrape
from offhook.api.scrape import families, is_near
from offhook.metrics import METRICS, TICK_SECONDS, Distribution, Reading, one
from offhook.settings import HostPort
from offhook.testing.live import Customer, NodeProcess, a_desk, document, free_port

from .conftest import MAIN, TOKEN, Raw

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "examples" / "monitoring"
NUMBER = "14155550177"
PATIENCE_S = 120.0
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def page(node: NodeProcess) -> str:
    """What a node tells now."""
    return urllib.request.urlopen(f"http://127.0.0.1:{node.http_port}/metrics", timeout=30).read().decode()


def samples(text: str) -> Samples:
    """The values of a page, by name and labels."""
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """The sum of the values that have these labels."""
    return sum(each for (known, has), each in found.items() if known == name and set(labels.items()) <= has)


def until(read: Callable[[], Samples], wanted: Callable[[Samples], bool]) -> Samples:
    """Read again and again until it is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while not wanted(found := read()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, customer: Customer) -> Iterator[NodeProcess]:
    """A node that has had a call that was answered, one that nobody takes, and one that it placed and that was rejected."""
    customer.says("/metrics-answer", document("<Speak>Good afternoon to everybody.</Speak><Hangup/>"))
    customer.says("/metrics-over", document())
    node = NodeProcess(tmp_path_factory.mktemp("metrics") / "data", auth_id=MAIN, auth_token=TOKEN)
    node.route(NUMBER, customer.url("/metrics-answer"), hangup_url=customer.url("/metrics-over"))

    async def scene() -> None:
        async with asyncio.timeout(PATIENCE_S), a_desk() as desk:
            async with desk.dial(node.uri(NUMBER)) as leg:
                await leg.wait_answered()
                await leg.ended()
            body = {"from": "14155550100", "to": desk.uri("zed"), "answer_url": customer.url("/metrics-answer")}
            fired = await asyncio.to_thread(Raw(node.http_port).ask, "POST", "Call/", body)
            assert fired.status == 201, fired.body
            async with desk.taken("zed"):
                pass

    asyncio.run(scene())
    yield node
    assert node.stop() == 0
    assert "Traceback" not in node.log.read_text()


def test_a_call_is_seen_by_every_room(told: NodeProcess) -> None:
    def over(it: Samples) -> bool:  # A call is counted as ended before its record is written, and leaves after that.
        told_of = value(it, "offhook_notifications_total", purpose="hangup")
        return (value(it, "offhook_calls_ended_total"), value(it, "offhook_calls"), told_of) == (2, 0, 2)

    found = until(lambda: samples(page(told)), over)
    assert value(found, "offhook_calls_begun_total", direction="inbound") == 1
    assert value(found, "offhook_calls_begun_total", direction="outbound") == 1
    assert value(found, "offhook_calls_ended_total", cause="NORMAL_CLEARING", code="4000", source="Answer XML") == 1
    assert value(found, "offhook_call_setup_seconds_count", direction="inbound") == 1
    assert value(found, "offhook_call_setup_seconds_count", direction="outbound") == 0
    assert value(found, "offhook_call_seconds_count", direction="inbound") == 1
    assert value(found, "offhook_departures_wait_seconds_count") == 1
    assert value(found, "offhook_departures_waiting") == 0
    assert value(found, "offhook_hook_seconds_count", purpose="answer", outcome="ok") == 1
    assert value(found, "offhook_notifications_total", outcome="delivered") >= 1
    assert value(found, "offhook_sip_messages_total", way="received", message="INVITE") >= 1
    assert value(found, "offhook_sip_messages_total", way="sent", message="INVITE") >= 1
    assert value(found, "offhook_sip_messages_total", way="sent", message="200") >= 1
    assert value(found, "offhook_engine_up") == value(found, "offhook_ready") == 1
    assert value(found, "offhook_rtp_packets_total", way="sent") > 50
    assert value(found, "offhook_engine_tick_seconds_count") > 50
    assert 0 < value(found, "offhook_engine_tick_seconds_sum") < value(found, "offhook_engine_tick_seconds_count")
    assert value(found, "offhook_engine_memory_bytes") > 1e6
    assert value(found, "offhook_store_commit_seconds_count") >= 2
    assert value(found, "offhook_api_requests_total", route="Call/", method="POST", status="201") == 1
    assert value(found, "offhook_api_seconds_count", route="Call/", method="POST") == 1
    assert value(found, "process_resident_memory_bytes") > 1e6


def test_the_outbox_is_empty_when_all_is_delivered(told: NodeProcess) -> None:
    until(lambda: samples(page(told)), lambda it: value(it, "offhook_outbox_notifications") == 0)
    assert value(samples(page(told)), "offhook_outbox_oldest_seconds") == 0


def test_a_trunk_that_does_not_answer_is_down(told: NodeProcess) -> None:
    there = ("offhook_trunk_up", frozenset({("trunk", "carrier")}))
    told.command("trunk", "add", "carrier", "--host", "127.0.0.1:9", "--transport", "tcp", "--options-s", "1")
    found = until(lambda: samples(page(told)), lambda it: it.get(there) == 0)
    assert (
        value(found, "offhook_trunk_calls", trunk="carrier") == value(found, "offhook_trunk_failures_total", trunk="carrier") == 0
    )
    told.command("trunk", "remove", "carrier")
    until(lambda: samples(page(told)), lambda it: there not in it)


def test_the_page_is_the_table_and_nothing_else(told: NodeProcess) -> None:
    found = {each.name: each for each in text_string_to_metric_families(page(told)) if each.name.startswith("offhook_")}
    assert {name + ("_total" if each.type == "counter" else "") for name, each in found.items()} == {
        each.name for each in METRICS
    }
    for metric in METRICS:
        family = found[metric.name.removesuffix("_total")]
        assert family.type == metric.kind, metric.name
        for each in family.samples:
            assert set(each.labels) - {"le"} == set(metric.labels), metric.name


def test_no_customer_is_named(told: NodeProcess, customer: Customer) -> None:
    text = page(told)
    for secret in (MAIN, TOKEN, NUMBER, "14155550100", str(customer.port), "metrics-answer", "zed"):
        assert secret not in text, secret


def test_strangers_cannot_make_figures(told: NodeProcess) -> None:
    raw = Raw(told.http_port)
    before = len(page(told).splitlines())
    for number in range(30):
        raw.ask(f"METHOD{number}", "Application/")
        raw.ask("GET", f"Nowhere{number}/")
        raw.ask("GET", f"Application/{number}/")
    deadline = time.monotonic() + PATIENCE_S
    while value(samples(page(told)), "offhook_api_requests_total", status="404") < 60:  # what is read is up to a second old
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(page(told).splitlines()) - before < 60, "three routes with a handful of figures each, a histogram among them"


def test_the_page_comes_as_open_metrics_too(told: NodeProcess) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{told.http_port}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.read().endswith(b"# EOF\n")


# -- who may read it -----------------------------------------------------------------------------------------------


def _nothing() -> Reading:
    return {each.name: Distribution() if each.kind == "histogram" else {} for each in METRICS} | {"offhook_ready": one(1)}


async def _served(readers: str, *asked: dict[str, str]) -> list[tuple[int, str]]:
    async def read() -> Reading:
        return _nothing()

    async def ready() -> dict[str, str]:
        return {}

    server = HttpServer(HostPort("127.0.0.1", 0), ready=ready, mounts=[Scrape(read, readers).mount])
    await server.start()
    try:
        async with aiohttp.ClientSession() as client:
            answers = []
            for headers in asked:
                async with client.get(f"http://127.0.0.1:{server.port}/metrics", headers=headers) as answer:
                    answers.append((answer.status, await answer.text()))
            return answers
    finally:
        await server.aclose()


@pytest.mark.parametrize(
    ("readers", "headers", "status"),
    [
        ("off", {}, 404),
        ("local", {}, 200),
        ("local", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("local", {"Forwarded": "for=127.0.0.1"}, 403),
        ("all", {"X-Forwarded-For": "203.0.113.5"}, 200),
        ("0123456789abcdef", {}, 401),
        ("0123456789abcdef", {"Authorization": "Bearer 0123456789abcdeF"}, 401),
        ("0123456789abcdef", {"Authorization": "Basic 0123456789abcdef"}, 401),
        ("0123456789abcdef", {"Authorization": "bearer 0123456789abcdef", "X-Forwarded-For": "203.0.113.5"}, 200),
    ],
)
def test_only_who_may_reads_it(readers: str, headers: dict[str, str], status: int) -> None:
    [(got, text)] = asyncio.run(_served(readers, headers))
    assert got == status
    assert ("offhook_ready 1.0" in text) == (status == 200)


@pytest.mark.parametrize(
    ("peer", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("::ffff:192.168.1.9", True),
        ("fe80::1%eth0", True),
        ("fd00::7", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("", False),
    ],
)
def test_what_is_near(peer: str, near: bool) -> None:
    class Transport:
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return (peer, 40_000) if name == "peername" else default

        def is_closing(self) -> bool:
            return False

    request = make_mocked_request("GET", "/metrics", transport=Transport(), app=web.Application())
    assert is_near(request) is near


def test_histograms_are_cumulated() -> None:
    seen = Distribution(TICK_SECONDS)
    for took in (0.0004, 0.0006, 0.2):
        seen.note(took)
    family = next(
        each
        for each in families(_nothing() | {"offhook_engine_tick_seconds": seen})
        if each.name == "offhook_engine_tick_seconds"
    )
    buckets = {each.labels["le"]: each.value for each in family.samples if each.name.endswith("_bucket")}
    assert (buckets["0.0005"], buckets["0.001"], buckets["0.1"], buckets["+Inf"]) == (1, 2, 2, 3)


# -- what monitoring makes of it -----------------------------------------------------------------------------------


def needed(program: str) -> str:
    """Where a program is; the test is skipped where it is not installed, and fails where all peers are required to be."""
    found = shutil.which(program)
    if found is None:
        if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
            pytest.fail(f"{program} is missing, and OFFHOOK_REQUIRE_PEERS is set")
        pytest.skip(f"{program} is not installed (Debian: prometheus; .ci/run installs it)")
    return found


def alerts() -> list[tuple[str, str]]:
    """Name and expression of each."""
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return [(rule["alert"], rule["expr"]) for group in rules for rule in group["rules"]]


def graphs() -> list[tuple[str, str]]:
    """Title and expression of each line of the dashboard."""
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]


def test_alerts_and_graphs_ask_for_what_there_is() -> None:
    known = {each.name: set(each.labels) for each in METRICS if each.kind != "histogram"}
    for each in METRICS:
        if each.kind == "histogram":
            known |= {f"{each.name}_bucket": {*each.labels, "le"}} | {
                f"{each.name}_{what}": set(each.labels) for what in ("count", "sum")
            }
    for title, expression in [*alerts(), *graphs()]:
        named = re.findall(r"\b(offhook_\w+)(?:\{([^}]*)\})?", expression)
        assert named or "process_" in expression or "up{" in expression, title
        for name, chosen in named:
            assert name in known, f"{title}: {name}"
            assert set(re.findall(r"(\w+)\s*[=!]", chosen)) <= known[name] | {"instance"}, f"{title}: {name}{{{chosen}}}"
        grouped = {each.strip() for part in re.findall(r"\bby \(([^)]*)\)", expression) for each in part.split(",")}
        there = set[str]().union(*(known[name] for name, _ in named)) | {"instance"}
        assert grouped <= there, f"{title}: {grouped - there}"


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(expression for _, expression in graphs())
    assert [each.name for each in METRICS if each.name not in shown] == []


def test_promtool_has_nothing_to_say_against_page_and_rules(told: NodeProcess) -> None:
    promtool = needed("promtool")
    # It is asked about ours only: the library's own page has gauges that it does not like.
    ours = "".join(
        f"{line}\n"
        for line in page(told).splitlines()
        if line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith("offhook_")
    )
    done = subprocess.run([promtool, "check", "metrics"], input=ours, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    for what, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        subprocess.run([promtool, "check", what, MONITORING / name], check=True, capture_output=True, timeout=60)


@contextmanager
def prometheus(folder: Path, node: NodeProcess) -> Iterator[str]:
    """A Prometheus server with the example's configuration, that reads a node once a second; the URL of its API."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{node.http_port}"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(MONITORING / "alerts.yml", folder)
    port = free_port()
    command = [
        *(needed("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield f"http://127.0.0.1:{port}/api/v1/"
        finally:
            process.terminate()
            process.wait(30)


def test_a_real_prometheus_reads_the_node_and_runs_every_rule_and_graph(told: NodeProcess, tmp_path: Path) -> None:
    with prometheus(tmp_path, told) as api:

        def ask(path: str, **query: str) -> Any:
            with urllib.request.urlopen(f"{api}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
                return json.load(answer)["data"]

        def settled() -> bool:
            try:
                [group] = ask("rules")["groups"]
                up = ask("query", query='up{job="offhook"} and on() sum(offhook_calls_ended_total) >= 2')["result"]
            except (urllib.error.URLError, ConnectionError):
                return False
            return bool(up) and all(rule["health"] != "unknown" for rule in group["rules"])

        deadline = time.monotonic() + PATIENCE_S
        while not settled():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-3000:]
            time.sleep(0.3)
        [group] = ask("rules")["groups"]
        assert {rule["name"]: rule["health"] for rule in group["rules"]} == {name: "ok" for name, _ in alerts()}
        kinds = {each["metric"]: each["type"] for each in ask("targets/metadata")}
        known = {each.name.removesuffix("_total"): each.kind for each in METRICS}  # OpenMetrics names counters without it
        assert {name: kind for name, kind in kinds.items() if name.startswith("offhook_")} == known
        for title, expression in graphs():
            asked = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
            ask("query", query=asked), title  # it would answer 400
        assert ask("query", query="count(offhook_build_info)")["result"][0]["value"][1] == "1"
