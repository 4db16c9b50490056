"""Worker processes: they answer, they die, they hang, and the node goes on."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from offhook.workers import Worker, WorkerFailed

PROGRAM = """
import ctypes, os, sys, time
from pathlib import Path
from offhook.workers import serve

def handle(request):
    match request["do"]:
        case "echo":
            return {"echo": request["data"], "pid": os.getpid(), "arguments": sys.argv[1:]}
        case "print":
            print("this must not come into the pipe")
            return {}
        case "raise":
            raise ValueError("no such thing")
        case "crash":
            ctypes.string_at(0)
        case "crash once":
            flag = Path(request["flag"])
            if not flag.exists():
                flag.touch()
                os._exit(3)
            return {"pid": os.getpid()}
        case "sleep":
            time.sleep(request["s"])
            return {}

serve(handle)
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scripted_worker.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def runs(pid: int) -> bool:
    """Whether the process is there, and not only its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def with_worker(test: Callable[[Worker], Awaitable[None]], *arguments: str, timeout_s: float = 20) -> None:
    async def main() -> None:
        worker = Worker("scripted_worker", *arguments, timeout_s=timeout_s)
        try:
            await test(worker)
        finally:
            await worker.aclose()
        assert worker.pid is None

    asyncio.run(main())


def test_a_worker_answers_and_is_one_process() -> None:
    async def test(worker: Worker) -> None:
        assert worker.pid is None
        first = await worker.ask({"do": "echo", "data": b"x" * 10_000_000})
        assert first["echo"] == b"x" * 10_000_000
        assert first["arguments"] == ["a", "b"]
        assert first["pid"] == worker.pid == (await worker.ask({"do": "echo", "data": ""}))["pid"] != os.getpid()

    with_worker(test, "a", "b")


def test_what_libraries_print_does_not_come_into_the_pipe() -> None:
    async def test(worker: Worker) -> None:
        assert await worker.ask({"do": "print"}) == {}

    with_worker(test)


def test_what_it_raises_is_the_reply_and_it_lives_on() -> None:
    async def test(worker: Worker) -> None:
        await worker.ask({"do": "echo", "data": ""})
        pid = worker.pid
        with pytest.raises(WorkerFailed, match="ValueError: no such thing"):
            await worker.ask({"do": "raise"})
        assert worker.pid == pid

    with_worker(test)


def test_a_request_that_always_crashes_it_fails_and_the_next_is_answered() -> None:
    async def test(worker: Worker) -> None:
        with pytest.raises(WorkerFailed, match="died twice"):
            await worker.ask({"do": "crash"})
        assert (await worker.ask({"do": "echo", "data": "still here"}))["echo"] == "still here"

    with_worker(test)


def test_a_crash_is_answered_by_a_new_worker(tmp_path: Path) -> None:
    async def test(worker: Worker) -> None:
        assert (await worker.ask({"do": "crash once", "flag": str(tmp_path / "flag")}))["pid"] == worker.pid

    with_worker(test)


def test_one_that_is_killed_while_it_works_is_replaced() -> None:
    async def test(worker: Worker) -> None:
        before = (await worker.ask({"do": "echo", "data": ""}))["pid"]
        os.kill(before, signal.SIGSTOP)
        asked = asyncio.ensure_future(worker.ask({"do": "echo", "data": "again"}))
        await asyncio.sleep(0.1)
        os.kill(before, signal.SIGKILL)
        reply = await asked
        assert reply["echo"] == "again"
        assert reply["pid"] != before

    with_worker(test)


def test_one_that_takes_too_long_is_ended() -> None:
    async def test(worker: Worker) -> None:
        await worker.ask({"do": "echo", "data": ""})
        pid = worker.pid
        with pytest.raises(WorkerFailed, match="longer than 1 s"):
            await worker.ask({"do": "sleep", "s": 30})
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert (await worker.ask({"do": "echo", "data": 1}))["echo"] == 1

    with_worker(test, timeout_s=1)


def test_whoever_gives_up_does_not_leave_his_reply_to_the_next() -> None:
    async def test(worker: Worker) -> None:
        asked = asyncio.ensure_future(worker.ask({"do": "sleep", "s": 0.3}))
        await asyncio.sleep(0.15)
        asked.cancel()
        assert (await worker.ask({"do": "echo", "data": "mine"}))["echo"] == "mine"

    with_worker(test)


def test_requests_take_turns_and_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.workers.MAX_WAITING", 5)

    async def test(worker: Worker) -> None:
        asked = [worker.ask({"do": "echo", "data": number}) for number in range(8)]
        replies = await asyncio.gather(*asked, return_exceptions=True)
        assert [reply["echo"] for reply in replies[:5] if isinstance(reply, dict)] == [0, 1, 2, 3, 4]
        assert all(isinstance(reply, WorkerFailed) for reply in replies[5:])

    with_worker(test)


def test_closing_fails_what_waits_and_starts_nothing_anew() -> None:
    async def test(worker: Worker) -> None:
        asked = [asyncio.ensure_future(worker.ask({"do": "sleep", "s": 10})) for _ in range(3)]
        await asyncio.sleep(0.5)
        await worker.aclose()
        replies = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(reply, WorkerFailed) for reply in replies)
        assert worker.pid is None
        with pytest.raises(WorkerFailed, match="is stopped"):
            await worker.ask({"do": "echo", "data": ""})

    with_worker(test)


def test_it_ends_when_the_node_is_gone() -> None:
    program = """
import asyncio, os
from offhook.workers import Worker
async def main():
    worker = Worker("scripted_worker")
    print((await worker.ask({"do": "echo", "data": ""}))["pid"], flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""

    async def test() -> None:
        node = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        pid = int((await node.communicate())[0])
        for _ in range(100):
            if not runs(pid):
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the worker is still there")

    asyncio.run(test())
