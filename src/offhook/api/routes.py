"""What a route is, and how a path finds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args

import msgspec

from offhook.api.context import Context
from offhook.api.reading import Ask

BASE = "/v1/Account/{auth_id}/"
BARE_BASE = "/v1/"
"""Of the few routes that are found without an account too: that of the credentials is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """Behind ``/v1/Account/{auth_id}/``, for example ``Call/{call_uuid}/``."""
    asks: type[Ask]
    answers: type[msgspec.Struct] | UnionType
    """One type, or several of which it is one."""
    handler: Callable[[Context, Any], Awaitable[msgspec.Struct]]
    """Gets the parameters as ``asks``, returns an ``answers``."""
    status: int = 200
    is_list: bool = False
    """Errors have an empty ``objects``: the SDK reads that before it looks at the status."""
    also: tuple[str, ...] = ()
    """Other paths that are taken for this one, and not told: words that clients use for each other."""
    without_account: bool = False
    """Found behind ``/v1/`` as well."""

    @property
    def about(self) -> str:
        """What it does, in a line."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def kinds(self) -> tuple[type[msgspec.Struct], ...]:
        """The types that it may answer."""
        return get_args(self.answers) or (self.answers,)

    @property
    def segments(self) -> tuple[str, ...]:
        """The path, cut at its slashes."""
        return _cut(self.path)


def _cut(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


@dataclass(frozen=True, slots=True)
class Place:
    """A path and what can be done there."""

    segments: tuple[str, ...]
    methods: dict[str, Route]

    def fits(self, segments: Sequence[str]) -> dict[str, str] | None:
        """What stands in its open places; ``None``: it is another path."""
        found = {}
        for wanted, there in zip(self.segments, segments, strict=True):
            if wanted.startswith("{"):
                if not there:
                    return None
                found[wanted[1:-1]] = there
            elif wanted != there:
                return None
        return found


class Map:
    """All routes, to be found by path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ``ValueError`` where two are the same."""
        self.routes = tuple(routes)
        places: dict[tuple[str, ...], Place] = {}
        for route in self.routes:
            for path in (route.path, *route.also):
                place = places.setdefault(_cut(path), Place(_cut(path), {}))
                if route.method in place.methods:
                    raise ValueError(f"two routes for {route.method} {path}")
                place.methods[route.method] = route
        self._by_length: dict[int, list[Place]] = {}
        # Fixed words are looked for before open places.
        for place in sorted(places.values(), key=lambda each: [part.startswith("{") for part in each.segments]):
            self._by_length.setdefault(len(place.segments), []).append(place)

    def find(self, segments: Sequence[str]) -> tuple[Place, dict[str, str]] | None:
        """The place at a path, and what stands in its open places."""
        for place in self._by_length.get(len(segments), ()):
            found = place.fits(segments)
            if found is not None:
                return place, found
        return None
