"""``offhook doctor``: ports, addresses and the machine itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from offhook.cli.doctor import address, machine, ports, rtp
from offhook.cli.doctor.finding import Level
from offhook.settings import Settings, load
from offhook.testing.live import NodeProcess, free_port

LOOPBACK = "127.0.0.1"
OWN = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""A loopback address of this process alone: nobody else has a port there."""
T = TypeVar("T")


def settings(data: Path, **flags: str) -> Settings:
    return load(environment={}, flags={"data": str(data), **flags})


def found(checking: Awaitable[T]) -> T:
    async def check() -> T:
        return await checking

    return asyncio.run(check())


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    started = NodeProcess(tmp_path_factory.mktemp("node") / "data")
    yield started
    started.stop()


def settings_of(node: NodeProcess, data: Path | None = None) -> Settings:
    places = {"sip": f"{LOOPBACK}:{node.sip_port}", "http": f"{LOOPBACK}:{node.http_port}"}
    return settings(data or node.data, **places, rtp_ports=f"{node.rtp_ports[0]}-{node.rtp_ports[-1]}")


# -- ports --------------------------------------------------------------------------------------------------------------


def test_free_ports_are_well(tmp_path: Path) -> None:
    chosen = settings(tmp_path, sip=f"{LOOPBACK}:{free_port()}", http=f"{LOOPBACK}:{free_port()}")
    [sip] = found(ports.sip(chosen))
    assert sip.level is Level.OK
    assert "UDP, TCP" in sip.found
    assert found(ports.http(chosen)).level is Level.OK


