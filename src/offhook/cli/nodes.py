"""Whether a node runs on a data folder."""

from __future__ import annotations

import fcntl
from pathlib import Path


def node_runs(data: Path) -> bool:
    """Whether a node holds this data folder."""
    try:
        with (data / "node.lock").open("rb") as lock:
            # Shared, and given back at once: it disturbs no node that is there, and none that starts in another instant.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
