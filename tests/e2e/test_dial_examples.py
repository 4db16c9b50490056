"""The examples that connect people: each runs as a program, and other people's phones (baresip) are at both ends."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from flask import Flask
from strangers import Softphone
from werkzeug.serving import make_server

from offhook.records import CallRecord
from offhook.testing.live import NodeProcess, likeness, samples_of, sweep_wav

pytestmark = pytest.mark.interop

EXAMPLES = Path(__file__).parents[2] / "examples"
PASSWORD, TOKEN = "open sesame 1", "the token of the account"
CALLER = "14155550100"
RISING, FALLING = samples_of(sweep_wav(1.0)), samples_of(sweep_wav(1.0, low_hz=3000, high_hz=400))
"""What callers say, and those who are called."""
Start = Callable[..., int]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node whose account has a token that we know."""
    started = NodeProcess(tmp_path_factory.mktemp("node") / "data", auth_id="MAEXAMPLES0000000000", auth_token=TOKEN)
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]


@dataclass
class Phones:
    """Four phones: three are registered with the node, one calls."""

    node: NodeProcess
    caller: Softphone
    alice: Softphone
    bob: Softphone
    carol: Softphone
    speech: Path
    """Folder of what they say."""

    def call(self, number: str, port: int) -> None:
        """Let an example run a number, and call it."""
        self.caller.do("dial", uri=self.route(number, port))

    def route(self, number: str, port: int) -> str:
        """Let an example run a number; whom to call."""
        url = f"http://127.0.0.1:{port}"
        return self.node.route(number, f"{url}/answer", hangup_url=f"{url}/none")

    def talk(self, one: Softphone) -> None:
        """The caller and one of the others hear each other."""
        self.caller.wait_for("established")
        self.caller.do("say", file=str(self.speech / "rising.raw"))
        one.do("say", file=str(self.speech / "falling.raw"))
        hears(self.caller, FALLING, but_not=RISING)
        hears(one, RISING, but_not=FALLING)

    def rest(self) -> None:
        """Whatever a story has left over is over."""
        for each in (self.caller, self.alice, self.bob, self.carol):
            with suppress(AssertionError):  # it has no call
                each.do("hang_up")
            each.do("say", file=str(self.speech / "nothing.raw"))
            each.forget()


