"""Worker processes: what is heavy, foreign or licensed otherwise runs there, one request at a time, behind a pipe.

A request and its reply are MessagePack maps in frames of a 4-byte big-endian length. A worker is started when it is first asked,
ends when its standard input ends, and is started anew when it died. This module is both ends: ``Worker`` in the node, ``serve``
in the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import msgspec

from offhook.errors import OffhookError

log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 64 << 20
LONGEST_S = 120
"""A worker that is busy with one request for longer ends itself, should the node be gone that would have ended it."""
NICENESS = 5
"""Workers yield to the media engine, which has a deadline every 20 ms."""
MAX_WAITING = 256
"""Requests that may wait for one worker; more are refused at once."""
_LENGTH = struct.Struct(">I")


class WorkerFailed(OffhookError):
    """The worker refused the request, died twice over it, took too long, or has too much to do."""


class WorkerBroke(WorkerFailed):
    """It died twice over the request, or took too long: another request may fare better, or not."""


class Worker:
    """One worker process, as the node sees it."""

    def __init__(self, module: str, *arguments: str, timeout_s: float = 60.0) -> None:
        """Args:
        module: what the process runs, ``python -m module``; it calls ``serve``.
        arguments: of its command line.
        timeout_s: a request that takes longer costs the process its life; at most ``LONGEST_S``.
        """
        self._module = module
        self._arguments = arguments
        self._timeout_s = timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process that runs now, if any."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Let the worker do something.

        Raises:
            WorkerFailed: with the worker's own words, or what happened to it.
        """
        if self._waiting >= MAX_WAITING:
            raise WorkerFailed(f"{self._module}: {MAX_WAITING} requests wait already")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._asked_twice(request)
        finally:
            self._waiting -= 1

    async def _asked_twice(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A worker that dies is started anew and asked once more: the fault may have been the last request's."""
        for attempt in (1, 2):
            if self._closed:
                raise WorkerFailed(f"{self._module} is stopped")
            try:
                reply = await self._exchange(request)
            except TimeoutError:  # before OSError, which it is one of
                await self._kill()
                raise WorkerBroke(f"{self._module} took longer than {self._timeout_s:g} s") from None
            except (OSError, EOFError, asyncio.IncompleteReadError) as error:
                code = await self._kill()
                if not self._closed:
                    log.warning("%s died (%s, exit status %s) in attempt %d", self._module, type(error).__name__, code, attempt)
                continue
            except asyncio.CancelledError:
                await self._kill()  # the reply that is on its way would be taken for the next one's
                raise
            if "error" in reply:
                raise WorkerFailed(str(reply["error"]))
            return reply
        raise WorkerBroke(f"{self._module} died twice over one request")

    async def _exchange(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = await self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        data = msgspec.msgpack.encode(request)
        process.stdin.write(_LENGTH.pack(len(data)) + data)
        async with asyncio.timeout(self._timeout_s):
            await process.stdin.drain()
            (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
            if length > MAX_FRAME_BYTES:
                raise EOFError("a frame that is too long")
            reply: dict[str, Any] = msgspec.msgpack.decode(await process.stdout.readexactly(length))
        return reply

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # a file in the working folder that is named like a library is not that library
                "-m",
                self._module,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the node, which then ends its workers in good order
            )
        return self._process

    async def _kill(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return await asyncio.shield(process.wait())

    async def aclose(self) -> None:
        """End the process; what it is asked fails. Idempotent."""
        self._closed = True
        await self._kill()


def serve(handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """The worker's whole life: requests in, replies out, until the node is gone. What ``handle`` raises is the reply's error.

    Standard output is the pipe: whatever libraries print goes to standard error instead.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a service manager stops the whole group; the node lets calls finish first
    os.nice(NICENESS)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: BinaryIO = sys.stdin.buffer
    while True:
        head = requests.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return
        (length,) = _LENGTH.unpack(head)
        body = requests.read(length)
        if len(body) < length:
            return
        signal.alarm(LONGEST_S)
        try:
            reply = handle(msgspec.msgpack.decode(body))
        except Exception as error:  # noqa: BLE001 - the node hears of it and decides
            reply = {"error": f"{type(error).__name__}: {error}"}
        signal.alarm(0)
        data = msgspec.msgpack.encode(reply)
        try:
            replies.write(_LENGTH.pack(len(data)) + data)
            replies.flush()
        except BrokenPipeError:
            os._exit(0)  # the node is gone; a farewell would only fail once more
