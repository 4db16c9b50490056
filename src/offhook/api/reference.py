"""The routes as Markdown, for ``docs/api.md``: ``python -m offhook.api.reference``."""

from __future__ import annotations

import msgspec

from offhook.api.resources import ROUTES


def markdown() -> str:
    """A table of all routes."""
    rows = ["| method | path | parameters | answer | what it does |", "| --- | --- | --- | --- | --- |"]
    for route in ROUTES:
        places = {part.strip("{}") for part in route.segments}
        fields = [each for each in _parameters(route.asks) if each.strip("*") not in places]
        answer = "204" if route.status == 204 else f"{route.status} `{'` or `'.join(each.__name__ for each in route.kinds)}`"
        rows.append(f"| {route.method} | `…/{route.path}` | {', '.join(fields) or '–'} | {answer} | {route.about} |")
    return "\n".join(rows) + "\n"


def _parameters(asks: type) -> list[str]:
    """Names; those that must be given in bold."""
    return [f"**{each.encode_name}**" if each.required else each.encode_name for each in msgspec.structs.fields(asks)]


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201
