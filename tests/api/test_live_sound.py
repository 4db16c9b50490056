"""Files, speech and keys that the vendor's SDK sends to calls that run: what telephones at their far ends hear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import plivo
import pytest

from offhook.events import AudioStarted, CallEnded
from offhook.legs import IncomingLeg
from offhook.records import TimelineRow
from offhook.testing.live import Customer, Desk, NodeProcess, Reply, a_desk, document, hears, keys_of, say, tone_wav

from .conftest import Raw

SCENE_S = 240
PROMPT, SONG, VOICE, ANSWER = 600.0, 1400.0, 2000.0, 2700.0
"""Hz: the document's prompt, what the API plays, and what two people say."""
ALL = (PROMPT, SONG, VOICE, ANSWER)
LOUD, FAINT, RUSTLE = 1500.0, 500.0, 700.0
"""Amplitudes of tones that are there or are not; the RMS of what else there may be. Of 32768."""
Scene = Callable[[Desk], Awaitable[None]]
Samples = npt.NDArray[np.float64]


def played(scene: Scene) -> None:
    """Run a scene with telephones."""

    async def limited() -> None:
        async with asyncio.timeout(SCENE_S), a_desk() as desk:
            await scene(desk)

    asyncio.run(limited())


@pytest.fixture
def server(customer: Customer) -> Customer:
    """The customer's web server: a prompt without end, a song."""
    customer.forget()
    for name, hertz in (("/prompt.wav", PROMPT), ("/song.wav", SONG)):
        customer.says(name, Reply(tone_wav((hertz, 1.0)), content_type="audio/wav"))
    customer.says("/placed", document("<Play loop='0'>/prompt.wav</Play>"))
    return customer


async def placed(client: plivo.RestClient, server: Customer, desk: Desk, user: str) -> str:
    """Call a user of the desk. Returns the CallUUID."""
    fired = await asyncio.to_thread(client.calls.create, "14155550100", desk.uri(user), server.url("/placed"))
    return str(fired.request_uuid)


def strength(sound: Samples, hertz: float) -> float:
    """The amplitude of one frequency, of 32768."""
    return float(2 * abs((sound * np.exp(-2j * np.pi * hertz / 8000 * np.arange(sound.size))).mean()))


async def comes_to_hear(leg: IncomingLeg, *wanted: float) -> None:
    """Listen until of the four tones just these are heard, a fifth of a second long, twice in a row."""
    in_a_row, found = 0, {}
    for _ in range(150):
        sound = (await hears(leg, 0.2)).samples
        found = {hertz: strength(sound, hertz) for hertz in ALL}
        fits = all(found[hertz] > LOUD if hertz in wanted else found[hertz] < FAINT for hertz in ALL) and not speaks(sound)
        in_a_row = in_a_row + 1 if fits else 0
        if in_a_row == 2:
            return
    raise AssertionError(f"not {wanted}; in the end {found}")


async def comes_to_hear_speech(leg: IncomingLeg) -> None:
    """Listen until somebody speaks, twice in a row."""
    in_a_row = 0
    for _ in range(150):
        in_a_row = in_a_row + 1 if speaks((await hears(leg, 0.2)).samples) else 0
        if in_a_row == 2:
            return
    raise AssertionError("nobody speaks")


def speaks(sound: Samples) -> bool:
    """Whether there is more in it than the four tones."""
    tones = sum(strength(sound, hertz) ** 2 / 2 for hertz in ALL)
    return float(np.square(sound).mean()) - tones > RUSTLE**2


def test_a_file_is_mixed_with_the_prompt_or_replaces_it_until_it_is_stopped(client: plivo.RestClient, server: Customer) -> None:
    async def scene(desk: Desk) -> None:
        uuid = await placed(client, server, desk, "ann")
        async with desk.taken("ann") as leg:
            await leg.answer()
            await comes_to_hear(leg, PROMPT)
            told = await asyncio.to_thread(client.calls.play, uuid, server.url("/song.wav"), loop=True)
            assert told.message == "play started"
            await comes_to_hear(leg, PROMPT, SONG)
            urls = [server.url("/none.wav"), server.url("/song.wav")]
            await asyncio.to_thread(client.calls.start_playing, uuid, urls, loop=True, mix=False, legs="aleg")
            await comes_to_hear(leg, SONG)
            await asyncio.to_thread(client.calls.play_stop, uuid)
            await comes_to_hear(leg, PROMPT)
            several = ",".join([server.url("/song.wav")] * 3)
            await asyncio.to_thread(client.calls.play, uuid, several, length=1, mix=False)
            await comes_to_hear(leg, SONG)
            await comes_to_hear(leg, PROMPT)
            await asyncio.to_thread(client.calls.stop_playing, uuid)
            await asyncio.to_thread(client.calls.hangup, uuid)
            await leg.ended()

    played(scene)


