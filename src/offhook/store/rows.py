"""Between values and rows: times lose their zone on the way in and are UTC again on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
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


def utc(moment: datetime) -> datetime:
    """The same moment in UTC without its zone; one without a zone is taken to be UTC."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def storable(value: T) -> T:
    """The same value with all text encodable: what is not UTF-8, and NUL, becomes ``?``; integers within 64 bits."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return replace(value, **{each.name: _storable(getattr(value, each.name)) for each in fields(value)})


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
    if isinstance(value, int):
        return max(-(2**63), min(value, 2**63 - 1))
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return value


def _inward(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value)
    return dict(value) if isinstance(value, Mapping) else value


def _outward(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
