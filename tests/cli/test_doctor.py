"""``offhook doctor``: each check against the real thing, well and ill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from offhook.audio import RtpStatistics
from offhook.cli.doctor import configuration, disk, sound, speech
from offhook.cli.doctor.checks import CHECKS, Check, examine
from offhook.cli.doctor.finding import Finding, Level, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.clock import Clock
from offhook.errors import NoMediaPort
from offhook.ids import Ids
from offhook.media import Figures
from offhook.records import Application
from offhook.settings import Settings, load
from offhook.speech import Speech
from offhook.store import Store, contents, faults
from offhook.testing.live import free_port

LOOPBACK = "127.0.0.1"


def settings(data: Path, **flags: str) -> Settings:
    return load(environment={}, flags={"data": str(data), **flags})


def found(checking: Awaitable[Finding]) -> Finding:
    async def check() -> Finding:
        return await checking

    return asyncio.run(check())


async def fill(data: Path, *numbers: str, idle: str | None = None) -> str:
    """Make a database with an application and its numbers; returns the account's id."""
    store = await Store.open(data / "offhook.db", clock=Clock())
    account, _ = await store.ensure_account(None, None)
    application = Application(
        Ids().app_id(), account.auth_id, "menu", "http://app.invalid/answer", hangup_url="http://app.invalid/bye"
    )
    await store.add_application(application)
    for number in numbers:
        await store.set_number(number, account.auth_id, application.app_id)
    if idle is not None:
        await store.set_number(idle, account.auth_id, None)
    await store.aclose()
    return account.auth_id


# -- settings -----------------------------------------------------------------------------------------------------------


def test_a_node_that_nothing_answers_for_is_warned_of(tmp_path: Path) -> None:
    finding = found(configuration.sensible(settings(tmp_path / "none")))
    assert finding.level is Level.WARNING
    assert "nothing answers" in finding.found
    assert "OFFHOOK_ANSWER_URL" in finding.remedy


def test_an_answer_url_or_a_number_with_an_application_is_enough(tmp_path: Path) -> None:
    with_url = found(configuration.sensible(settings(tmp_path, answer_url="http://app.invalid/")))
    assert (with_url.level, with_url.remedy) == (Level.OK, "")
    auth_id = asyncio.run(fill(tmp_path, "14155550100", "14155550101"))
    finding = found(configuration.sensible(settings(tmp_path)))
    assert finding.level is Level.OK
    assert auth_id in finding.found
    assert "2 numbers with an application" in finding.found


def test_numbers_without_an_application_and_urls_without_a_use_are_told(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path, "14155550100", idle="14155550101"))
    finding = found(configuration.sensible(settings(tmp_path, hangup_url="http://app.invalid/bye")))
    assert finding.level is Level.WARNING
    assert "1 of 2 numbers" in finding.found
    assert "hangup_url is set" in finding.found
    assert "calls are answered" not in finding.found  # what is well would only hide it


def test_an_account_that_is_not_the_folders_is_a_problem(tmp_path: Path) -> None:
    auth_id = asyncio.run(fill(tmp_path))
    finding = found(configuration.sensible(settings(tmp_path, auth_id="MA" + "X" * 18)))
    assert finding.level is Level.PROBLEM
    assert auth_id in finding.found


# -- disk ---------------------------------------------------------------------------------------------------------------


def test_a_data_folder_that_is_not_there_yet_is_well_and_is_not_made(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    assert "first start" in found(disk.folder(settings(data))).found
    assert found(disk.database(settings(data))).level is Level.OK
    assert list(tmp_path.iterdir()) == []


def test_what_the_caches_take_is_told(tmp_path: Path) -> None:
    (tmp_path / "speech" / "ab").mkdir(parents=True)
    (tmp_path / "speech" / "ab" / "c.pcm").write_bytes(bytes(12_345))
    finding = found(disk.folder(settings(tmp_path)))
    assert "speech has 12 kB" in finding.found
    assert "clips has 0 bytes" in finding.found
    assert sorted(each.name for each in tmp_path.iterdir()) == ["speech"]


@pytest.mark.parametrize("place", ["/proc/offhook", "{file}/data"])
def test_a_folder_that_cannot_be_written_is_a_problem(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = found(disk.folder(settings(Path(place.format(file=tmp_path / "file")))))
    assert finding.level is Level.PROBLEM
    assert "OFFHOOK_DATA" in finding.remedy


def test_little_room_is_warned_of_and_none_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LITTLE_BYTES", 1 << 62)
    assert found(disk.folder(settings(tmp_path))).level is Level.WARNING
    monkeypatch.setattr(disk, "NOTHING_BYTES", 1 << 62)
    assert found(disk.folder(settings(tmp_path))).level is Level.PROBLEM


def test_a_whole_database_is_well_even_while_somebody_has_it_open(tmp_path: Path) -> None:
    async def scenario() -> Finding:
        auth_id = await fill(tmp_path, "14155550100")
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        await store.set_number("14155550101", auth_id, None)  # it is in the write-ahead log
        try:
            return await disk.database(settings(tmp_path))
        finally:
            await store.aclose()

    finding = asyncio.run(scenario())
    assert finding.level is Level.OK
    assert "is whole" in finding.found


def test_a_damaged_database_is_a_problem(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path, *(str(14155550100 + each) for each in range(300))))
    path = tmp_path / "offhook.db"
    octets = bytearray(path.read_bytes())
    for page in range(4096 * 3, len(octets) - 4096, 4096):
        octets[page + 8 : page + 60] = b"\xff" * 52
    path.write_bytes(octets)
    [finding] = asyncio.run(examine(settings(tmp_path), lambda _: None, [Check("database", disk.database)]))
    assert finding.level is Level.PROBLEM


def test_a_file_that_is_no_database_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "offhook.db").write_text("this is no database\n" * 100)
    [finding] = asyncio.run(examine(settings(tmp_path), lambda _: None, [Check("database", disk.database)]))
    assert finding.level is Level.PROBLEM
    assert "not a database" in finding.found


