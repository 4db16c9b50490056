"""What an element is made of: the tables' own words, in which ``elements`` states each attribute once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from offhook.xml.kinds import Kind


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an element."""

    name: str
    kind: Kind
    default: Any
    meaning: str
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """The text of an element."""

    kind: Kind
    meaning: str
    required: bool = True
    strict: bool = False
    """A doubtful text makes the document unusable."""


def attribute(name: str, kind: Kind, default: Any, meaning: str, *, required: bool = False, aliases: tuple[str, ...] = ()) -> Any:
    """A field that is an attribute."""
    return field(default=default, metadata={"attribute": Attribute(name, kind, default, meaning, required, aliases)})


def body_text(kind: Kind, meaning: str, *, required: bool = True, strict: bool = False) -> Any:
    """A field that is the element's text."""
    return field(default="", metadata={"content": Content(kind, meaning, required, strict)})


@dataclass(frozen=True, slots=True)
class Markup:
    """An SSML tag within ``Speak``."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    content: tuple[str | Markup, ...] = ()

    def __hash__(self) -> int:
        return hash((self.tag, tuple(sorted(self.attributes.items())), self.content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What all elements share."""

    summary: ClassVar[str] = ""
    section: ClassVar[str] = ""
    """Of the reference page ``xml.md``."""
    children_allowed: ClassVar[tuple[str, ...]] = ()
    ignored: ClassVar[tuple[str, ...]] = ()
    """Attributes that SDKs write and that mean nothing."""

    line: int = field(default=0, compare=False)
    """Of the start tag, from 1."""
