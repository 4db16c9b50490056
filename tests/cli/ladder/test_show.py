"""``offhook calls show`` as an operator types it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from offhook.cli.ladder import Told
from offhook.cli.program import app
from offhook.clock import Clock
from offhook.events import CallArrived, Noted, SipReceived, SipSent
from offhook.store import Store

Show = Callable[..., Result]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """Runs ``offhook calls …`` on the test's data folder."""

    def command(*arguments: str, columns: int = 80) -> Result:
        environment = {"COLUMNS": str(columns), "OFFHOOK_DATA": str(tmp_path)}
        return CliRunner().invoke(app, ["calls", *arguments], env=environment)

    return command


@pytest.fixture
def store_calls(tmp_path: Path) -> Callable[..., None]:
    """Writes calls into a database, as a node does."""

    def write(*calls: Told) -> None:
        async def work() -> None:
            store = await Store.open(tmp_path / "offhook.db", clock=Clock())
            account, _ = await store.ensure_account(None, None)
            for call in calls:
                for row in call.rows:
                    store.add_event(row)
                if call.record is not None:
                    await store.finish(replace(call.record, auth_id=account.auth_id), None)
            await store.aclose()

        asyncio.run(work())

    return write


def _call(tell) -> list[Told]:
    call = tell((0, CallArrived("14155550100", "200", "inbound")), (4, SipReceived("INVITE", "1 INVITE", "192.0.2.7:5060/udp")))
    legs = [
        tell((0, SipSent("INVITE", "1 INVITE")), call_uuid=f"leg-{n}", parent="call-a", after_ms=n, to=f"20{n}")
        for n in range(1, 7)
    ]
    return [call, *legs]


def test_a_call_is_drawn_with_its_b_legs_as_wide_as_the_terminal(show, store_calls, tell) -> None:
    store_calls(*_call(tell))
    for columns in (80, 140):
        lines = show("show", "call-a", columns=columns).stdout.splitlines()
        assert max(map(cell_len, lines)) <= columns
        assert sum("INV" in line for line in lines) == 7
        assert sum(line.startswith("B") for line in lines) == 6
    assert max(map(cell_len, show("show", "call-a", "--width", "60").stdout.splitlines())) <= 60


def test_the_drawing_goes_to_a_file_or_to_standard_output(show, store_calls, tell, tmp_path: Path) -> None:
    store_calls(*_call(tell))
    done = show("show", "call-a", "--svg", str(tmp_path / "call.svg"))
    assert (done.exit_code, done.stdout) == (0, "")
    printed = show("show", "call-a", "--svg", "-").stdout
    assert printed == (tmp_path / "call.svg").read_text("utf-8")
    assert ET.fromstring(printed).tag.endswith("svg")
    failed = show("show", "call-a", "--svg", str(tmp_path / "no" / "folder.svg"))
    assert failed.exit_code != 0
    assert "cannot be written" in str(failed.exception)


def test_json_is_the_record_and_the_timeline_of_this_call(show, store_calls, tell) -> None:
    call, *legs = _call(tell)
    store_calls(call, *legs)
    told = json.loads(show("show", "call-a", "--json").stdout)
    assert set(told) == {"record", "timeline", "feedback"}
    assert told["record"]["call_uuid"] == "call-a"
    assert told["timeline"] == json.loads(json.dumps([asdict(row) for row in call.rows], default=str))


def test_lines_have_every_fact(show, store_calls, tell) -> None:
    store_calls(*_call(tell))
    lines = show("show", "call-a", "--lines").stdout.splitlines()
    assert 'sip-received         message=INVITE cseq="1 INVITE" peer=192.0.2.7:5060/udp' in lines[1]


def test_a_call_that_still_runs_is_shown_as_far_as_it_is_written(show, store_calls, tell) -> None:
    store_calls(Told(None, _call(tell)[0].rows))
    assert "not over yet" in show("show", "call-a").stdout


def test_a_b_leg_that_still_runs_is_drawn_with_its_call(show, store_calls, tell) -> None:
    call, *_ = _call(tell)
    placed = replace(call.rows[0], sequence=9, kind="leg-placed", facts={"leg_uuid": "leg-1", "to_number": "201", "position": 1})
    arrived = tell((0, CallArrived("14155550100", "201", "outbound")), call_uuid="leg-1").rows
    store_calls(Told(None, [*call.rows, placed]), Told(None, arrived))
    shown = show("show", "call-a").stdout
    assert "B1  201, not over yet, call leg-1" in shown


def test_what_a_caller_chose_is_shown_and_not_obeyed(show, store_calls, tell) -> None:
    call = tell((0, Noted("\x1b[2J[bold]x[/nothing]")), to="\x1b]0;x\x07[red]200")
    store_calls(call)
    for arguments in (["show", "call-a"], ["show", "call-a", "--lines"], ["list"]):
        done = show(*arguments, columns=200)
        assert done.exit_code == 0, done.exception
        assert "\x1b" not in done.stdout
        assert "␛]0;x␇[red]200" in done.stdout
    assert "[bold]x[/nothing]" in show("show", "call-a", "--lines").stdout


@pytest.mark.parametrize("both", [["--json", "--lines"], ["--json", "--svg", "-"], ["--lines", "--svg", "x.svg"]])
def test_two_answers_at_once_are_refused(show, store_calls, tell, both: list[str]) -> None:
    store_calls(*_call(tell))
    assert show("show", "call-a", *both).exit_code == 2


def test_a_call_that_nobody_knows_is_said_to_be_unknown(show, store_calls) -> None:
    store_calls()
    done = show("show", "\x1b[2J")
    assert done.exit_code != 0
    assert "there is no call ␛[2J" in str(done.exception)
