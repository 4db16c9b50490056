"""Whatever is asked, the answer is one that the description knows: no 5xx, no body that is no object, no surprise."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.api.resources import ROUTES
from offhook.api.routes import Route

from .conftest import Raw

_EXPECTED = {400, 403, 404, 409, 413}
_TEXT = st.one_of(
    st.sampled_from(["", " ", "0", "-1", "20", "true", "null", "GET", "post", "live", "queued", "http://h.example/", "sip:a@b"]),
    st.sampled_from(
        ["US", "14155550100", "2026-03-01 12:30", "0001-01-01 00:00", "9999-12-31 23:59", "%", "\0", "\ud800", "é" * 99]
    ),
    st.text(max_size=30),
)
_VALUE = st.recursive(
    st.one_of(_TEXT, st.none(), st.booleans(), st.integers(), st.integers(0, 50), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)
# An empty place would make it the path of the list, where other things can be done.
_PLACE = st.one_of(
    _TEXT, st.sampled_from(["1" * 17, "1" * 14, "SA" + "A" * 18, "+14155550100", "00000000-0000-4000-8000-000000000001"])
).filter(bool)


def _asked(route: Route) -> st.SearchStrategy[tuple[dict[str, str], dict[str, Any]]]:
    """What stands in the places of a path, and parameters: mostly the right names."""
    places = st.fixed_dictionaries({part[1:-1]: _PLACE for part in route.segments if part.startswith("{")})
    names = [each.encode_name for each in msgspec.structs.fields(route.asks)]
    name = st.sampled_from(names) | st.text(max_size=10) if names else st.text(max_size=10)
    value = _TEXT if route.method == "GET" else _VALUE
    return st.tuples(places, st.dictionaries(name, value, max_size=6))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nothing_that_is_asked_breaks_anything(route: Route, raw: Raw) -> None:
    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_asked(route))
    def ask(asked: tuple[dict[str, str], dict[str, Any]]) -> None:
        places, parameters = asked
        parameters.pop("timezone", None)  # The times of other tests depend on it.
        path = route.path
        for name, value in places.items():
            path = path.replace("{" + name + "}", quote(value.encode("utf-8", "replace"), safe=""))
        query = body = None
        if route.method == "GET":
            query = urlencode({name: value.encode("utf-8", "replace") for name, value in parameters.items()})
        else:
            body = json.dumps(parameters).encode()
        answer = raw.ask(route.method, path + (f"?{query}" if query else ""), body, Content_Type="application/json")
        said = f"{route.method} {path} {parameters}: {answer.status} {answer.text[:300]!r}"
        if answer.status == 204:
            assert route.status == 204, said
            return
        assert len(answer.body["api_id"]) == 36, said
        if answer.status == route.status:
            assert any(_fits(answer.body, kind) for kind in route.kinds), said
            return
        assert answer.status in _EXPECTED, said
        assert answer.body["error"], said

    ask()


def _fits(body: dict[str, Any], kind: type) -> bool:
    try:
        msgspec.convert(body, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True
