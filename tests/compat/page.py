"""``docs/compatibility.md``: ``python -m tests.compat.page > docs/compatibility.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import plivo.version

from offhook.api.resources import ROUTES
from offhook.api.routes import Map

from . import other_sdks, python_sdk, table
from .table import Row

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
HEAD = """# What of Plivo works here

Made by `python -m tests.compat.page` from `tests/compat/table.py`; a test holds the two together, goes through the installed SDK
so that no method is left out, and sees to it that each tick names a test that calls the method.

✓ works, and the test shows it · ✗ not yet · – fails in the SDK itself, at Plivo as well: the note says what to call instead.

How an SDK is pointed here: [the REST API](api.md#pointing-an-sdk-here).
"""
OTHERS = """## PHP, Ruby, Java, .NET

Their SDKs have no setting for the host of voice requests either, and no test of ours drives them. They send the same requests,
so what the tables above say of the API holds; how to bring them here without changing a line is *name and certificate* in
[the REST API](api.md#name-and-certificate).
"""
_SIGNS = {"works": "✓", "not yet": "✗", "in the sdk": "–", "a slip": "–"}
_MAP = Map(ROUTES)


def markdown() -> str:
    """The whole page."""
    parts = [
        HEAD,
        *_python(),
        *_other("Node.js", "npm package `plivo`", other_sdks.NODE_VERSION, other_sdks.NODE, other_sdks.NODE_ABOUT),
        *_other("Go", "`plivo-go`", other_sdks.GO_VERSION, other_sdks.GO, other_sdks.GO_ABOUT),
        OTHERS,
        "## XML elements\n",
        _rows(("element", "", "proved by"), table.ELEMENTS, lambda key: f"[`{key}`](elements.md#{key.lower()})"),
        "## Web hooks\n",
        _rows(("request", "", "proved by"), table.WEB_HOOKS, str),
    ]
    return "\n".join(parts)


def request(key: str) -> str:
    """What a method of the Python SDK sends: its route, or its path where we have no route for it."""
    try:
        sent = python_sdk.request_of(key)
    except python_sdk.Nothing:
        return ""
    inside = sent.path.removeprefix(f"/v1/Account/{python_sdk.AUTH_ID}")
    found = _MAP.find([each for each in inside.split("/") if each]) if inside != sent.path else None
    if found is None or sent.method not in found[0].methods:
        generic = inside.replace(python_sdk.UUID, "{uuid}")
        return f"{sent.method} {generic}"
    return f"{sent.method} /{found[0].methods[sent.method].path}"


def is_routed(key: str) -> bool:
    """Whether the request of a method comes to one of our routes."""
    sent = python_sdk.request_of(key)
    inside = sent.path.removeprefix(f"/v1/Account/{python_sdk.AUTH_ID}")
    if inside == sent.path:
        return not sent.path.startswith("/v1/Account/")
    found = _MAP.find([each for each in inside.split("/") if each])
    return found is not None and sent.method in found[0].methods


def _python() -> Iterable[str]:
    ticks = sum(row.state == "works" for row in table.PYTHON.values())
    possible = sum(row.state in {"works", "not yet"} for row in table.PYTHON.values())
    yield f"## Python: `plivo` {plivo.version.__version__}\n"
    yield f"{ticks} of the {possible} voice methods that the SDK itself does right work.\n"
    yield _rows(("method", "sends", "", "proved by"), table.PYTHON, lambda key: f"`{key}`", lambda key: _code(request(key)))
    yield (
        "Lists can be walked (`for call in client.calls:`). Objects inherit `create`, `delete`, `get` and `update` from a base\n"
        "class that lacks its address: where no row above has them, they fail in the SDK.\n"
    )
    yield "Not a matter of voice, answered with 404:\n"
    reasons: dict[str, list[str]] = {}
    for name, why in python_sdk.NOT_VOICE.items():
        reasons.setdefault(why, []).append(f"`{name}`")
    yield "".join(f"- {', '.join(names)}: {why}\n" for why, names in reasons.items())


def _other(language: str, package: str, version: str, rows: dict[str, Row], about: str) -> Iterable[str]:
    yield f"## {language}: {package} {version}\n"
    yield about
    yield _rows(("method", "", "proved by"), rows, lambda key: f"`{key}`")


def _rows(heads: tuple[str, ...], rows: dict[str, Row], *cells: Callable[[str], str]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for key, row in rows.items():
        proof = f"`{row.test}`" if row.test and row.state != "in the sdk" else ""
        told = "; ".join(each for each in (row.note, proof) if each)
        lines.append(f"| {' | '.join([*(cell(key) for cell in cells), _SIGNS[row.state], told])} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    print(markdown(), end="")
