"""The voices that are installed here, as a caller hears them; and what happens when one of them fails."""

from __future__ import annotations

import asyncio
import ctypes.util
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from offhook import voices
from offhook.audio import Clip, Silence
from offhook.errors import SpeechUnavailable
from offhook.events import Noted
from offhook.speech import Speech, engines
from offhook.speech.engines import ESPEAK, HIBARI, choose
from offhook.workers import Worker

GREETING = "Welcome to the clinic. For appointments, press one. To hear this again, press the star key."
BOTH = (HIBARI, ESPEAK)


@dataclass(frozen=True)
class Tag:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: tuple[Any, ...] = ()


def octets(sound: object) -> bytes:
    assert isinstance(sound, Clip)
    return Path(sound.path).read_bytes()


def alive(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def worker_of(speech: Speech, engine: str) -> Worker:
    return speech._speakers[engine].worker


def replace_worker(speech: Speech, engine: str, module: str, *, timeout_s: float = 20) -> None:
    """Another program behind an engine."""
    speech._speakers[engine].worker = Worker(module, timeout_s=timeout_s)


def test_both_engines_are_installed_here() -> None:
    assert engines.available() == BOTH


# -- what is heard ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "voice"), [(HIBARI, "WOMAN"), (ESPEAK, "WOMAN"), (ESPEAK, "MAN")])
def test_speech_is_audible_level_and_not_clipped(booth: Any, engine: str, voice: str) -> None:
    async def test(speech: Speech) -> None:
        heard = await booth.hear(speech, GREETING, voice=voice)
        assert 3 < heard.seconds < 12
        assert -23 < heard.level_dbov < -20.5
        assert heard.peak < 0.98

    booth.run(test, installed=(engine,))


def test_every_voice_of_the_reference_speaks(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        asked = [("WOMAN", each) for each in voices.PLAIN] + [("MAN", each) for each in voices.PLAIN]
        asked += [(f"Polly.{voice.name}", voice.languages[0]) for voice in voices.POLLY.values()]
        for voice, language in asked:
            heard = await booth.hear(speech, "Hello 123", voice=voice, language=language)
            assert heard.seconds > 0.5, (voice, language)
            assert -25 < heard.level_dbov < -19, (voice, language, heard.level_dbov)
        assert len(asked) > 80

    booth.run(test)


def test_languages_are_really_spoken_in_their_own_voice(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        sounds = {}
        for language in sorted(voices.LANGUAGES):
            (clip,) = await speech.render(["1234"], voice="WOMAN", language=language, observe=booth.notes.append)
            sounds.setdefault(octets(clip), []).append(language)
        alike = [each for each in sounds.values() if len(each) > 1]
        assert sorted(map(sorted, alike)) == [
            ["en-AU", "en-GB", "en-GB-WLS", "en-IN"],
            ["es-MX", "es-US"],
            ["fr-CA", "fr-FR"],
        ]

    booth.run(test, installed=(ESPEAK,))


def test_prosody_is_heard(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        for language in ("en-US", "de-DE"):
            plain = await booth.hear(speech, GREETING, language=language)
            slow = await booth.hear(speech, Tag("prosody", {"rate": "50%"}, (GREETING,)), language=language)
            high = await booth.hear(speech, Tag("prosody", {"pitch": "+40%"}, (GREETING,)), language=language)
            soft = await booth.hear(speech, Tag("prosody", {"volume": "-12dB"}, (GREETING,)), language=language)
            assert slow.seconds > 1.4 * plain.seconds
            assert high.pitch_hz > 1.15 * plain.pitch_hz
            assert soft.level_dbov == pytest.approx(plain.level_dbov - 12, abs=1)

    booth.run(test)


def test_a_pronunciation_changes_the_word(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        plain = await booth.hear(speech, "I say no.")
        told = await booth.hear(speech, "I say ", Tag("phoneme", {"alphabet": "ipa", "ph": "ˌɪntəˈnæʃənəl"}, ("no",)), ".")
        assert told.seconds > plain.seconds + 0.3

    booth.run(test, installed=(HIBARI,))


def test_pauses_and_tones_stay_between_the_clips(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        content = ["One", Tag("break", {"time": "2s"}), "two"]
        sounds = await speech.render(content, voice="WOMAN", language="en-US", observe=booth.notes.append)
        assert [type(sound) for sound in sounds] == [Clip, Silence, Clip]
        assert sounds[1] == Silence(2000)

    booth.run(test)


@pytest.mark.parametrize("text", ["", "  ", "...", "–"])
def test_nothing_is_nothing_and_asks_no_engine(booth: Any, text: str) -> None:
    async def test(speech: Speech) -> None:
        assert await speech.render([text], voice="Polly.Amy", language="en-GB", observe=booth.notes.append) == ()
        assert all(worker_of(speech, engine).pid is None for engine in speech.engines)
        assert booth.notes == []

    booth.run(test)


def test_texts_that_engines_stumble_over_are_spoken(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        for text in (
            "7" * 60,
            "🙂 hello",
            "漢字 kanji",
            "[a](b) [c](/d/)",
            "\x00 null",
            "<not a tag>",
            "a" * 399,
            "$" * 50,
            "²³½",
        ):
            assert (await booth.hear(speech, text)).seconds > 0.2, text

    booth.run(test)


def test_a_text_of_more_than_3000_characters_is_spoken_whole(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        sentence = "Your call is important to us, and we will be with you shortly. "
        one = await booth.hear(speech, sentence)
        all_of_it = await booth.hear(speech, sentence * 60)
        assert all_of_it.seconds > 50 * (one.seconds - 0.5)

    booth.run(test)


# -- which voice -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voice", "language", "engine", "name", "noted"),
    [
        ("WOMAN", "en-US", HIBARI, "heart", False),
        ("woman", "en-us", HIBARI, "heart", False),
        ("MAN", "en-US", ESPEAK, "en-us+m3", False),
        ("WOMAN", "en-GB", HIBARI, "heart", True),
        ("MAN", "en-GB", ESPEAK, "en+m3", False),
        ("WOMAN", "de-DE", ESPEAK, "de+f3", False),
        ("MAN", "pt-BR", ESPEAK, "pt-br+m3", False),
        ("Polly.Joanna", "en-US", HIBARI, "heart", True),
        ("Polly.Matthew", "en-US", ESPEAK, "en-us+m3", True),
        ("polly.vitória", "pt-BR", ESPEAK, "pt-br+f3", True),
        ("Polly.Vitoria", "en-US", ESPEAK, "pt-br+f3", True),
        ("Polly.Aditi", "hi-IN", ESPEAK, "hi+f3", True),
        ("Polly.Aditi", "en-US", HIBARI, "heart", True),
        ("Polly.Zeina", "arb", ESPEAK, "ar+f3", True),
        ("Polly.Nobody", "fr-FR", ESPEAK, "fr+f3", True),
        ("ROBOT", "en-US", HIBARI, "heart", True),
        ("WOMAN", "tlh-QO", ESPEAK, "en-us+f3", True),
    ],
)
def test_the_nearest_voice_speaks_and_is_named_where_it_is_another(
    voice: str, language: str, engine: str, name: str, noted: bool
) -> None:
    found, note = choose(voice, language, BOTH)
    assert found is not None
    assert (found.engine, found.name) == (engine, name)
    assert bool(note) == noted
    assert not note or engine in note


def test_each_voice_of_the_reference_keeps_its_sex_and_language() -> None:
    for voice in voices.POLLY.values():
        for language in voice.languages:
            found, note = choose(f"Polly.{voice.name}", language, BOTH)
            assert found is not None
            assert found.sex == voice.sex
            assert found.language.partition("-")[0] == language.partition("-")[0]
            assert voice.name in note


def test_the_note_comes_once_for_a_text(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        await booth.hear(speech, "One. ", Tag("break"), "Two. ", Tag("break"), "Three.", voice="Polly.Brian", language="en-GB")
        (note,) = booth.notes
        assert isinstance(note, Noted)
        assert note.level == "info"
        assert "Polly.Brian" in note.text
        assert "espeak-ng (en-GB, male)" in note.text

    booth.run(test)


def test_an_unknown_voice_is_refused_where_only_the_very_one_will_do(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        for voice, language in (("Polly.Nobody", "en-US"), ("ROBOT", "en-US"), ("WOMAN", "xx-XX")):
            with pytest.raises(SpeechUnavailable):
                await booth.hear(speech, "Hello", voice=voice, language=language)
        assert (await booth.hear(speech, "Hello", voice="Polly.Amy", language="en-GB")).seconds > 0.2

    booth.run(test, nearest_voice=False)


def test_without_any_engine_nothing_can_be_spoken(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        with pytest.raises(SpeechUnavailable, match="no speech engine is installed"):
            await booth.hear(speech, "Hello")

    booth.run(test, installed=())


def test_a_span_in_another_language_is_spoken_in_it(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        span = Tag("lang", {"xml:lang": "fr-FR"}, ("bonjour monsieur",))
        mixed = await speech.render(["Hello. ", span], voice="WOMAN", language="en-US", observe=booth.notes.append)
        french = await speech.render(["bonjour monsieur"], voice="WOMAN", language="fr-FR", observe=booth.notes.append)
        assert mixed[1] == french[0]

    booth.run(test)


# -- the cache -------------------------------------------------------------------------------------------------------


def test_what_was_said_before_asks_no_engine(booth: Any) -> None:
    async def first(speech: Speech) -> None:
        await booth.hear(speech, GREETING, Tag("break"), "Goodbye.")

    async def again(speech: Speech) -> None:
        began = time.perf_counter()
        assert (await booth.hear(speech, GREETING, Tag("break"), "Goodbye.")).seconds > 3
        assert time.perf_counter() - began < 0.1
        assert all(worker_of(speech, engine).pid is None for engine in speech.engines)
        assert (await booth.hear(speech, Tag("prosody", {"rate": "slow"}, (GREETING,)))).seconds > 3
        assert worker_of(speech, HIBARI).pid is not None

    booth.run(first)
    booth.run(again)


def test_the_same_words_at_once_are_rendered_once(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        asked: list[object] = []
        worker = worker_of(speech, ESPEAK)
        ask = worker.ask

        async def counted(request: Any) -> dict[str, Any]:
            asked.append(request)
            return await ask(request)

        worker.ask = counted  # type: ignore[method-assign]
        heard = await asyncio.gather(*(speech.render(["Hallo"], voice="MAN", language="de-DE", observe=print) for _ in range(20)))
        assert len(set(heard)) == len(asked) == 1

    booth.run(test)


def test_the_same_words_sound_the_same_when_they_are_rendered_again(booth: Any, tmp_path: Path) -> None:
    said: list[bytes] = []

    async def test(speech: Speech) -> None:
        (clip,) = await speech.render(["Hello there"], voice="WOMAN", language="en-US", observe=print)
        said.append(octets(clip))

    booth.run(test)
    for path in tmp_path.rglob("*.pcm"):
        path.unlink()
    booth.run(test)
    assert said[0] == said[1]


def test_a_long_text_does_not_keep_another_call_waiting(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        await booth.hear(speech, "Warm.")
        long = asyncio.ensure_future(
            booth.hear(speech, " ".join(f"This is sentence number {each} of many." for each in range(900)))
        )
        await asyncio.sleep(0.05)
        await booth.hear(speech, "And this is a short one.")
        assert not long.done()
        long.cancel()

    booth.run(test)


# -- when an engine fails --------------------------------------------------------------------------------------------


def test_an_engine_that_is_killed_while_it_renders_is_started_anew(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        await booth.hear(speech, "Hello.")
        before = worker_of(speech, HIBARI).pid
        assert before is not None
        os.kill(before, signal.SIGSTOP)
        asked = asyncio.ensure_future(booth.hear(speech, GREETING))
        await asyncio.sleep(0.1)
        os.kill(before, signal.SIGKILL)
        assert (await asked).seconds > 3
        assert worker_of(speech, HIBARI).pid not in {None, before}
        assert booth.notes == []

    booth.run(test)


@pytest.fixture
def bad_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve = "from offhook.workers import serve\n"
    (tmp_path / "crashing.py").write_text(serve + "import ctypes\nserve(lambda request: ctypes.string_at(0))\n")
    (tmp_path / "raising.py").write_text(serve + "def handle(request):\n    raise IndexError('60 digits')\nserve(handle)\n")
    (tmp_path / "hanging.py").write_text(serve + "import time\nserve(lambda request: time.sleep(60))\n")
    (tmp_path / "absent.py").write_text("import no_such_library\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("bad_engines")
@pytest.mark.parametrize("program", ["crashing", "raising", "hanging", "absent"])
def test_when_one_engine_fails_the_other_speaks(booth: Any, program: str) -> None:
    async def test(speech: Speech) -> None:
        replace_worker(speech, HIBARI, program, timeout_s=1)
        assert (await booth.hear(speech, GREETING)).seconds > 3
        (note,) = booth.notes
        assert "espeak-ng (en-US, female) speaks instead" in note.text

    booth.run(test)


@pytest.mark.usefixtures("bad_engines")
def test_an_engine_that_breaks_again_and_again_rests_and_nobody_waits_for_it(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        replace_worker(speech, HIBARI, "hanging", timeout_s=0.3)
        content = [part for number in range(20) for part in (f"Number {number}.", Tag("break"))]
        began = time.perf_counter()
        assert (await booth.hear(speech, *content)).seconds > 20
        assert time.perf_counter() - began < 3
        assert [note.text for note in booth.notes] == ["hibari (en-US, female) failed; espeak-ng (en-US, female) speaks instead"]
        assert worker_of(speech, HIBARI).pid is None

    booth.run(test)


@pytest.mark.usefixtures("bad_engines")
def test_an_engine_that_rested_is_asked_again(booth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.speech.engine.REST_S", 0.2)

    async def test(speech: Speech) -> None:
        good = worker_of(speech, HIBARI)
        replace_worker(speech, HIBARI, "crashing")
        for number in range(4):
            await booth.hear(speech, f"Number {number}.")
        speech._speakers[HIBARI].worker = good
        await asyncio.sleep(0.3)
        booth.notes.clear()
        await booth.hear(speech, GREETING)
        assert booth.notes == []

    booth.run(test)


@pytest.mark.usefixtures("bad_engines")
def test_when_all_engines_fail_it_says_so(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        replace_worker(speech, HIBARI, "crashing")
        replace_worker(speech, ESPEAK, "raising")
        with pytest.raises(SpeechUnavailable, match="60 digits"):
            await booth.hear(speech, GREETING)

    booth.run(test)


def test_a_full_disk_is_said_and_leaves_nothing(booth: Any, tmp_path: Path) -> None:
    (tmp_path / "speech").write_text("a file where the folder should be")

    async def test(speech: Speech) -> None:
        with pytest.raises(SpeechUnavailable):
            await booth.hear(speech, "Hello")

    booth.run(test)


def test_starting_warms_the_engines_up_and_closing_leaves_no_process(booth: Any) -> None:
    async def test(speech: Speech) -> None:
        await speech.start()
        for _ in range(200):
            if all(worker_of(speech, engine).pid for engine in BOTH) and len(list(booth.cache.rglob("*.pcm"))) == 2:
                break
            await asyncio.sleep(0.05)
        pids = [worker_of(speech, engine).pid for engine in BOTH]
        assert None not in pids
        pending = asyncio.ensure_future(booth.hear(speech, GREETING * 20))
        await asyncio.sleep(0.05)
        await speech.aclose()
        assert not any(alive(pid) for pid in pids)
        with pytest.raises(SpeechUnavailable):
            await pending
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    booth.run(test)
    for part in booth.cache.rglob("*.part"):
        part.unlink()  # a worker that is killed in the middle of a file leaves it to the next sweep


@pytest.mark.skipif(ctypes.util.find_library("espeak-ng") is None, reason="espeak-ng is not among the system's packages here")
def test_espeak_ng_of_the_system_speaks_where_no_package_brings_it(
    booth: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "system_espeak.py").write_text(
        "import importlib.util\n"
        "importlib.util.find_spec = lambda name: None\n"
        "from offhook.speech import espeak_worker\n"
        "espeak_worker.main()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def test(speech: Speech) -> None:
        speech._speakers[ESPEAK].worker = Worker("system_espeak", str(booth.cache), "1000000")
        for voice, language in (("WOMAN", "de-DE"), ("MAN", "en-GB"), ("WOMAN", "pl-PL"), ("Polly.Mizuki", "ja-JP")):
            heard = await booth.hear(speech, "1 2 3", voice=voice, language=language)
            assert heard.seconds > 0.5
            assert -24 < heard.level_dbov < -20

    booth.run(test, installed=(ESPEAK,))
