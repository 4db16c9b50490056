"""Other people's phones call a node: sipp and baresip hear what is played, and their keys arrive."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from offhook.testing.live import Customer, NodeProcess, Reply, document, free_port, likeness, samples_of, sweep_wav

HERE = Path(__file__).parent
PCAPS = Path("/usr/share/sip-tester")
SWEEP = sweep_wav(2.0)
SO_RCVBUFFORCE = 33
PROMPT = (
    '<GetDigits action="/chosen" numDigits="3" timeout="8" finishOnKey="#"><Play>/sweep.wav</Play></GetDigits><Speak>No.</Speak>'
)

Sipp = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def menu(customer: Customer) -> Customer:
    """The customer plays a sweep and wants keys."""
    customer.says("/sweep.wav", Reply(SWEEP, content_type="audio/wav"))
    customer.says("/answer", document(PROMPT))
    customer.says("/chosen", document("<Hangup/>"))
    return customer


def _ulaw(payload: bytes) -> np.ndarray:
    """ITU-T G.711 µ-law, decoded by the book and not by the code under test."""
    code = ~np.frombuffer(payload, np.uint8)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


def _alaw(payload: bytes) -> np.ndarray:
    """ITU-T G.711 A-law, likewise."""
    code = np.frombuffer(payload, np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int32)
    magnitude = ((code & 0x0F).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent > 0, (magnitude + 0x100) << np.maximum(exponent - 1, 0), magnitude)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float64)


@contextmanager
def _overheard(port: int) -> Iterator[list[bytes]]:
    """The UDP payloads that reach a port of this machine, seen from outside of both programs. Needs root."""
    found: list[bytes] = []
    over = threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)  # all of loopback comes through here
        raw.bind(("lo", 0))
        raw.settimeout(0.1)

        def listen() -> None:
            while not over.is_set():
                try:
                    packet, address = raw.recvfrom(2048)
                except TimeoutError:
                    continue
                header = (packet[0] & 15) * 4
                # On loopback everything is seen twice: going out (4) and coming in.
                if address[2] != 4 and packet[9] == 17 and int.from_bytes(packet[header + 2 : header + 4]) == port:
                    found.append(packet[header + 8 :])

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield found
        finally:
            over.set()
            thread.join()


def _media_port() -> int:
    """A port that is free like its next three: sipp takes them for RTCP and video."""
    for port in range(32_000 + os.getpid() % 100 * 4, 32_760, 4):
        with ExitStack() as opened, suppress(OSError):
            for each in range(port, port + 4):
                opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", each))
            return port
    raise RuntimeError("no free ports")


@pytest.fixture
def run_sipp(sipp: str, tmp_path: Path) -> Sipp:
    """Run sipp against a node in a folder where it finds its recorded keys."""
    if os.geteuid() != 0:
        pytest.skip("sipp plays recorded RTP over a raw socket: that needs root")
    (tmp_path / "pcap").symlink_to(PCAPS)

    def run(node: NodeProcess, *arguments: str, media_port: int) -> subprocess.CompletedProcess[str]:
        addresses = ["-i", "127.0.0.1", "-p", str(free_port()), "-mi", "127.0.0.1", "-mp", str(media_port)]
        limits = ["-m", "1", "-nostdin", "-timeout", "30", "-timeout_error", "-trace_err"]
        return subprocess.run(
            [sipp, f"127.0.0.1:{node.sip_port}", *addresses, *limits, *arguments],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.interop
def test_sipp_hears_the_prompt_and_its_digits_reach_the_action_url(
    node: NodeProcess, menu: Customer, run_sipp: Sipp, tmp_path: Path
) -> None:
    port = _media_port()
    with _overheard(port) as packets:
        done = run_sipp(node, "-sf", str(HERE / "sipp" / "keys.xml"), "-s", "14155550199", media_port=port)
    assert done.returncode == 0, (
        done.stdout[-2000:] + done.stderr + "".join(each.read_text() for each in tmp_path.glob("*errors.log"))
    )
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    menu.wait_for("/hangup")
    audio = [each for each in packets if each[1] & 127 == 8]
    sequence = [int.from_bytes(each[2:4]) for each in audio]
    assert sequence == [(sequence[0] + n) & 0xFFFF for n in range(len(sequence))]
    heard = _alaw(b"".join(each[12:] for each in audio))
    assert likeness(heard, samples_of(SWEEP)[:8000]) > 0.98


@pytest.mark.interop
@pytest.mark.parametrize("transport", ["u1", "t1"], ids=["UDP", "TCP"])
def test_sipp_s_own_caller_with_recorded_speech_and_a_key_is_served(
    transport: str, node: NodeProcess, menu: Customer, run_sipp: Sipp, tmp_path: Path
) -> None:
    menu.says("/answer", document('<GetDigits action="/chosen" numDigits="1" timeout="15"><Play>/sweep.wav</Play></GetDigits>'))
    menu.says("/chosen", document('<Wait length="20" silence="true"/>'))
    done = run_sipp(node, "-sn", "uac_pcap", "-s", "14155550199", "-t", transport, media_port=_media_port())
    assert done.returncode == 0, (
        done.stdout[-2000:] + done.stderr + "".join(each.read_text() for each in tmp_path.glob("*errors.log"))
    )
    assert menu.requests("/chosen")[0]["Digits"] == "1"
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCauseCode"]) == ("Caller", "4000")


@pytest.mark.interop
def test_baresip_hears_the_prompt_and_its_digits_reach_the_action_url(node: NodeProcess, menu: Customer, tmp_path: Path) -> None:
    pytest.importorskip("baresip")
    done = subprocess.run(
        [sys.executable, str(HERE / "baresip_phone.py"), node.uri(), str(tmp_path / "heard.raw"), "WWW42#"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["answered"], outcome
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    heard = np.frombuffer((tmp_path / "heard.raw").read_bytes(), "<i2").astype(np.float64)
    assert likeness(heard, samples_of(SWEEP)) > 0.98


@pytest.mark.parametrize(
    ("codec", "encryption", "told"),
    [
        ("pcma", "srtp-mand", ("PCMA", "AES_CM_128")),
        ("g722/16000/1", None, ("G722", None)),
        ("g722/16000/1", "srtp-mand", ("G722", "AES_CM_128")),
        ("opus/48000/2", None, ("opus", None)),
        ("opus/48000/2", "srtp-mand", ("opus", "AES_CM_128")),
    ],
)
def test_baresip_with_other_codecs_and_sealed_hears_the_prompt_and_is_heard(
    codec: str, encryption: str | None, told: tuple[str, str | None], node: NodeProcess, menu: Customer, tmp_path: Path
) -> None:
    pytest.importorskip("baresip")
    arguments = [node.uri(), str(tmp_path / "heard.raw"), "WWW42#", codec, *([encryption] if encryption else [])]
    done = subprocess.run(
        [sys.executable, str(HERE / "baresip_phone.py"), *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["answered"], outcome
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    [agreed] = [row.facts for row in node.timeline(chosen["CallUUID"]) if row.kind == "media-agreed"][:1]
    assert agreed["codec"].startswith(told[0])
    assert (agreed.get("srtp") or "").startswith(told[1] or "")
    assert bool(agreed.get("srtp")) == bool(told[1])
    heard = np.frombuffer((tmp_path / "heard.raw").read_bytes(), "<i2").astype(np.float64)
    heard = heard[:: 2 if codec.startswith("g722") else 12 if codec.startswith("opus") else 1]  # 16 kHz; 48 kHz, two channels
    assert likeness(heard, samples_of(SWEEP)) > 0.9
