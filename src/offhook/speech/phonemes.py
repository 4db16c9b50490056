"""``phoneme``: how a word is pronounced, in IPA or X-SAMPA (reference ``xml.md`` section 4.2).

The pronunciation travels within the text, between marks of Unicode's private use area, so that the sentence stays one piece:
an engine that can pronounces it, the others read the word.
"""

from __future__ import annotations

import re

_OPEN, _MIDDLE, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARKS = str.maketrans("", "", _OPEN + _MIDDLE + _CLOSE)
_MARKED = re.compile(f"{_OPEN}([^{_OPEN}{_MIDDLE}{_CLOSE}]*){_MIDDLE}([^{_OPEN}{_MIDDLE}{_CLOSE}]*){_CLOSE}")

_BRACKETS = re.compile(r"[\[\]()]")

_X_SAMPA = {
    "_}": "", "_~": "̃", "@`": "ɚ", "3`": "ɝ", "r\\`": "ɻ", "r\\": "ɹ", "s\\": "ɕ", "z\\": "ʑ", "h\\": "ɦ", "j\\": "ʝ",
    "x\\": "ɧ", "l\\": "ɺ", "K\\": "ɮ", "J\\": "ɟ", "p\\": "ɸ", "B\\": "ʙ", "R\\": "ʀ", "G\\": "ɢ", "N\\": "ɴ", "L\\": "ʟ",
    "I\\": "ᵻ", "U\\": "ᵿ", "@\\": "ɘ", "3\\": "ɞ", "M\\": "ɰ", "X\\": "ħ", "?\\": "ʕ", "t`": "ʈ", "d`": "ɖ", "n`": "ɳ",
    "s`": "ʂ", "z`": "ʐ", "l`": "ɭ", "r`": "ɽ", "A": "ɑ", "B": "β", "C": "ç", "D": "ð", "E": "ɛ", "F": "ɱ", "G": "ɣ", "H": "ɥ",
    "I": "ɪ", "J": "ɲ", "K": "ɬ", "L": "ʎ", "M": "ɯ", "N": "ŋ", "O": "ɔ", "P": "ʋ", "Q": "ɒ", "R": "ʁ", "S": "ʃ", "T": "θ",
    "U": "ʊ", "V": "ʌ", "W": "ʍ", "X": "χ", "Y": "ʏ", "Z": "ʒ", "@": "ə", "{": "æ", "}": "ʉ", "1": "ɨ", "2": "ø", "3": "ɜ",
    "4": "ɾ", "5": "ɫ", "6": "ɐ", "7": "ɤ", "8": "ɵ", "9": "œ", "&": "ɶ", "?": "ʔ", '"': "ˈ", "%": "ˌ", ":": "ː", "~": "̃",
    "_": "", "'": "ʲ",
}  # fmt: skip
_X_SAMPA_SIGNS = re.compile("|".join(re.escape(sign) for sign in sorted(_X_SAMPA, key=len, reverse=True)))

_MISAKI = {
    "eɪ": "A", "oʊ": "O", "əʊ": "O", "aɪ": "I", "aʊ": "W", "ɔɪ": "Y", "tʃ": "ʧ", "dʒ": "ʤ", "ɜːɹ": "ɜɹ", "ɜːr": "ɜɹ", "ɜː": "ɜɹ",
    "ɝ": "ɜɹ", "ɚ": "əɹ", "ː": "", "r": "ɹ", "ʀ": "ɹ", "g": "ɡ", "e": "ɛ", "o": "O", "a": "ɑ", "ɒ": "ɑ", "ɐ": "ə", "ɫ": "l",
    "ʍ": "w", "y": "u", "ʏ": "ʊ", "ø": "ɜ", "œ": "ɜ", "ɦ": "h", "x": "k", "'": "ˈ",
}  # fmt: skip
"""From IPA to the alphabet that the English voice was trained on, in which a diphthong is one letter."""
_MISAKI_SIGNS = re.compile("|".join(sorted(_MISAKI, key=len, reverse=True)))
_MISAKI_VOWELS = "AIOWYiuæɑɔəɛɜɪʊʌᵻ"
_MISAKI_LETTERS = frozenset(_MISAKI_VOWELS + "bdfhjklmnpstvwzðŋɡɹɾʃʒʔʤʧθˈˌ ")
_EARLY_STRESS = re.compile(f"([ˈˌ])([^ˈˌ {_MISAKI_VOWELS}]*)(?=[{_MISAKI_VOWELS}])")


def clean(text: str) -> str:
    """Text of a document, which has no marks of ours."""
    return text.translate(_MARKS)


def marked(text: str, alphabet: str, pronunciation: str) -> str:
    """The text with its pronunciation, where the alphabet is one that can be read; else the text."""
    text, pronunciation = clean(text), clean(pronunciation)
    if alphabet.lower() == "x-sampa":
        pronunciation = _X_SAMPA_SIGNS.sub(lambda found: _X_SAMPA[found[0]], pronunciation)
    elif alphabet.lower() not in {"ipa", ""}:
        return text
    return f"{_OPEN}{text}{_MIDDLE}{pronunciation}{_CLOSE}"


def unmarked(text: str) -> str:
    """For engines that read words only."""
    return clean(_MARKED.sub(lambda found: found[1], text))


def inline(text: str) -> str:
    """For the English voice: ``[word](/pronunciation/)``, or the word alone where nothing of the pronunciation is known to it."""

    def pronounced(found: re.Match[str]) -> str:
        letters = misaki(found[2])
        return f" [{_BRACKETS.sub('', found[1]).strip() or 'x'}](/{letters}/) " if letters else found[1]

    return clean(_MARKED.sub(pronounced, text))


def misaki(ipa: str) -> str:
    """IPA in the English voice's alphabet; what it does not have is left out. Stress stands before the vowel there."""
    plain = ipa.replace("͡", "").replace("͜", "")
    letters = _MISAKI_SIGNS.sub(lambda found: _MISAKI[found[0]], plain)
    letters = "".join(letter for letter in letters if letter in _MISAKI_LETTERS)
    return _EARLY_STRESS.sub(r"\2\1", letters).strip()