@pytest.mark.parametrize(("kind", "word"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_who_has_a_port_is_named(kind: socket.SocketKind, word: str, tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((LOOPBACK, port))
        if kind is socket.SOCK_STREAM:
            other.listen(1)
        [finding] = found(ports.sip(settings(tmp_path, sip=f"0.0.0.0:{port}")))
    assert finding.level is Level.PROBLEM
    assert f"{port}/{word} is taken" in finding.found
    assert f"process {os.getpid()}" in finding.found
    assert "OFFHOOK_SIP" in finding.remedy


def test_an_address_of_another_machine_is_a_problem(tmp_path: Path) -> None:
    [finding] = found(ports.sip(settings(tmp_path, sip="203.0.113.99:5060")))
    assert finding.level is Level.PROBLEM
    assert "not an address of this machine" in finding.found


def test_with_a_certificate_the_tls_port_is_looked_at_too(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen(1)
        taken = str(other.getsockname()[1])
        chosen = settings(tmp_path, sip=f"{LOOPBACK}:{free_port()}", tls_certificate="node.pem", sip_tls=taken)
        plain, secured = found(ports.sip(chosen))
    assert plain.level is Level.OK
    assert (secured.name, secured.level) == ("SIP TLS port", Level.PROBLEM)
    assert "OFFHOOK_SIP_TLS" in secured.remedy


def test_a_node_that_runs_may_have_its_own_ports(node: NodeProcess) -> None:
    [sip] = found(ports.sip(settings_of(node)))
    http = found(ports.http(settings_of(node)))
    assert (sip.level, http.level) == (Level.OK, Level.OK), (sip, http)
    assert "the node that runs" in sip.found
    assert "/healthz answers" in http.found


def test_the_ports_of_a_node_with_another_data_folder_are_taken(node: NodeProcess, tmp_path: Path) -> None:
    [sip] = found(ports.sip(settings_of(node, tmp_path)))
    http = found(ports.http(settings_of(node, tmp_path)))
    assert (sip.level, http.level) == (Level.PROBLEM, Level.PROBLEM)
    assert f"process {node.process.pid}" in sip.found
    assert "another data folder" in http.found


def test_a_node_that_does_not_answer_is_a_problem(node: NodeProcess) -> None:
    node.process.send_signal(signal.SIGSTOP)
    try:
        finding = found(ports.http(settings_of(node)))
    finally:
        node.process.send_signal(signal.SIGCONT)
    assert finding.level is Level.PROBLEM
    assert "does not answer" in finding.found


def kernel(folder: Path, lent: str = "32768\t60999", reserved: str = "") -> Path:
    (folder / "ip_local_port_range").write_text(lent + "\n")
    (folder / "ip_local_reserved_ports").write_text(reserved + "\n")
    return folder


def test_the_rtp_ports_are_tried(tmp_path: Path) -> None:
    chosen = settings(tmp_path, sip=f"{OWN}:5060", rtp_ports="12600-12619", max_calls="10")
    assert found(rtp.ports(chosen, kernel(tmp_path))).level is Level.OK
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    try:
        for port, each in enumerate(held[:10], 12600):
            each.bind((OWN, port))
        finding = found(rtp.ports(chosen, kernel(tmp_path)))
        assert finding.level is Level.WARNING
        assert "10 of 20" in finding.found
        for port, each in enumerate(held[10:], 12610):
            each.bind((OWN, port))
        assert found(rtp.ports(chosen, kernel(tmp_path))).level is Level.PROBLEM
    finally:
        for each in held:
            each.close()


def test_ports_that_the_kernel_lends_to_others_are_warned_of_unless_they_are_reserved(tmp_path: Path) -> None:
    chosen = settings(tmp_path, sip=f"{OWN}:5060", rtp_ports="12600-12999", max_calls="10")
    finding = found(rtp.ports(chosen, kernel(tmp_path, "12900\t60999")))
    assert finding.level is Level.WARNING
    assert "12900-60999" in finding.found
    assert "ip_local_reserved_ports=12600-12999" in finding.remedy
    assert found(rtp.ports(chosen, kernel(tmp_path, "12900\t60999", "8080,12900-12950"))).level is Level.WARNING
    assert found(rtp.ports(chosen, kernel(tmp_path, "12900\t60999", "8080,12900-12950,12951-13000"))).level is Level.OK


def test_fewer_ports_or_descriptors_than_calls_are_warned_of(tmp_path: Path) -> None:
    chosen = settings(tmp_path, sip=f"{OWN}:5060", rtp_ports="12600-12619", max_calls="11")
    finding = found(rtp.ports(chosen, kernel(tmp_path)))
    assert finding.level is Level.WARNING
    assert "room for 10 legs" in finding.found
    assert found(rtp.descriptors(settings(tmp_path), 1024)).level is Level.WARNING
    assert found(rtp.descriptors(settings(tmp_path), 100)).level is Level.PROBLEM
    assert found(rtp.descriptors(settings(tmp_path), 4064)).level is Level.OK
    assert str(2 * 2000 + 64) in found(rtp.descriptors(settings(tmp_path), 1024)).remedy


# -- addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("10.1.2.3", "1918"),
        ("172.31.0.1", "1918"),
        ("172.32.0.1", "public"),
        ("192.168.0.9", "1918"),
        ("100.64.0.1", "6598"),
        ("127.0.0.1", "loopback"),
        ("169.254.1.1", "link-local"),
        ("fd00::1", "4193"),
        ("fe80::1", "link-local"),
        ("192.0.2.1", "not of the open internet"),
        ("8.8.8.8", "public"),
        ("2606:4700::1111", "public"),
        ("sip.example.com", "public"),
    ],
)
def test_addresses_are_told_apart(text: str, word: str) -> None:
    assert word in address.kind(text)


def test_a_node_on_loopback_is_told_that_nobody_else_reaches_it(tmp_path: Path) -> None:
    finding = found(address.public(settings(tmp_path, sip="127.0.0.1:5060")))
    assert finding.level is Level.WARNING
    assert "nobody but this machine" in finding.found
    assert "0.0.0.0:5060" in finding.remedy


def test_a_private_address_without_a_public_one_is_warned_of(tmp_path: Path) -> None:
    finding = found(address.public(settings(tmp_path, sip="192.168.77.5:5070", rtp_ports="20000-20100")))
    assert finding.level is Level.WARNING
    assert "192.168.77.5" in finding.found
    assert "1918" in finding.found
    assert "OFFHOOK_PUBLIC_ADDRESS" in finding.remedy
    assert "UDP and TCP 5070 and UDP 20000-20100" in finding.remedy


def test_a_public_address_that_is_not_ours_says_which_ports_to_forward(tmp_path: Path) -> None:
    finding = found(
        address.public(settings(tmp_path, sip="192.168.77.5:5060", public_address="8.8.8.8", tls_certificate="x.pem"))
    )
    assert finding.level is Level.OK
    assert "UDP and TCP 5060, TCP 5061 and UDP 16384-32766 must be forwarded from there to 192.168.77.5" in finding.found


def test_what_peers_are_told_is_an_address_of_this_machine(tmp_path: Path) -> None:
    finding = found(address.public(settings(tmp_path, public_address="127.0.0.1")))
    assert finding.level is Level.WARNING
    named = found(address.public(settings(tmp_path, public_address="sip.example.com")))
    assert "sip.example.com" in named.found


# -- the machine --------------------------------------------------------------------------------------------------------


def system(folder: Path, **files: str) -> Path:
    for name, text in {"proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_limits_of_the_control_group_count(tmp_path: Path) -> None:
    half = system(tmp_path / "cpu", **{"sys/fs/cgroup/cpu.max": "50000 100000\n"})
    assert "0.5 cores" in found(machine.size(settings(tmp_path), half)).found
    old = system(tmp_path / "v1", **{"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"})
    assert "4.1 GB" in found(machine.size(settings(tmp_path), old)).found
    limits = {"sys/fs/cgroup/memory.max": str(600 << 20), "sys/fs/cgroup/memory.current": str(300 << 20)}
    finding = found(machine.size(settings(tmp_path), system(tmp_path / "memory", **limits)))
    assert finding.level is Level.WARNING
    assert "0.3 GB" in finding.found
    assert found(machine.size(settings(tmp_path))).found  # this machine


def test_buffers_that_the_kernel_does_not_grant_are_warned_of(tmp_path: Path) -> None:
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    finding = found(machine.buffers(settings(tmp_path), 2 * most))
    assert finding.level is Level.WARNING
    assert f"rmem_max={2 * most}" in finding.remedy
    assert found(machine.buffers(settings(tmp_path), most)).level is Level.OK
