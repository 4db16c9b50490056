"""``docs/compatibility.md`` is complete, true and up to date."""

from __future__ import annotations

import inspect

import plivo
import pytest
from plivo import plivoxml

from offhook import xml
from offhook.calls.verbs import VERBS

from . import other_sdks, page, proof, python_sdk, table
from .table import Row

ALL: dict[str, dict[str, Row]] = {
    "Python": table.PYTHON,
    "Node.js": other_sdks.NODE,
    "Go": other_sdks.GO,
    "elements": table.ELEMENTS,
    "web hooks": table.WEB_HOOKS,
}
ROWS = [(section, key, row) for section, rows in ALL.items() for key, row in rows.items()]


def test_every_voice_method_of_the_python_sdk_has_a_row() -> None:
    assert set(table.PYTHON) == set(python_sdk.methods())


def test_every_other_resource_of_the_client_is_known() -> None:
    """A new version of the SDK with a new resource must be looked at."""
    client = plivo.RestClient(python_sdk.AUTH_ID, "token")
    resources = {name for name, value in vars(client).items() if hasattr(value, "client")}
    voice = {key.partition(".")[0] for key in table.PYTHON if not key[0].isupper()}
    assert resources == voice | set(python_sdk.NOT_VOICE)


@pytest.mark.parametrize("key", [key for key, row in table.PYTHON.items() if row.state == "works"])
def test_what_has_a_tick_sends_a_request_that_we_have_a_route_for(key: str) -> None:
    assert page.is_routed(key), page.request(key)


@pytest.mark.parametrize(("section", "key", "row"), ROWS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_tick_names_a_test_that_calls_the_method_and_anything_else_a_reason(section: str, key: str, row: Row) -> None:
    if row.state not in {"works", "a slip"}:
        assert row.note
    if not row.test or row.state == "in the sdk":
        assert row.state != "works"
        return
    assert proof.exists(row.test), row.test
    if section == "Python":
        assert proof.calls_method(row.test, key), f"{row.test} does not call {key}"
    elif section in {"Node.js", "Go"}:
        assert proof.names(row.test, key), f"{row.test} does not call {key}"


def test_an_element_has_a_tick_just_when_it_runs() -> None:
    assert set(table.ELEMENTS) == set(xml.ELEMENTS)
    run = {each.__name__ for each in VERBS} | {"Number", "User"}  # these two stand in Dial
    ticked = {name for name, row in table.ELEMENTS.items() if row.state == "works"}
    assert ticked == run - {"Message"}


def test_every_class_of_the_sdk_that_writes_xml_is_an_element_or_a_tag_of_speech() -> None:
    classes = {name.removesuffix("Element") for name, _ in inspect.getmembers(plivoxml, inspect.isclass)}
    speech = {"Break", "Cont", "Emphasis", "Lang", "P", "Phoneme", "Prosody", "S", "SayAs", "Sub", "W"}
    assert classes - speech - {"PlivoXML", "Response"} == set(table.ELEMENTS)


def test_the_page_is_up_to_date() -> None:
    assert page.PAGE.read_text("utf-8") == page.markdown(), "run: python -m tests.compat.page > docs/compatibility.md"
