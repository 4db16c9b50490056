"""Parameters as clients send them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from offhook.api.errors import ApiError
from offhook.api.forms import asked_moment
from offhook.api.reading import Ask, Limit, Line, Method, Name, Paged, Url, given, read


class Sample(Ask, kw_only=True):
    name: Name
    count: int | None = None
    limit: Limit = 20
    flag: bool = False
    method: Method = "POST"
    url: Url | None = None
    state: Literal["active", "ended"] | None = None
    text: str | None = None
    caller: str | None = msgspec.field(default=None, name="from")


class Voice(msgspec.Struct):
    allowed: bool = False


class Nested(Ask, kw_only=True):
    names: list[Line] | None = None
    share: Annotated[float, msgspec.Meta(ge=1, le=5)] | None = None
    voice: Voice | None = None
    headers: str | dict[str, str] | None = None


def sample(**more: Any) -> Sample:
    return read(Sample, {"name": "x", **more})


@pytest.mark.parametrize(
    ("query", "body", "content_type", "expected"),
    [
        ("a=1&b=", b"", "", {"a": "1", "b": ""}),
        ("a=1", b'{"a": 2}', "application/json", {"a": 2}),
        ("", b'{"a": true}', "", {"a": True}),
        ("", b"a=1+2&b=%2B", "application/x-www-form-urlencoded", {"a": "1 2", "b": "+"}),
        ("", b"a=1", "", {"a": "1"}),
        ("", b'{"a": 1}', "application/x-www-form-urlencoded", {"a": 1}),
        ("", b"{}", "application/json", {}),
        ("", b"  \n", "application/json", {}),
        ("a=1&a=2", b"", "", {"a": "2"}),
        ("a=%ff", b"", "", {"a": "\ufffd"}),
    ],
)
def test_parameters_come_by_query_form_and_json(query: str, body: bytes, content_type: str, expected: dict[str, Any]) -> None:
    assert given(query, body, content_type) == expected


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'"x"', ""),
        (b"a=1", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 100_000, "application/json"),
        (b"x", "text/plain"),
        (b"&".join(b"a%d=1" % n for n in range(300)), ""),
    ],
)
def test_what_is_neither_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(ApiError) as raised:
        given("", body, content_type)
    assert raised.value.status == 400


def test_unknown_and_null_parameters_are_not_there() -> None:
    assert sample(other=1, text=None, limit=None, flag=None) == Sample(name="x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("True", True),
        ("1", True),
        (1, True),
        (False, False),
        ("FALSE", False),
        (0, False),
        (" 0 ", False),
    ],
)
def test_booleans_in_every_shape(value: object, expected: bool) -> None:
    assert sample(flag=value).flag is expected


@pytest.mark.parametrize("value", ["yes", "", 2, [], {}, "truefalse"])
def test_what_is_no_boolean(value: object) -> None:
    with pytest.raises(ApiError, match="flag parameter is invalid"):
        sample(flag=value)


def test_numbers_for_texts_texts_for_numbers_and_lists_of_one() -> None:
    read_ = sample(count=" 12 ", text=14155550100, state=["active"], method="get", **{"from": 1})
    assert (read_.count, read_.text, read_.state, read_.method, read_.caller) == (12, "14155550100", "active", "GET", "1")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "name parameter is missing"),
        ({"name": ""}, "name parameter is missing"),
        ({"name": None}, "name parameter is missing"),
        ({"name": "x" * 101}, "name parameter is invalid"),
        ({"name": {"a": 1}}, "name parameter is invalid"),
        ({"name": "a\0b"}, "name parameter is invalid"),
        ({"name": "x", "limit": 0}, "limit should be between 1 and 20"),
        ({"name": "x", "limit": "21"}, "limit should be between 1 and 20"),
        ({"name": "x", "limit": "many"}, "limit parameter is invalid"),
        ({"name": "x", "limit": 10**30}, "limit should be between 1 and 20"),
        ({"name": "x", "count": 1.5}, "count parameter is invalid"),
        ({"name": "x", "method": "PUT"}, "method parameter is invalid"),
        ({"name": "x", "url": "ftp://x"}, "url parameter is invalid"),
        ({"name": "x", "url": "http://a b"}, "url parameter is invalid"),
        ({"name": "x", "state": ["active", "ended"]}, "state parameter is invalid"),
    ],
)
def test_errors_name_the_parameter_and_the_rule(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError) as raised:
        read(Sample, parameters)
    assert (raised.value.status, raised.value.text) == (400, said)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"names": ["a"]}, Nested(names=["a"])),
        ({"names": ["a", "b"]}, Nested(names=["a", "b"])),
        ({"names": []}, Nested(names=[])),
        ({"names": "a, b,"}, Nested(names=["a", "b"])),
        ({"share": "4.5"}, Nested(share=4.5)),
        ({"share": 2}, Nested(share=2.0)),
        ({"voice": {"allowed": "True", "other": 1}}, Nested(voice=Voice(True))),
        ({"voice": '{"allowed": true}'}, Nested(voice=Voice(True))),
        ({"headers": {"a": "1"}}, Nested(headers={"a": "1"})),
        ({"headers": "a=1"}, Nested(headers="a=1")),
    ],
)
def test_lists_and_objects_come_as_they_are_and_as_texts(parameters: dict[str, Any], expected: Nested) -> None:
    assert read(Nested, parameters) == expected


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"names": 1}, "names parameter is invalid"),
        ({"names": ["a", 1]}, "names parameter is invalid"),
        ({"share": 0}, "share should be between 1 and 5"),
        ({"share": "many"}, "share parameter is invalid"),
        ({"voice": "{"}, "voice parameter is invalid"),
        ({"voice": "[" * 100_000}, "voice parameter is invalid"),
        ({"voice": "[1]"}, "voice parameter is invalid"),
        ({"headers": {"a": 1}}, "headers parameter is invalid"),
    ],
)
def test_lists_and_objects_are_checked(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError) as raised:
        read(Nested, parameters)
    assert (raised.value.status, raised.value.text) == (400, said)


def test_blank_filters_of_a_query_say_nothing() -> None:
    assert read(Paged, {"limit": "", "offset": "3"}, blank_is_absent=True) == Paged(offset=3)


@pytest.mark.parametrize("text", ["9999-12-31 23:59", "0001-01-01", "1899-12-31 23:59:59.999999"])
def test_times_near_the_ends_of_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="end_time should be between the years 1900 and 9998"):
        asked_moment("end_time", text)
    assert asked_moment("end_time", "9998-12-31 23:59")[0].year == 9998
