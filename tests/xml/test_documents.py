"""Whole documents as applications write them, and the reference page that is made from the tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.parsers import expat

import pytest

from offhook import xml
from offhook.xml import reference, ssml

DOCUMENTS = sorted((Path(__file__).parent / "documents").glob("*.xml"))


def test_the_reference_s_own_examples_lint_clean() -> None:
    folder = Path(os.environ.get("OFFHOOK_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip("the reference pages are not here")
    problems = []
    for page in sorted(folder.glob("*.md")):
        for block in re.findall(r"```xml\n(.*?)```", page.read_text(), re.DOTALL):
            if "<Response" in block:
                problems += [f"{page.name}: {each}" for each in xml.parse(block.strip().encode()).problems]
    assert problems == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_documents_as_applications_write_them_lint_clean(path: Path) -> None:
    found = xml.parse(path.read_bytes(), content_type="application/xml")
    assert [str(problem) for problem in found.problems] == []
    assert found.document is not None
    assert xml.parse(xml.serialise(found.document)).document == found.document


def test_the_documents_here_use_every_element_and_every_attribute() -> None:
    used: dict[str, set[str]] = {}
    for path in DOCUMENTS:
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, attributes: used.setdefault(name, set()).update(attributes)
        parser.Parse(path.read_bytes(), True)
    language = {name: {each.name for _, each in xml.TABLE[element].values()} for name, element in xml.ELEMENTS.items()}
    del language["Message"]  # never without a warning: it is not of voice
    language |= {name: set(tag.attributes) for name, tag in ssml.TAGS.items()}
    missing = {name: attributes - used.get(name, set()) for name, attributes in language.items() if name in used}
    assert language.keys() <= used.keys()
    assert {name: attributes for name, attributes in missing.items() if attributes} == {}


def test_the_element_reference_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "elements.md"
    assert page.read_text() == reference.markdown(), "run: python -m offhook.xml.reference > docs/elements.md"
