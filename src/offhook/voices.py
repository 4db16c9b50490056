"""Which voices ``Speak`` knows (reference ``xml.md`` section 4.3)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

PLAIN: dict[str, tuple[bool, bool]] = {
    "da-DK": (True, False), "nl-NL": (True, True), "en-AU": (True, True), "en-GB": (True, True), "en-US": (True, True),
    "fr-FR": (True, True), "fr-CA": (True, False), "de-DE": (True, True), "it-IT": (True, True), "pl-PL": (True, True),
    "pt-PT": (False, True), "pt-BR": (True, True), "ru-RU": (True, False), "es-ES": (True, True), "es-US": (True, True),
    "sv-SE": (True, False),
}  # fmt: skip
"""Language → whether ``WOMAN`` and ``MAN`` speak it."""

_POLLY = """
arb Zeina:f | cmn-CN Zhiyu:f | cy-GB Gwyneth:f | da-DK Naja:f Mads:m | de-DE Vicki:f Marlene:f Hans:m | en-AU Nicole:f Russell:m
en-GB Amy:f Emma:f Brian:m | en-GB-WLS Geraint:m | en-IN Raveena:f Aditi:f | hi-IN Aditi:f
en-US Joanna:f Salli:f Kendra:f Kimberly:f Ivy:f Matthew:m Justin:m Joey:m | fr-CA Chantal:f | fr-FR Lea:f Celine:f Mathieu:m
is-IS Dora:f Karl:m | it-IT Carla:f Giorgio:m | ja-JP Mizuki:f Takumi:m | ko-KR Seoyeon:f | nb-NO Liv:f | nl-NL Lotte:f Ruben:m
pl-PL Ewa:f Maja:f Jacek:m Jan:m | pt-BR Vitoria:f Ricardo:m | pt-PT Ines:f Cristiano:m | ro-RO Carmen:f | ru-RU Tatyana:f Maxim:m
es-ES Conchita:f Lucia:f Enrique:m | es-MX Mia:f | es-US Penelope:f Lupe-Standard:f Miguel:m | sv-SE Astrid:f | tr-TR Filiz:f
"""


@dataclass(frozen=True, slots=True)
class PollyVoice:
    """One of the named voices."""

    name: str
    languages: tuple[str, ...]
    sex: str
    """``f`` or ``m``."""


def _voices() -> dict[str, PollyVoice]:
    found: dict[str, PollyVoice] = {}
    for group in _POLLY.replace("\n", "|").split("|"):
        language, _, names = group.strip().partition(" ")
        for pair in names.split():
            name, sex = pair.split(":")
            before = found.get(name.lower())
            found[name.lower()] = PollyVoice(name, (*(before.languages if before else ()), language), sex)
    return found


POLLY = _voices()
"""By lower-case name without accents."""
LANGUAGES = frozenset(PLAIN) | {language for voice in POLLY.values() for language in voice.languages}


def bare(name: str) -> str:
    """A voice's name in lower case, without accents."""
    return "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each)).lower()


def fault(voice: str, language: str) -> str | None:
    """Why the vendor's service would not speak this, or ``None`` where it would."""
    prefix, dot, name = voice.partition(".")
    if dot and prefix.lower() == "polly":
        return None if bare(name) in POLLY else f"voice {voice!r} is not known"
    if voice.upper() not in {"WOMAN", "MAN"}:
        return f"voice {voice!r} is not known"
    if language.lower() not in {each.lower() for each in PLAIN}:
        return f"language {language!r} is not spoken by {voice.upper()}"
    return None
