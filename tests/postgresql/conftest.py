"""A server of PostgreSQL, started for these tests alone, and databases in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from offhook.testing.live import Cluster, postgresql_program, shared_cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """The server; it runs again at the end, whatever the test did to it."""
    if postgresql_program("initdb") is None:
        if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
            pytest.fail("PostgreSQL is missing, and OFFHOOK_REQUIRE_PEERS is set")
        pytest.skip("PostgreSQL is missing (Debian: postgresql)")
    yield shared_cluster()
    shared_cluster().start()
