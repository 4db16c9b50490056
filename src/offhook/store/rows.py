"""Between values and rows: times lose their zone on the way in and are UTC again on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")


def row_of(value: Any) -> dict[str, Any]:
    """A dataclass of ``offhook.records`` as a row."""
    return {each.name: _inward(getattr(value, each.name)) for each in fields(value)}


def value_of(kind: type[T], row: Mapping[Any, Any]) -> T:
    """A row as a dataclass; columns that it has not are left out."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _outward(value) for name, value in row.items() if name in names})


def _inward(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return dict(value) if isinstance(value, Mapping) else value


def _outward(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
