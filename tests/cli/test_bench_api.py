"""``offhook bench api``, small: every kind of request is answered, and finds something."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

OFFHOOK = Path(sys.executable).parent / "offhook"


def test_every_kind_of_request_is_answered() -> None:
    command = [OFFHOOK, "bench", "api", "--records", "2000", "--requests", "10", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["failed"] == 0 and result["records"] == 2000
    found = {name: each["found"] for name, each in result["ms"].items()}
    assert found["get"] == 1 and found["nothing"] == 0
    assert 1600 < found["list, first page"] < 2200
    assert 0 < found["call_direction"] < found["list, first page"]