@pytest.fixture(scope="module")
def _phones(node: NodeProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    folder = tmp_path_factory.mktemp("phones")
    (folder / "rising.raw").write_bytes(np.tile(RISING, 20).astype("<i2").tobytes())
    (folder / "falling.raw").write_bytes(np.tile(FALLING, 20).astype("<i2").tobytes())
    (folder / "nothing.raw").write_bytes(b"")

    node.add_endpoints(PASSWORD, "alice", "bob", "carol")

    def registered(user: str) -> Softphone:
        return Softphone(folder, user=user, password=PASSWORD, server=f"127.0.0.1:{node.sip_port}")

    with ExitStack() as opened, ThreadPoolExecutor() as beside:
        starting = [beside.submit(registered, user) for user in ("alice", "bob", "carol")]
        starting.insert(0, beside.submit(Softphone, folder, user=CALLER))
        for each in starting:
            each.add_done_callback(lambda done: done.exception() or opened.callback(done.result().close))
        yield Phones(node, *(each.result() for each in starting), folder)


@pytest.fixture
def phones(_phones: Phones) -> Iterator[Phones]:
    """Phones that nobody uses."""
    yield _phones
    _phones.rest()


def hears(phone: Softphone, sound: npt.NDArray[np.float64], *, but_not: npt.NDArray[np.float64]) -> None:
    """Wait until all of a sound has been heard, whole and clear; and nothing like another one."""
    before, until = len(phone.heard()), time.monotonic() + 20
    while likeness(heard := phone.heard()[before:], sound) < 0.95:
        phone.running()
        assert time.monotonic() < until, f"heard {len(heard) / 8000:.1f} s, but not this: {likeness(heard, sound):.2f}"
        time.sleep(0.1)
    assert likeness(heard, but_not) < 0.6


def ended(node: NodeProcess, number: str) -> tuple[CallRecord, list[tuple[str, int]]]:
    """How the call that came to a number ended, and its legs in the order of their ends: whom they called, and the code."""
    until = time.monotonic() + 10
    while not (found := [each for each in node.records() if (each.to_number, each.direction) == (number, "inbound")]):
        assert time.monotonic() < until, node.log.read_text()[-3000:]
        time.sleep(0.05)
    record = found[0]
    legs = [each for each in node.records() if each.parent_call_uuid == record.call_uuid]
    return record, [(each.to_number, each.hangup_cause_code) for each in sorted(legs, key=lambda each: each.end_time)]


def example(name: str) -> ModuleType:
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(f"example_{name.replace('-', '_')}", EXAMPLES / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def served(app: Flask) -> Iterator[int]:
    """An application in this process, so that a test can turn its clock; its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


# -- one person ---------------------------------------------------------------------------------------------------------


def test_a_call_is_forwarded_to_a_number_and_from_there_to_a_phone(phones: Phones, start: Start) -> None:
    phones.route("15552000002", start("forward", FORWARD_TO="alice"))
    phones.call("15552000001", start("forward", FORWARD_TO="+15552000002", CALLER_ID="15552000001"))
    called = phones.alice.wait_for("called")
    assert "15552000001" in called["peer"]
    phones.alice.do("answer")
    phones.talk(phones.alice)
    phones.alice.do("hang_up")
    phones.caller.wait_for("closed")
    record, legs = ended(phones.node, "15552000001")
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Answer XML")
    assert legs == [("15552000002", 4000)]
    assert ended(phones.node, "15552000002")[1] == [("alice", 4000)]


def test_a_caller_is_told_that_the_line_is_busy(phones: Phones, start: Start) -> None:
    phones.call("15552000003", start("forward", FORWARD_TO="alice"))
    phones.alice.wait_for("called")
    phones.alice.do("hang_up")
    phones.caller.wait_for("established")
    phones.caller.hears(0.4)
    phones.caller.wait_for("closed")
    record, legs = ended(phones.node, "15552000003")
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Answer XML")
    assert legs == [("alice", 3010)]
    spoken = [row.facts.get("what") for row in phones.node.timeline(record.call_uuid) if row.kind == "audio-started"]
    assert spoken == ["speech: The line is busy. Please call again later."]


# -- several ------------------------------------------------------------------------------------------------------------


def test_a_hunt_goes_on_until_somebody_takes_the_call(phones: Phones, start: Start) -> None:
    phones.call("15552000010", start("hunt", TEAM="alice,bob,carol", RING_S="2"))
    phones.alice.wait_for("called")
    phones.alice.do("hang_up")
    phones.bob.wait_for("called")
    phones.bob.wait_for("closed")
    phones.carol.wait_for("called")
    phones.carol.do("answer")
    phones.talk(phones.carol)
    phones.caller.do("hang_up")
    phones.carol.wait_for("closed")
    record, legs = ended(phones.node, "15552000010")
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Caller")
    assert legs == [("alice", 3010), ("bob", 6010), ("carol", 4000)]


def test_nobody_of_a_hunt_is_there(phones: Phones, start: Start) -> None:
    phones.call("15552000011", start("hunt", TEAM="nobody,alice"))
    phones.alice.wait_for("called")
    phones.alice.do("hang_up")
    phones.caller.wait_for("established")
    phones.caller.hears(0.3)
    phones.caller.do("hang_up")
    assert ended(phones.node, "15552000011")[1] == [("nobody", 2020), ("alice", 3010)]


def test_all_phones_ring_and_the_first_has_the_call(phones: Phones, start: Start) -> None:
    phones.call("15552000020", start("ring-all", TEAM="alice,bob,carol"))
    for each in (phones.alice, phones.bob, phones.carol):
        each.wait_for("called")
    phones.caller.wait_for("progress")
    phones.caller.hears(0.5)  # "one moment please", and nobody has answered yet
    phones.bob.do("answer")
    phones.talk(phones.bob)
    phones.alice.wait_for("closed")
    phones.carol.wait_for("closed")
    phones.bob.do("hang_up")
    phones.caller.wait_for("closed")
    record, legs = ended(phones.node, "15552000020")
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Answer XML")
    assert sorted(legs) == [("alice", 9000), ("bob", 4000), ("carol", 9000)]


# -- who presses a key --------------------------------------------------------------------------------------------------


def test_a_call_is_connected_when_it_is_accepted(phones: Phones, start: Start) -> None:
    phones.call("15552000030", start("confirm", FORWARD_TO="alice"))
    phones.alice.wait_for("called")
    phones.alice.do("answer")
    phones.alice.hears(0.5)
    phones.alice.do("press", keys="5")  # not the one that was asked for
    assert "established" not in phones.caller.happened()
    phones.alice.do("press", keys="1")
    phones.talk(phones.alice)
    phones.alice.do("hang_up")
    phones.caller.wait_for("closed")
    assert ended(phones.node, "15552000030")[1] == [("alice", 4000)]


def test_a_call_is_not_connected_when_nobody_accepts_it(phones: Phones, start: Start) -> None:
    phones.call("15552000031", start("confirm", FORWARD_TO="alice", CONFIRM_S="2"))
    phones.alice.wait_for("called")
    phones.alice.do("answer")
    phones.alice.wait_for("closed")
    phones.caller.wait_for("established")
    phones.caller.hears(0.3)
    phones.caller.do("hang_up")
    record, legs = ended(phones.node, "15552000031")
    assert legs == [("alice", 9110)]
    spoken = [row.facts.get("what") for row in phones.node.timeline(record.call_uuid) if row.kind == "audio-started"]
    assert spoken == ["speech: The person you are calling cannot talk now."]


def test_a_caller_types_an_extension(phones: Phones, start: Start) -> None:
    phones.call("15552000040", start("extensions", EXTENSIONS="101=alice,102=bob"))
    phones.caller.wait_for("established")
    phones.caller.hears(0.5)
    phones.caller.do("press", keys="999#")
    phones.caller.falls_silent()
    phones.caller.hears(0.5)  # asked again
    phones.caller.do("press", keys="102#")
    phones.bob.wait_for("called")
    phones.bob.do("answer")
    phones.bob.wait_for("established")
    phones.caller.do("say", file=str(phones.speech / "rising.raw"))
    hears(phones.bob, RISING, but_not=FALLING)
    phones.bob.do("hang_up")
    phones.caller.wait_for("closed")
    assert ended(phones.node, "15552000040")[1] == [("bob", 4000)]


# -- who may call, and when ---------------------------------------------------------------------------------------------

MONDAY = dt.datetime(2026, 11, 23)
OPENING = [
    (MONDAY.replace(hour=9), "alice"),
    (MONDAY.replace(hour=16, minute=59, second=59), "alice"),
    (MONDAY.replace(hour=17), "bob"),
    (MONDAY.replace(hour=8, minute=59, second=59), "bob"),
    (MONDAY.replace(day=27, hour=12), "alice"),  # a Friday
    (MONDAY.replace(day=28, hour=12), "bob"),
    (MONDAY.replace(day=29, hour=12), "bob"),
]


@pytest.mark.parametrize(("now", "who"), OPENING, ids=[f"{now:%a %H:%M:%S}" for now, _ in OPENING])
def test_the_clock_says_who_is_called(now: dt.datetime, who: str) -> None:
    module = example("after-hours")
    app = module.application("alice", module.Hours(), "bob", clock=lambda: now)
    said = app.test_client().post("/answer", data={"From": CALLER}).get_data(as_text=True)
    assert f"<User>{who}</User>" in said


def test_the_office_by_day_the_person_on_duty_by_night(phones: Phones) -> None:
    module = example("after-hours")
    now = MONDAY.replace(hour=12)
    with served(module.application("alice", module.Hours(), "bob", clock=lambda: now)) as port:
        phones.call("15552000050", port)
        phones.alice.wait_for("called")
        phones.alice.do("answer")
        phones.talk(phones.alice)
        phones.alice.do("hang_up")
        phones.caller.wait_for("closed")
        now = MONDAY.replace(hour=22)
        phones.call("15552000051", port)
        phones.caller.wait_for("established")
        phones.bob.wait_for("called")
        phones.bob.do("answer")
        phones.bob.wait_for("established")
        phones.bob.do("hang_up")
        phones.caller.wait_for("closed")
    assert ended(phones.node, "15552000050")[1] == [("alice", 4000)]
    assert ended(phones.node, "15552000051")[1] == [("bob", 4000)]


def test_at_night_it_is_busy_where_nobody_is_on_duty(phones: Phones, start: Start) -> None:
    phones.call("15552000052", start("after-hours", OFFICE="alice", OPEN="0", CLOSE="0"))
    phones.caller.wait_for("closed")
    record, legs = ended(phones.node, "15552000052")
    assert (record.hangup_cause_code, record.hangup_source, record.answer_time) == (3010, "Answer XML", None)
    assert legs == []


def test_who_is_written_down_is_rejected_from_the_next_call_on(phones: Phones, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "blocked.txt"
    file.write_text("# nobody yet\n")
    port = start("block-list", BLOCK_LIST=str(file), FORWARD_TO="alice")
    phones.call("15552000060", port)
    phones.alice.wait_for("called")
    phones.alice.do("answer")
    phones.talk(phones.alice)
    phones.caller.do("hang_up")
    phones.alice.wait_for("closed")
    phones.caller.wait_for("closed")
    file.write_text("+1415555*   # a whole exchange\n")
    phones.call("15552000061", port)
    phones.caller.wait_for("closed")
    record, legs = ended(phones.node, "15552000061")
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (3020, "CALL_REJECTED", "Answer XML")
    assert legs == []
    assert ended(phones.node, "15552000060")[1] == [("alice", 4000)]


@pytest.mark.parametrize(
    ("caller", "patterns", "blocked"),
    [
        ("14155550100", "14155550100", True),
        ("+14155550100", "14155550100", True),
        ("14155550100", "+14155550100 # with a plus", True),
        ("14155550100", "1415555010", False),
        ("14155550100", "# 14155550100", False),
        ("18095550100", "1900*\n1809*", True),
        ("anonymous", "anonymous*", True),
        ("sip:Mallory@spam.example", "sip:*@spam.example", True),
        ("14155550100", "", False),
    ],
)
def test_what_stands_on_a_list(caller: str, patterns: str, blocked: bool) -> None:
    module = example("block-list")
    app = module.application("alice", lambda: module.listed(patterns))
    said = app.test_client().post("/answer", data={"From": caller}).get_data(as_text=True)
    assert ('<Hangup reason="rejected"/>' in said, "<Dial" in said) == (blocked, not blocked)


# -- the reporter -------------------------------------------------------------------------------------------------------


def test_what_became_of_each_call_is_a_table(phones: Phones, start: Start, tmp_path: Path) -> None:
    port = start("dial-report", TEAM="alice,bob,carol", PLIVO_AUTH_TOKEN=TOKEN)
    url = f"http://127.0.0.1:{port}"
    with pytest.raises(urllib.error.HTTPError) as forged:
        urllib.request.urlopen(f"{url}/answer", b"CallUUID=1&From=14155550111")
    assert forged.value.code == 403
    phones.call("15552000070", port)
    for each in (phones.alice, phones.bob, phones.carol):
        each.wait_for("called")
    phones.alice.do("hang_up")
    phones.bob.do("answer")
    phones.talk(phones.bob)
    phones.caller.do("press", keys="4")
    phones.bob.wait_for("digit", text="4")
    phones.bob.do("press", keys="2")
    phones.caller.wait_for("digit", text="2")
    phones.bob.do("hang_up")
    phones.caller.wait_for("closed")
    record, legs = ended(phones.node, "15552000070")
    assert sorted(legs) == [("alice", 3010), ("bob", 4000), ("carol", 9000)]
    [shown] = _when(lambda: _calls(url), lambda calls: calls[0]["legs"]["2"]["state"] == "hangup")
    seconds = int(shown["legs"]["2"].pop("seconds"))
    assert 0 < seconds <= record.duration_s + 1
    assert shown == {
        "caller": CALLER,
        "status": "completed",
        "cause": "NORMAL_CLEARING",
        "pressed": "4",
        "legs": {
            "1": {"who": "alice", "state": "hangup", "pressed": "", "seconds": "0", "cause": "Busy Line"},
            "2": {"who": "bob", "state": "hangup", "pressed": "2", "cause": "Normal Hangup"},
            "3": {"who": "carol", "state": "hangup", "pressed": "", "seconds": "0", "cause": "Lost Race"},
        },
    }
    page = urllib.request.urlopen(url).read().decode()
    assert f"<td>→ bob</td><td>hangup</td><td>2</td><td>{seconds}</td><td>Normal Hangup</td>" in page.replace("\n", "")
    printed = (tmp_path / "dial-report.log").read_text().splitlines()
    assert sorted(printed) == sorted(
        [
            f"{CALLER} → alice: hangup Busy Line",
            f"{CALLER} → bob: answer",
            f"{CALLER} → bob: connected",
            f"{CALLER} → carol: hangup Lost Race",
            f"{CALLER} → bob: digits 4",
            f"{CALLER} → bob: digits 2",
            f"{CALLER} → bob: hangup Normal Hangup",
            f"{CALLER}: completed NORMAL_CLEARING, rang: true",
        ]
    )


def _calls(url: str) -> list[dict[str, object]]:
    return json.loads(urllib.request.urlopen(f"{url}/calls").read())


def _when(find: Callable[[], list[dict]], enough: Callable[[list[dict]], bool], timeout_s: float = 10.0) -> list[dict]:
    until = time.monotonic() + timeout_s
    while not enough(found := find()):
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def test_the_table_forgets_old_calls_and_shows_names_as_they_are() -> None:
    module = example("dial-report")
    reports = module.Reports()
    for each in range(module.KEPT + 5):
        reports.begin({"CallUUID": str(each), "From": f"<b>{each}</b>"})
    assert [call["caller"] for call in reports.all()][:1] == ["<b>5</b>"]
    assert len(reports.all()) == module.KEPT
    page = module.application(["alice"], reports).test_client().get("/").get_data(as_text=True)
    assert "&lt;b&gt;5&lt;/b&gt;" in page
    assert "<b>" not in page
