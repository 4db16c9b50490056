"""Which voices the vendor's service has."""

import pytest

from offhook import voices


def test_all_of_them_are_there() -> None:
    assert len(voices.PLAIN) == 16
    assert len(voices.POLLY) == 58
    assert {"f", "m"} == {voice.sex for voice in voices.POLLY.values()}
    assert voices.POLLY["aditi"].languages == ("en-IN", "hi-IN")


@pytest.mark.parametrize(
    ("voice", "language"),
    [
        ("WOMAN", "en-US"),
        ("MAN", "EN-us"),
        ("man", "da-DK"),
        ("WOMAN", "pt-PT"),
        ("Polly.Joanna", "en-US"),
        ("Polly.Joanna", "fr-FR"),
        ("polly.vitória", "pt-BR"),
        ("Polly.Vitoria", "pt-BR"),
        ("Polly.Lupe-Standard", "es-US"),
    ],
)
def test_the_vendor_would_speak_it(voice: str, language: str) -> None:
    assert voices.fault(voice, language) is None


@pytest.mark.parametrize(
    ("voice", "language", "why"),
    [
        ("Polly.Nobody", "en-US", "voice 'Polly.Nobody' is not known"),
        ("Polly.*", "en-US", "voice 'Polly.*' is not known"),
        ("Polly.", "en-US", "voice 'Polly.' is not known"),
        ("ROBOT", "en-US", "voice 'ROBOT' is not known"),
        ("", "en-US", "voice '' is not known"),
        ("WOMAN", "tr-TR", "language 'tr-TR' is not spoken by WOMAN"),
        ("MAN", "", "language '' is not spoken by MAN"),
    ],
)
def test_the_vendor_would_refuse_it(voice: str, language: str, why: str) -> None:
    assert voices.fault(voice, language) == why