def test_speech_and_files_are_stopped_one_by_one(client: plivo.RestClient, server: Customer, node: NodeProcess) -> None:
    text = "This is a long sentence that is spoken again and again, without any pause to speak of."

    async def scene(desk: Desk) -> None:
        uuid = await placed(client, server, desk, "bob")
        async with desk.taken("bob") as leg:
            await leg.answer()
            await comes_to_hear(leg, PROMPT)
            told = await asyncio.to_thread(client.calls.speak, uuid, text, voice="MAN", language="en-GB", loop=True, mix=False)
            assert told.message == "speak started"
            await comes_to_hear_speech(leg)
            await asyncio.to_thread(client.calls.play, uuid, server.url("/song.wav"), loop=True)
            await asyncio.to_thread(client.calls.speak_stop, uuid)
            await comes_to_hear(leg, PROMPT, SONG)
            await asyncio.to_thread(client.calls.start_speaking, uuid, f"<speak>{text}</speak>", loop=True, type="ssml")
            await comes_to_hear_speech(leg)
            await asyncio.to_thread(client.calls.play_stop, uuid)
            await comes_to_hear_speech(leg)
            await asyncio.to_thread(client.calls.stop_speaking, uuid)
            await comes_to_hear(leg, PROMPT)
        rows: list[TimelineRow] = []
        while not any(row.kind == CallEnded.kind for row in rows):
            rows = await asyncio.to_thread(node.timeline, uuid)
        about = [str(row.facts["what"]) for row in rows if row.kind == AudioStarted.kind]
        assert [each.endswith(("(by the API)", "(by the API, alone)")) for each in about] == [False, True, True, True]
        assert sum(row.kind == "audio-stopped" for row in rows) == 4

    played(scene)


def test_keys_reach_the_far_end_during_a_prompt(client: plivo.RestClient, raw: Raw, server: Customer) -> None:
    async def scene(desk: Desk) -> None:
        uuid = await placed(client, server, desk, "cat")
        async with desk.taken("cat") as leg:
            await leg.answer()
            await comes_to_hear(leg, PROMPT)
            with keys_of(leg) as keys:
                told = await asyncio.to_thread(client.calls.send_digits, uuid, "1w2W#")
                assert told.message == "digits sent"
                other = await asyncio.to_thread(raw.ask, "POST", f"Call/{uuid}/DTMF/", {"digits": 34, "legs": "aleg"})
                assert (other.status, other.body["message"]) == (202, "digits sent")
                while len(keys) < 5:  # noqa: ASYNC110 - they come from the network
                    await asyncio.sleep(0.05)
                await comes_to_hear(leg, PROMPT)
                assert "".join(each.key for each in keys) == "12#34"

    played(scene)


def test_in_a_talk_each_leg_hears_what_is_for_it(client: plivo.RestClient, raw: Raw, server: Customer, tmp_path: Any) -> None:
    async def scene(desk: Desk) -> None:
        server.says("/placed", document(f"<Dial><User>{desk.uri('eve')}</User></Dial>"))
        uuid = await placed(client, server, desk, "dan")
        async with desk.taken("dan") as dan:
            await dan.answer()
            async with desk.taken("eve") as eve:
                await eve.answer()
                say(dan, tone_wav((VOICE, 1.0)), tmp_path)
                say(eve, tone_wav((ANSWER, 1.0)), tmp_path)
                await asyncio.gather(comes_to_hear(eve, VOICE), comes_to_hear(dan, ANSWER))
                song = server.url("/song.wav")
                await asyncio.to_thread(client.calls.play, uuid, song, legs="bleg", loop=True)
                await asyncio.gather(comes_to_hear(eve, VOICE, SONG), comes_to_hear(dan, ANSWER))
                await asyncio.to_thread(client.calls.play, uuid, song, legs="both", loop=True, mix=False)
                await asyncio.gather(comes_to_hear(eve, SONG), comes_to_hear(dan, SONG))
                live = (await asyncio.to_thread(client.live_calls.list_ids)).calls
                [b_uuid] = [each for each in live if each != uuid]
                await asyncio.to_thread(client.calls.play_stop, b_uuid)
                await asyncio.gather(comes_to_hear(eve, VOICE), comes_to_hear(dan, SONG))
                await asyncio.to_thread(client.calls.play_stop, uuid)
                await comes_to_hear(dan, ANSWER)
                with keys_of(eve) as at_eve, keys_of(dan) as at_dan:
                    await asyncio.to_thread(client.calls.send_digits, uuid, "77", "bleg")
                    await asyncio.to_thread(client.calls.send_digits, b_uuid, "8")
                    await asyncio.to_thread(client.calls.send_digits, uuid, "9", "aleg")
                    while len(at_eve) < 3 or not at_dan:  # noqa: ASYNC110 - they come from the network
                        await asyncio.sleep(0.05)
                    assert ["".join(each.key for each in keys) for keys in (at_eve, at_dan)] == ["778", "9"]

    played(scene)


