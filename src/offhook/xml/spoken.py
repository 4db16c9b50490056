"""What stands in ``Speak``: text and SSML as a tree (reference ``xml.md`` sections 4.1 to 4.3).

What cannot be done is dropped with a warning, and its text is spoken all the same.
"""

from __future__ import annotations

import re
from typing import Any

from offhook import voices
from offhook.xml import ssml
from offhook.xml.problems import Findings
from offhook.xml.table import Markup
from offhook.xml.tree import Tag

MAX_CHARACTERS = 3000
"""That the vendor's service speaks in one ``Speak``; longer text is spoken here."""
_BLANKS = re.compile(r"[ \t\r\n]+")


def content(tag: Tag, findings: Findings) -> tuple[str | Markup, ...]:
    """The tree, white space collapsed, without blanks at either end."""
    found = list(_merged(_parts(tag, ssml.TOP, findings)))
    if found and isinstance(found[0], str):
        found[0] = found[0].lstrip(" ")
    if found and isinstance(found[-1], str):
        found[-1] = found[-1].rstrip(" ")
    characters = _characters(found)
    if characters > MAX_CHARACTERS:
        findings.warn(
            tag,
            "long-text",
            f"Speak has {characters} characters; they are spoken, but the vendor's service takes fewer",
            allowed=f"at most {MAX_CHARACTERS} characters",
        )
    return tuple(part for part in found if part != "")


def judge_voice(tag: Tag, values: dict[str, Any], findings: Findings, *, nearest: bool) -> None:
    """Whether the vendor's service has this voice."""
    voice, language = values.get("voice", "WOMAN"), values.get("language", "en-US")
    why = voices.fault(voice, language)
    if why is None:
        return
    facts = {"found": f"{voice} {language}", "allowed": "WOMAN, MAN, or Polly.<Name> with one of the known names"}
    if nearest:
        suggestion = findings.suggest(voice, ("WOMAN", "MAN", *(f"Polly.{each.name}" for each in voices.POLLY.values())))
        if suggestion != voice:
            facts["suggestion"] = suggestion
        findings.warn(tag, "unknown-voice", f"Speak: {why}; the nearest voice is used", **facts)
    else:
        findings.fatal(tag, "unknown-voice", f"Speak: {why}", **facts)


def _parts(tag: Tag, allowed: frozenset[str], findings: Findings, *, text: bool = True) -> list[str | Markup]:
    found: list[str | Markup] = []
    for part in tag.content:
        if isinstance(part, str):
            if text:
                found.append(part)
        elif part.name == "cont":
            found += _parts(part, allowed, findings)
        elif part.name not in ssml.TAGS or part.name not in allowed:
            _dropped(part, tag, allowed, findings)
            found += _parts(part, allowed, findings)
        else:
            rule = ssml.TAGS[part.name]
            attributes = _attributes(part, rule, findings)
            if attributes is None:
                found += _parts(part, allowed, findings)
            else:
                found.append(Markup(part.name, attributes, _merged(_parts(part, rule.children, findings, text=rule.text))))
    return found


def _dropped(tag: Tag, parent: Tag, allowed: frozenset[str], findings: Findings) -> None:
    known = tag.name in ssml.TAGS
    why = f"cannot stand in <{parent.name[:60]}>" if known else "is not known"
    findings.warn(
        tag,
        "ssml-tag",
        f"<{tag.name[:60]}> {why}; its text is spoken without it",
        found=tag.name[:60],
        allowed=", ".join(sorted(allowed)) or "no tags",
        suggestion="" if known else findings.suggest(tag.name, ssml.TAGS),
    )


def _attributes(tag: Tag, rule: ssml.Tag, findings: Findings) -> dict[str, str] | None:
    """The good ones; ``None`` when a required one is missing or bad."""
    found = {}
    for name, text in tag.attributes.items():
        value = rule.attributes.get(name)
        if value is None:
            findings.warn(
                tag,
                "unknown-attribute",
                f"<{tag.name}> has no attribute {name[:60]!r}; it is ignored",
                attribute=name[:60],
                suggestion=findings.suggest(name, rule.attributes),
            )
        elif not value.accepts(text.strip()):
            findings.warn(
                tag,
                "bad-value",
                f"<{tag.name}>: {name}={text[:60]!r} is not allowed; it is ignored",
                attribute=name,
                found=text[:60],
                allowed=value.allowed,
                suggestion=findings.suggest(text.strip(), value.words),
            )
        else:
            found[name] = text.strip()
    missing = next((name for name, value in rule.attributes.items() if value.required and name not in found), None)
    if missing is None and (found or tag.name != "prosody"):
        return found
    needed = missing or "volume, rate or pitch"
    findings.warn(
        tag, "ssml-tag", f"<{tag.name}> needs {needed}; its text is spoken without it", attribute=missing or "", allowed=needed
    )
    return None


def _merged(parts: list[str | Markup]) -> tuple[str | Markup, ...]:
    """Neighbouring texts joined, runs of white space collapsed."""
    found: list[str | Markup] = []
    texts: list[str] = []
    for part in [*parts, None]:
        if isinstance(part, str):
            texts.append(part)
            continue
        text = _BLANKS.sub(" ", "".join(texts))
        texts.clear()
        if text:
            found.append(text)
        if part is not None:
            found.append(part)
    return tuple(found)


def _characters(parts: list[str | Markup] | tuple[str | Markup, ...]) -> int:
    return sum(len(part) if isinstance(part, str) else _characters(part.content) for part in parts)