def test_a_database_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path))
    (tmp_path / "offhook.db").chmod(0o644)
    finding = found(disk.database(settings(tmp_path)))
    assert finding.level is Level.WARNING
    assert "chmod 600" in finding.remedy


def test_a_database_of_a_newer_version_is_a_problem(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path))
    with sqlite3.connect(tmp_path / "offhook.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    finding = found(disk.database(settings(tmp_path)))
    assert finding.level is Level.PROBLEM
    assert "newer" in finding.found


def test_looking_into_a_database_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "large.db") as connection:
        connection.execute("CREATE TABLE numbers (number TEXT PRIMARY KEY)")
        connection.executemany("INSERT INTO numbers VALUES (?)", ((str(each),) for each in range(50_000)))
    connection.close()
    assert faults(tmp_path / "large.db", limit_s=0) is None
    assert faults(tmp_path / "large.db", limit_s=60) == ()


def test_looking_into_a_database_says_what_is_there(tmp_path: Path) -> None:
    auth_id = asyncio.run(fill(tmp_path, "14155550100", idle="14155550101"))
    there = contents(tmp_path / "offhook.db")
    assert (there.auth_id, there.numbers, there.idle_numbers, there.current, there.newer) == (auth_id, 2, 1, True, False)
    assert there.urls == (("menu", "http://app.invalid/answer"), ("menu", "http://app.invalid/bye"))


# -- sound and voices ---------------------------------------------------------------------------------------------------


def test_a_tone_goes_round_through_a_real_engine(tmp_path: Path) -> None:
    finding = found(sound.loop(settings(tmp_path, rtp_ports="12700-12799")))
    assert finding.level is not Level.PROBLEM, finding  # a busy machine may be late, and is warned of that
    if finding.level is Level.OK:
        assert "no packet lost" in finding.found


def test_a_range_without_a_free_port_has_no_loop(tmp_path: Path) -> None:
    with contextlib.ExitStack() as held:
        for port in range(12800, 12804):
            each = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):  # somebody else's port is as good
                each.bind((LOOPBACK, port))
        finding = found(sound.loop(settings(tmp_path, rtp_ports="12800-12803")))
    assert finding.level is Level.PROBLEM
    assert str(NoMediaPort(12800, 12803)) in finding.found


def heard(levels: list[float], *, gaps: tuple[int, ...] = (100,), skipped: int = 0, **counts: int) -> Finding:
    figures = Figures(1, 2, 100, 200, skipped, 0, (), {}, gaps + (0,) * (41 - len(gaps)), 0, 0)
    return sound.judged(sound.Heard(levels, RtpStatistics(packets_received=75, **counts), figures))


def test_what_was_heard_is_judged() -> None:
    assert heard([-13.1] * 75).level is Level.OK
    assert "not heard" in heard([]).found
    assert heard([-19.0] * 75).level is Level.PROBLEM
    assert heard([-13.0] * 60).level is Level.PROBLEM
    assert heard([-13.0] * 74, packets_lost=1).level is Level.WARNING
    assert heard([-13.0] * 75, packets_late=2).level is Level.WARNING
    assert heard([-13.0] * 75, gaps=(50, 0, 0, 0, 0, 0, 0, 0, 50)).level is Level.WARNING
    assert heard([-13.0] * 75, skipped=6).level is Level.WARNING


