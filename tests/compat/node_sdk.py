"""Plivo's SDK for Node.js from npm, in a process of its own that the tests command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from strangers.programs import needed

SOURCES = Path(__file__).parent / "node"
_FETCH_S = 300


class NodeError(Exception):
    """What the SDK threw: the status of the answer (0: there was none), and the text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


def installed(folder: Path) -> Path:
    """The driver with the packages that its lock names, in ``folder``. The test is skipped where they cannot be fetched, and
    fails where all peers are required to be.
    """
    needed("node", "nodejs")
    npm = needed("npm", "npm")
    shutil.copytree(SOURCES, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel", "error"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=_FETCH_S,
    )
    if done.returncode != 0:
        why = f"npm cannot fetch Plivo's SDK: {done.stderr.strip()[-400:]}"
        if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
            pytest.fail(f"{why}; and OFFHOOK_REQUIRE_PEERS is set")
        pytest.skip(why)
    return folder


class Commanded:
    """A program that takes one JSON object a line and answers with one."""

    def __init__(self, command: list[str], folder: Path, **environment: str) -> None:
        self._log = (folder / "driver.log").open("w")
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
        )
        self._lock = threading.Lock()

    def command(self, **what: Any) -> dict[str, Any]:
        """Say something, and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(what) + "\n")
            line = self._process.stdout.readline()
        assert line, f"the driver ended: {Path(self._log.name).read_text()[-3000:]}"
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()  # type: ignore[union-attr]
        self._log.close()


class NodeSdk(Commanded):
    """``ask("calls.get", uuid)`` is ``client.calls.get(uuid)``; what the promise brings, as JSON."""

    def __init__(self, folder: Path, **environment: str) -> None:
        super().__init__([needed("node", "nodejs"), "--no-deprecation", "driver.cjs"], folder, **environment)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method.

        Raises:
            NodeError: the SDK threw, or its promise was rejected.
        """
        told = self.command(do=method, **{"with": arguments})
        if "error" in told:
            raise NodeError(told["error"], told["text"])
        return told.get("ok")
