"""Requests as types: whatever way the parameters come, and leniently where clients differ (reference ``api.md`` section 1.1)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec

from offhook.api.errors import ApiError, invalid, missing

Given = dict[str, Any]
A = TypeVar("A", bound="Ask")

MOST_PARAMETERS = 200
_PLACE = re.compile(r"\$\.(\w+)")
_ABSENT = re.compile(r"missing required field `(\w+)`")
_OUT_OF_RANGE = re.compile("`(int|float)` [<>]?")
_JSON = msgspec.json.Decoder()

Url = Annotated[str, msgspec.Meta(pattern=r"^([hH][tT][tT][pP][sS]?://\S+)?$", max_length=2048)]
"""``http://`` or ``https://``; an empty one takes back what was set."""
Method = Literal["GET", "POST"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Line = Annotated[str, msgspec.Meta(max_length=200)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=20, description="Items on a page.")]
Offset = Annotated[int, msgspec.Meta(ge=0, le=10**9, description="Items to leave out before the page.")]


class Ask(msgspec.Struct, kw_only=True):
    """The parameters of a request. Fields that are ``None`` were not given; unknown parameters are ignored."""


class Paged(Ask):
    """The parameters of a list."""

    limit: Limit = 20
    offset: Offset = 0


def given(query: str, body: bytes, content_type: str) -> Given:
    """All parameters of a request; those of the body win over those of the query.

    Args:
        query: what stands behind the ``?``, encoded.
        body: a JSON object or a form; may be empty.
        content_type: without parameters, lower case; decides only where the body could be either.

    Raises:
        ApiError: 400, it is neither.
    """
    found: Given = _form(query)
    text = body.strip()
    if not text:
        return found
    if text[:1] in {b"{", b"[", b'"'} or content_type == "application/json":
        return found | _object(text)
    if content_type in {"application/x-www-form-urlencoded", ""}:
        return found | _form(text.decode("utf-8", "replace"))
    raise ApiError(400, "the body must be a JSON object or a form")


def _form(text: str) -> Given:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_PARAMETERS))
    except ValueError:
        raise ApiError(400, f"more than {MOST_PARAMETERS} parameters") from None


def _object(text: bytes) -> Given:
    try:
        found = _JSON.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ApiError(400, "the body is not JSON") from None
    if found is None or found == "":
        return {}  # What Node's SDK sends where it has nothing to say: two quotation marks.
    if not isinstance(found, dict):
        raise ApiError(400, "the body must be a JSON object")
    return found


def read(kind: type[A], parameters: Mapping[str, Any], *, blank_is_absent: bool = False) -> A:
    """The parameters that ``kind`` knows, converted to its types.

    Args:
        blank_is_absent: as in queries, where ``name=`` says nothing.

    Raises:
        ApiError: 400, with the name of the parameter and the rule.
    """
    fields = _fields(kind)
    taken = {}
    for name, value in parameters.items():
        field = fields.get(name)
        if field is None or value is None or (blank_is_absent and value == ""):
            continue
        taken[name] = _eased(name, value, field)
    try:
        return msgspec.convert(taken, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), taken, fields) from None


@functools.cache
def _fields(kind: type[Ask]) -> dict[str, Any]:
    """The type of each parameter, as msgspec describes it, without the ``None``."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {each.encode_name: _bare(each.type) for each in info.fields}


def _bare(kind: Any) -> Any:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [_bare(each) for each in kind.types if not isinstance(each, msgspec.inspect.NoneType)]
        # What may be a text stays one.
        return next((each for each in kinds if isinstance(each, msgspec.inspect.StrType)), kinds[0])
    return kind


def _eased(name: str, value: Any, kind: Any) -> Any:
    """What clients send otherwise than documented: numbers for texts, lists of one, words in another case."""
    if isinstance(kind, msgspec.inspect.ListType):
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and "\0" in value:
        raise invalid(name)
    if isinstance(kind, msgspec.inspect.StrType) and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and isinstance(kind, msgspec.inspect.StructType):
        return _of_text(name, value)
    if isinstance(value, str) and not isinstance(kind, msgspec.inspect.StrType):
        value = value.strip()
        if isinstance(kind, msgspec.inspect.LiteralType):
            return next((each for each in kind.values if str(each).lower() == value.lower()), value)
    return value


def _of_text(name: str, text: str) -> Any:
    """An object in a form or a query is JSON."""
    try:
        return _JSON.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise invalid(name) from None


def _refusal(told: str, taken: Given, fields: Mapping[str, Any]) -> ApiError:
    absent = _ABSENT.search(told)
    if absent is not None:
        return missing(absent[1])
    place = _PLACE.search(told)
    name = place[1] if place is not None else "a"
    kind = fields.get(name)
    if isinstance(kind, msgspec.inspect.StrType) and kind.min_length == 1 and taken.get(name) == "":
        return missing(name)
    if (
        isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType)
        and kind.ge is not None
        and kind.le is not None
        and _OUT_OF_RANGE.search(told)
    ):
        return ApiError(400, f"{name} should be between {kind.ge} and {kind.le}")
    return invalid(name)
