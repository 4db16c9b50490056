"""What the API answers when it does not do what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offhook.errors import PeerFault


@dataclass(eq=False)
class ApiError(PeerFault):
    """A request that is refused (reference ``api.md`` section 1.2)."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.text}"


def missing(name: str) -> ApiError:
    """A parameter that must be there is not."""
    return ApiError(400, f"{name} parameter is missing")


def invalid(name: str) -> ApiError:
    """A parameter is not what it must be."""
    return ApiError(400, f"{name} parameter is invalid")


def not_found(what: str = "") -> ApiError:
    """There is no such thing, or it is somebody else's: the two cannot be told apart."""
    return ApiError(404, f"{what} not found".lstrip())


def not_allowed(methods: str) -> ApiError:
    """There is something at this path, which cannot be done that to."""
    return ApiError(405, "method not allowed", {"Allow": methods})


def unauthorized() -> ApiError:
    """Wrong or no credentials, or right ones for something else."""
    return ApiError(401, "authentication failed", {"WWW-Authenticate": 'Basic realm="Offhook", charset="UTF-8"'})


def busy(text: str = "nothing can be stored now; nothing was done") -> ApiError:
    """Not now, and nothing has happened: the SDKs ask again by themselves (reference ``api.md`` section 1.6)."""
    return ApiError(503, text, {"Retry-After": "1"})
