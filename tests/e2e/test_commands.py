"""The commands as an operator types them, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from offhook.testing.live import (
    Customer,
    NodeProcess,
    Reply,
    call,
    document,
    free_port,
    likeness,
    samples_of,
    sweep_wav,
    tone_wav,
)

OFFHOOK = [sys.executable, "-m", "offhook"]
StartNode = Callable[..., NodeProcess]


def _run(*arguments: str, timeout: float = 40, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
    return subprocess.run(
        [*OFFHOOK, *arguments], check=False, capture_output=True, text=True, timeout=timeout, env={**inherited, **environment}
    )


# -- offhook call -------------------------------------------------------------------------------------------------------


def test_the_phone_records_what_it_hears_and_presses_keys(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    sweep = sweep_wav(2.0)
    customer.says("/sweep.wav", Reply(sweep, content_type="audio/wav"))
    customer.says("/answer", document('<GetDigits action="/chosen" numDigits="2"><Play>/sweep.wav</Play></GetDigits>'))
    customer.says("/chosen", document("<Hangup/>"))
    done = _run("call", node.uri(), "--press", "WWw42", "--record", str(tmp_path / "heard.wav"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["answered"]
    assert outcome["pressed"] == "42"
    assert outcome["heard_sound_s"] > 1.5
    assert customer.requests("/chosen")[0]["Digits"] == "42"
    assert likeness(samples_of((tmp_path / "heard.wav").read_bytes()), samples_of(sweep)) > 0.98


def test_the_phone_speaks_a_file(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    customer.says("/answer", document('<Wait length="1"/><GetDigits timeout="3"/>'))
    (tmp_path / "said.wav").write_bytes(tone_wav((700, 1.0), rate_hz=16_000))
    done = _run("call", node.uri(), "--say", str(tmp_path / "said.wav"), "--for", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "spoken (1.0 s)" in done.stdout
    assert "this phone" in done.stdout


@pytest.mark.parametrize(("reason", "status"), [("busy", 3), ("rejected", 5)])
def test_the_phone_says_by_its_exit_status_how_it_was_refused(
    reason: str, status: int, node: NodeProcess, customer: Customer
) -> None:
    customer.says("/answer", document(f'<Hangup reason="{reason}"/>'))
    assert _run("call", node.uri()).returncode == status


def test_the_phone_gives_up_ringing(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<Wait length="30"/>'))
    done = _run("call", node.uri(), "--ring", "1")
    assert done.returncode == 4
    assert "ringing" in done.stdout
    [hangup] = customer.wait_for("/hangup")
    assert hangup["HangupCause"] == "ORIGINATOR_CANCEL"


def test_nobody_at_the_other_end() -> None:
    done = _run("call", f"sip:1@127.0.0.1:{free_port()}", "--transport", "tcp")
    assert done.returncode == 6, done.stdout


@pytest.mark.parametrize(
    "arguments", [["tel:1"], ["sip:1@127.0.0.1", "--press", "1x"], ["sip:1@127.0.0.1", "--say", "/nowhere.wav"], ["sip:"]]
)
def test_wrong_usage_is_said_without_a_traceback(arguments: list[str]) -> None:
    done = _run("call", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_ctrl_c_hangs_up(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<GetDigits timeout="60"/>'))
    with subprocess.Popen([*OFFHOOK, "call", node.uri()], stdout=subprocess.PIPE, text=True) as phone:
        assert phone.stdout is not None
        for line in phone.stdout:
            if "answered" in line:
                break
        phone.send_signal(signal.SIGINT)
        assert phone.wait(10) == 0
    [hangup] = customer.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCauseCode"]) == ("Caller", "4000")


# -- offhook serve ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OFFHOOK_SIP": "somewhere"}, "host:port"),
        ({"OFFHOOK_RTP_PORTS": "9-1"}, "OFFHOOK_RTP_PORTS"),
        ({"OFFHOOK_AUTH_ID": "me"}, "MA or SA"),
        ({"OFFHOOK_ANSWER_URL": "ftp://x"}, "http://"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    done = _run("serve", "--data", str(tmp_path), **environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named_with_the_remedy(node: NodeProcess, tmp_path: Path) -> None:
    done = _run("serve", "--data", str(tmp_path), "--sip", f"127.0.0.1:{node.sip_port}", "--http", f"127.0.0.1:{free_port()}")
    assert done.returncode == 2
    assert str(node.sip_port) in done.stderr
    assert "OFFHOOK_SIP" in done.stderr


def test_sigterm_lets_a_running_call_finish_and_takes_no_new_one(start_node: StartNode, customer: Customer) -> None:
    customer.says("/tone.wav", Reply(tone_wav((600, 4.0)), content_type="audio/wav"))
    customer.says("/answer", document("<Play>/tone.wav</Play><Hangup/>"))
    node = start_node("--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"))
    ready = f"http://127.0.0.1:{node.http_port}/readyz"
    assert urllib.request.urlopen(ready).status == 200
    with subprocess.Popen([*OFFHOOK, "call", node.uri(), "--json"], stdout=subprocess.PIPE, text=True) as phone:
        customer.wait_for("/tone.wav")
        time.sleep(0.7)
        node.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(ready)
        refused = call(node.uri())
        assert getattr(refused, "status", None) == 503
        assert phone.stdout is not None
        outcome = json.loads(phone.stdout.read())
    assert outcome["heard_sound_s"] > 3.5
    assert node.process.wait(10) == 0
    [hangup] = customer.wait_for("/hangup")
    assert hangup["HangupSource"] == "Answer XML"


def test_a_node_that_was_killed_closes_its_calls_when_it_is_started_again(
    start_node: StartNode, customer: Customer, tmp_path: Path
) -> None:
    customer.says("/answer", document('<GetDigits timeout="60"/>'))
    node = start_node("--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"))
    with subprocess.Popen([*OFFHOOK, "call", node.uri(), "--for", "30"], stdout=subprocess.PIPE, text=True) as phone:
        assert phone.stdout is not None
        assert any("answered" in line for line in phone.stdout)
        time.sleep(0.5)
        node.process.kill()
        node.process.wait()
        phone.terminate()
    again = NodeProcess(node.data, "--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"))
    try:
        record = again.record_number(1)
        [hangup] = customer.wait_for("/hangup")
    finally:
        again.stop()
    assert (record.hangup_cause_code, record.hangup_source) == (5010, "Error")
    assert hangup["CallUUID"] == record.call_uuid == customer.requests("/answer")[0]["CallUUID"]


def test_a_hangup_request_that_nobody_took_is_made_after_the_next_start(start_node: StartNode, customer: Customer) -> None:
    customer.says("/answer", document('<Hangup reason="busy"/>'))
    customer.says("/hangup", Reply("", delay_s=30))
    options = ("--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"))
    node = start_node(*options)
    call(node.uri())
    customer.wait_for("/hangup")
    node.process.kill()
    node.process.wait()
    customer.says("/hangup", Reply("", content_type="text/plain"))
    again = NodeProcess(node.data, *options)
    try:
        hangups = customer.wait_for("/hangup", count=2)
    finally:
        again.stop()
    assert len({each["CallUUID"] for each in hangups}) == 1


# -- offhook app, number, calls -----------------------------------------------------------------------------------------


def test_applications_and_numbers_are_added_to_a_running_node(start_node: StartNode, customer: Customer) -> None:
    customer.says("/mine", document('<Hangup reason="busy"/>'))
    node = start_node()
    data = ["--data", str(node.data)]
    added = _run("app", "add", "mine", "--answer-url", customer.url("/mine"), "--hangup-url", customer.url("/hangup"), *data)
    app_id = added.stdout.strip()
    assert added.returncode == 0, added.stderr
    assert _run("number", "add", "+1 415 555 0199", "--app", app_id, *data).returncode == 0
    assert "14155550199" in _run("number", "list", *data).stdout
    assert getattr(call(node.uri("14155550199")), "status", None) == 486
    assert customer.requests("/mine")[0]["To"] == "14155550199"
    assert _run("number", "add", "1", "--app", "nothing", *data).returncode == 2
    assert _run("number", "remove", "14155550199", *data).returncode == 0
    time.sleep(1.1)
    assert getattr(call(node.uri("14155550199")), "status", None) == 404
    assert _run("app", "remove", app_id, *data).returncode == 0


def test_records_and_timelines_are_shown(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<Hangup reason="busy"/>'))
    call(node.uri("15558887777"))
    record = node.record_of("15558887777")
    data = ["--data", str(node.data)]
    listed = _run("calls", "list", "--json", *data)
    assert json.loads(listed.stdout.splitlines()[0])["call_uuid"] == record.call_uuid
    shown = _run("calls", "show", record.call_uuid, *data)
    for expected in ("INVITE ─", "POST /answer", "Hangup, line 1", "Busy Line", "486 Busy Here", "ACK ─", "POST /hangup"):
        assert expected in shown.stdout
    listed = _run("calls", "show", record.call_uuid, "--lines", *data)
    for expected in ("call-arrived", "element-started", "Busy Line", "486 Busy Here", "purpose=hangup"):
        assert expected in listed.stdout
    assert json.loads(_run("calls", "show", record.call_uuid, "--json", *data).stdout)["record"]["hangup_cause_code"] == 3010
    missing = _run("calls", "show", "nothing", *data)
    assert missing.returncode == 2
    assert "calls list" in missing.stderr


def test_a_recording_is_a_wav_that_others_can_read(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    customer.says("/tone.wav", Reply(tone_wav((500, 1.0)), content_type="audio/wav"))
    customer.says("/answer", document("<Play>/tone.wav</Play>"))
    _run("call", node.uri(), "--record", str(tmp_path / "heard.wav"))
    with wave.open(str(tmp_path / "heard.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        rate = file.getframerate()
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(np.argmax(spectrum) * rate / len(samples) - 500) < 3
