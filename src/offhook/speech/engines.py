"""Which engine speaks what: from the voice and language that a document asks for to a voice that is here."""

from __future__ import annotations

import ctypes.util
from dataclasses import dataclass
from importlib.util import find_spec

from offhook import voices

HIBARI = "hibari"
ESPEAK = "espeak-ng"

_ESPEAK_LANGUAGES = {
    "arb": "ar", "cmn-cn": "cmn", "cy-gb": "cy", "en-gb-wls": "en", "en-au": "en", "en-in": "en", "en-gb": "en",
    "en-us": "en-us", "es-es": "es", "es-mx": "es-419", "es-us": "es-419", "fr-ca": "fr", "fr-fr": "fr", "nb-no": "nb",
    "pt-br": "pt-br", "pt-pt": "pt", "zh-cn": "cmn", "zh": "cmn",
}  # fmt: skip
"""Where espeak-ng's name is not simply the language's first part."""
_SUPPORTED = frozenset(
    """
    af am an ar as az ba be bg bn bpy bs ca cmn cs cv cy da de el en eo es et eu fa fi fo fr ga gd gn grc gu hak haw he hi hr ht
    hu hy ia id io is it ja jbo ka kaa kk kl kn ko kok ku ky la lb lfn lt ltg lv mi mk ml mr ms mt my nb nci ne nl nog om or pa
    pap pl pt qu quc qya ro ru sd shn si sjn sk sl smj sq sr sv sw ta te th ti tk tn tr tt ug uk ur uz vi yue
    """.split()
)
"""The languages of espeak-ng 1.52, as far as their names have no second part."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that is here."""

    engine: str
    name: str
    """For the engine; of espeak-ng, language and variant."""
    language: str
    sex: str

    def __str__(self) -> str:
        return f"{self.engine} ({self.language}, {'female' if self.sex == 'f' else 'male'})"


def available() -> tuple[str, ...]:
    """The engines that are installed here."""
    found = []
    if find_spec("hibari") is not None:
        found.append(HIBARI)
    if find_spec("espeakng_loader") is not None or ctypes.util.find_library("espeak-ng"):
        found.append(ESPEAK)
    return tuple(found)


def choose(voice: str, language: str, engines: tuple[str, ...]) -> tuple[Voice | None, str]:
    """The nearest voice, and what to note when it is not the very one.

    ``WOMAN`` and ``MAN`` promise a sex and a language, no more; a ``Polly.`` name promises a person, whom nobody has here.
    """
    wanted, sex, note = _wanted(voice, language)
    found = _nearest(wanted, sex, engines)
    if found is None:
        return None, ""
    if note or found.language.lower() != wanted.lower() or found.sex != sex:
        sexes = {"f": "female", "m": "male"}
        note = f"{note or f'{voice} in {wanted}'} ({wanted}, {sexes[sex]}) is spoken by the nearest voice: {found}"
    return found, note


def for_language(language: str, sex: str, engines: tuple[str, ...]) -> Voice | None:
    """A voice for a span in another language (SSML ``lang``)."""
    return _nearest(language, sex, engines)


def fallback(voice: Voice, engines: tuple[str, ...]) -> Voice | None:
    """Who speaks when the voice's own engine fails."""
    if voice.engine == ESPEAK or ESPEAK not in engines:
        return None
    return _espeak(voice.language, voice.sex)


def _wanted(voice: str, language: str) -> tuple[str, str, str]:
    """Language, sex, and the name of a person who was asked for."""
    prefix, dot, name = voice.partition(".")
    if dot and prefix.lower() == "polly":
        known = voices.POLLY.get(voices.bare(name))
        if known is None:
            return language, "f", voice
        spoken = next((each for each in known.languages if each.lower() == language.lower()), known.languages[0])
        return spoken, known.sex, f"Polly.{known.name}"
    if voice.upper() == "MAN":
        return language, "m", ""
    return language, "f", "" if voice.upper() == "WOMAN" else voice


def _nearest(language: str, sex: str, engines: tuple[str, ...]) -> Voice | None:
    """A natural voice of the language before a robotic one of the right accent; the right sex before a natural voice."""
    english = language.lower().partition("-")[0] == "en"
    if english and HIBARI in engines and (sex == "f" or ESPEAK not in engines):
        return Voice(HIBARI, "heart", "en-US", "f")
    return _espeak(language, sex) if ESPEAK in engines else None


def _espeak(language: str, sex: str) -> Voice:
    lowered = language.lower()
    name = _ESPEAK_LANGUAGES.get(lowered)
    spoken = language
    if name is None:
        name = lowered.partition("-")[0]
        if name not in _SUPPORTED:
            name, spoken = "en-us", "en-US"
    return Voice(ESPEAK, f"{name}+{'f3' if sex == 'f' else 'm3'}", spoken, sex)