def test_a_transfer_drops_it(client: plivo.RestClient, server: Customer) -> None:
    server.says("/elsewhere", document("<Play loop='0'>/prompt.wav</Play>"))

    async def scene(desk: Desk) -> None:
        uuid = await placed(client, server, desk, "fay")
        async with desk.taken("fay") as leg:
            await leg.answer()
            await asyncio.to_thread(server.wait_for, "/placed", timeout_s=60)
            await comes_to_hear(leg, PROMPT)
            await asyncio.to_thread(client.calls.play, uuid, server.url("/song.wav"), loop=True, mix=False)
            await comes_to_hear(leg, SONG)
            await asyncio.to_thread(client.calls.transfer, uuid, legs="aleg", aleg_url=server.url("/elsewhere"))
            await comes_to_hear(leg, PROMPT)

    played(scene)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("Play", {}, "urls parameter is missing"),
    ("Play", {"urls": " "}, "urls parameter is missing"),
    ("Play", {"urls": []}, "urls parameter is missing"),
    ("Play", {"urls": "prompt.mp3"}, "urls parameter is invalid"),
    ("Play", {"urls": ["http://h.example/a.mp3", "ftp://h.example/a.mp3"]}, "urls parameter is invalid"),
    ("Play", {"urls": ["http://h.example/a.mp3"] * 101}, "urls should hold at most 100 URLs"),
    ("Play", {"urls": "http://h.example/a.mp3", "length": 0}, "length should be between 1 and 86400"),
    ("Play", {"urls": "http://h.example/a.mp3", "legs": "cleg"}, "legs parameter is invalid"),
    ("Play", {"urls": "http://h.example/a.mp3", "legs": "bleg"}, "the call is not connected with a B leg"),
    ("Speak", {}, "text parameter is missing"),
    ("Speak", {"text": "  "}, "text parameter is invalid: there is nothing in it to be spoken"),
    (
        "Speak",
        {"text": "Hi", "voice": "Bob"},
        "voice parameter is invalid: voice 'Bob' is not known; use WOMAN, MAN or Polly.<Name>",
    ),
    (
        "Speak",
        {"text": "Hi", "length": "Bob"},
        "voice parameter is invalid: voice 'Bob' is not known; use WOMAN, MAN or Polly.<Name>",
    ),
    ("Speak", {"text": "Hi", "legs": "both"}, "the call is not connected with a B leg"),
    ("DTMF", {}, "digits parameter is missing"),
    ("DTMF", {"digits": "12x"}, "digits parameter is invalid"),
    ("DTMF", {"digits": "1", "leg": "bleg"}, "the call is not connected with a B leg"),
]


def test_what_is_refused_and_when(client: plivo.RestClient, raw: Raw, server: Customer) -> None:
    async def scene(desk: Desk) -> None:
        uuid = await placed(client, server, desk, "gil")
        async with desk.taken("gil") as leg:
            leg.ring()
            good = {"Play": {"urls": server.url("/song.wav")}, "Speak": {"text": "Hi"}, "DTMF": {"digits": "1"}}
            for what, body in good.items():
                early = await asyncio.to_thread(raw.ask, "POST", f"Call/{uuid}/{what}/", body)
                assert (early.status, early.body["error"]) == (400, "the call has no audio: it is not answered yet")
            await leg.answer()
            await comes_to_hear(leg, PROMPT)
            for what, body, error in WRONG:
                answer = await asyncio.to_thread(raw.ask, "POST", f"Call/{uuid}/{what}/", body)
                assert (answer.status, answer.body["error"]) == (400, error), (what, body)
            go = await asyncio.to_thread(raw.ask, "POST", f"Call/{uuid}/Speak/", {"text": "Hi", "length": "MAN"})
            assert (go.status, go.body["message"]) == (202, "speak started")
            await comes_to_hear(leg, PROMPT)
            await asyncio.to_thread(client.calls.hangup, uuid)
            await leg.ended()
        for method, what, body in [
            *(("POST", what, body) for what, body in good.items()),
            *(("DELETE", what, None) for what in ("Play", "Speak")),
        ]:
            for call_uuid in (uuid, "00000000-0000-4000-8000-000000000001"):
                gone = await asyncio.to_thread(raw.ask, method, f"Call/{call_uuid}/{what}/", body)
                assert (gone.status, gone.body["error"]) == (404, "call not found")

    played(scene)