def _engines() -> tuple[str, ...]:
    installed = Speech(cache=Path("unused")).engines
    if not installed:
        pytest.skip("no speech engine is installed (make test installs two)")
    return installed


def test_every_engine_that_is_installed_says_a_word(tmp_path: Path) -> None:
    installed = _engines()
    findings = found(speech.voices(settings(tmp_path)))
    assert [finding.name for finding in findings] == [f"voice {name}" for name in installed]
    assert {finding.level for finding in findings} == {Level.OK}, findings
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_breaks_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("espeakng_loader", "hibari"):
        (tmp_path / f"{library}.py").write_text("raise ImportError('it is broken')")
    inherited = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{inherited}")
    finding = found(speech.engine(_engines()[0]))
    assert finding.level is Level.PROBLEM, finding


def test_a_node_without_voices_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.speech.engines.available", lambda: ())
    [finding] = found(speech.voices(settings(tmp_path)))
    assert finding.level is Level.WARNING
    assert "espeak-ng" in finding.remedy


# -- all together -------------------------------------------------------------------------------------------------------


async def _hangs(_: Settings) -> Finding:
    await in_thread(lambda: time.sleep(3600))
    return ok("hangs", "never")


async def _fails(_: Settings) -> Finding:
    raise ZeroDivisionError("of all things")


def _finds(finding: Finding) -> Callable[[Settings], Awaitable[Finding]]:
    async def check(_: Settings) -> Finding:
        return finding

    return check


def test_a_check_that_hangs_or_fails_hides_no_other_and_those_alone_come_last(tmp_path: Path) -> None:
    shown: list[Finding] = []
    checks = [
        Check("alone", _finds(ok("alone", "last")), alone=True),
        Check("hangs", _hangs, limit_s=0.2),
        Check("fails", _fails),
        Check("well", _finds(warning("well", "so so", "rest"))),
    ]
    findings = asyncio.run(examine(settings(tmp_path), shown.append, checks))
    assert findings == shown
    assert [finding.name for finding in findings] == ["hangs", "fails", "well", "alone"]
    assert [finding.level for finding in findings] == [Level.PROBLEM, Level.PROBLEM, Level.WARNING, Level.OK]
    assert "0.2 s" in findings[0].found
    assert "of all things" in findings[1].found


def test_every_check_fits_into_20_s() -> None:
    together = max(check.limit_s for check in CHECKS if not check.alone)
    assert together + sum(check.limit_s for check in CHECKS if check.alone) <= 17  # starting and closing take a moment too


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
    command = [sys.executable, "-m", "offhook", "doctor", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=inherited)


def test_the_command_says_one_thing_for_each_check_and_makes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    places = ("--sip", f"{LOOPBACK}:{free_port()}", "--http", f"{LOOPBACK}:{free_port()}", "--rtp-ports", "12900-12999")
    done = doctor("--json", "--data", str(data), *places, "--answer-url", f"http://{LOOPBACK}:9/")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"SIP port", "HTTP port", "RTP ports", "public address", "DNS", "database", "RTP loop"} <= {
        each["name"] for each in findings
    }
    for each in findings:
        assert each["level"] in {"ok", "warning", "problem"}
        assert bool(each["remedy"]) == (each["level"] != "ok"), each
    [refused] = [each for each in findings if each["name"] == "answer_url"]
    assert (refused["level"], done.returncode) == ("problem", 1)
    assert "--dev" in refused["remedy"]
    assert done.stderr == ""
    assert not data.exists()


def test_settings_that_cannot_be_read_are_the_only_finding(tmp_path: Path) -> None:
    (tmp_path / "offhook.toml").write_text('sipp = "x"\n')
    done = doctor("--config", str(tmp_path / "offhook.toml"))
    assert done.returncode == 1
    assert done.stdout.startswith("problem  settings: ")
    assert "did you mean 'sip'" in done.stdout
    assert "→" in done.stdout
    assert done.stdout.rstrip().endswith("1 problem, no warnings")


def test_warnings_alone_are_exit_status_0(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import typer
    from typer.testing import CliRunner

    from offhook.cli import doctor as command
    from offhook.cli.doctor import checks

    app = typer.Typer()
    command.register(app)
    app.callback()(lambda: None)
    for level, status in ((warning, 0), (problem, 1)):
        monkeypatch.setattr(checks, "CHECKS", [Check("one", _finds(level("one", "so \x1b[2J so", "rest")))])
        done = CliRunner().invoke(app, ["doctor"])
        assert done.exit_code == status
        assert "so \N{REPLACEMENT CHARACTER}[2J so" in done.stdout


def test_other_commands_do_not_load_it() -> None:
    code = "import offhook.cli.program, sys; print([name for name in sys.modules if name.startswith('offhook.cli.doctor')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
