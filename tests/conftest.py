"""What holds for all tests: those that are to run on PostgreSQL need it."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``OFFHOOK_TEST_DATABASE=postgresql`` and no server installed, skip everything; fail where it must be there."""
    if os.environ.get("OFFHOOK_TEST_DATABASE", "") != "postgresql":
        return
    from offhook.testing.live import postgresql_program

    if postgresql_program("initdb") is not None:
        return
    if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
        raise pytest.UsageError("PostgreSQL is missing, and OFFHOOK_REQUIRE_PEERS is set")
    for each in items:
        each.add_marker(pytest.mark.skip(reason="PostgreSQL is missing (Debian: postgresql)"))
