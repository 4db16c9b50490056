"""Real voices over RTP: Plivo's SDK places calls, telephones answer them with greetings, a web server is told who it was."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import plivo
import pytest

from offhook.audio import Clip, Playlist, Track
from offhook.calls import CallStatus
from offhook.legs import IncomingLeg
from offhook.testing.live import Customer, Desk, NodeProcess, document, hears, in_calm, starts_to_hear

from .conftest import MAIN, TOKEN
from .greetings import Greeting, Samples

LIMIT_S = 150.0


def answerers(greetings: list[Greeting]) -> dict[str, tuple[bool, Samples | None]]:
    """Who is called: a machine or not, and what he says."""

    def one(text: str, voice: str) -> Greeting:
        return next(each for each in greetings if each.text == text and each.voice.startswith(voice))

    hello, smith, hi = one("Hello?", "WOMAN en-US"), one("Smith residence, hello.", "MAN en-GB"), one("Hi there.", "WOMAN en-US")
    mailbox = one(next(each.text for each in greetings if "mailbox of Susan" in each.text), "MAN en-US")
    office = one(next(each.text for each in greetings if "Johnson" in each.text), "WOMAN en-US")
    beep = Greeting(True, hi.text, hi.voice, hi.samples, 500)
    return {
        "hello": (False, hello.on("clean", 1)),
        "hello-noise": (False, hello.on("noise", 2)),
        "smith": (False, smith.on("clean", 3)),
        "smith-noise": (False, smith.on("noise", 4)),
        "mailbox": (True, mailbox.on("clean", 5)),
        "mailbox-noise": (True, mailbox.on("noise", 6)),
        "office-soft": (True, office.on("soft", 7)),
        "beep": (True, beep.on("noise", 8)),
        "mute": (True, None),
    }


def play(leg: IncomingLeg, samples: Samples | None, folder: Path, name: str) -> None:
    """Say it, once."""
    if samples is not None:
        path = folder / f"{name}.pcm"
        path.write_bytes(samples.astype("<i2").tobytes())
        leg.play(Playlist((Track((Clip(str(path)),)),)))


async def answer(desk: Desk, user: str, samples: Samples | None, folder: Path) -> None:
    """Take a call, say it, stay until the other side hangs up."""
    async with desk.taken(user) as leg:
        await leg.answer()
        play(leg, samples, folder, user)
        await leg.ended()


def by_user(requests: list[Any]) -> dict[str, str | None]:
    """Whom each request was about, and ``Machine``."""
    return {each["To"].removeprefix("sip:").partition("@")[0]: each.parameters.get("Machine") for each in requests}


def test_the_answer_request_says_who_has_answered(
    client: plivo.RestClient, customer: Customer, greetings: list[Greeting], tmp_path: Path
) -> None:
    people = answerers(greetings)

    async def scene(desk: Desk) -> None:
        customer.forget()
        customer.says("/placed", document("<Hangup/>"))
        async with asyncio.TaskGroup() as group:
            for user, (_, samples) in people.items():
                group.create_task(answer(desk, user, samples, tmp_path))
            to = "<".join(desk.uri(user) for user in people)
            await asyncio.to_thread(
                client.calls.create,
                *("14155550100", to, customer.url("/placed")),
                hangup_url=customer.url("/over"),
                machine_detection="true",
            )
        answered = await asyncio.to_thread(customer.wait_for, "/placed", count=len(people))
        over = await asyncio.to_thread(customer.wait_for, "/over", count=len(people))
        assert by_user(answered) == {user: "true" if machine else "false" for user, (machine, _) in people.items()}
        assert by_user(over) == {user: "true" if machine else None for user, (machine, _) in people.items()}
        assert {each["Event"] for each in answered} == {"StartApp"}

    asyncio.run(in_calm(scene, limit_s=LIMIT_S))


def test_a_url_of_its_own_is_told_while_the_document_runs(
    client: plivo.RestClient, customer: Customer, greetings: list[Greeting], tmp_path: Path
) -> None:
    people = {user: found for user, found in answerers(greetings).items() if user in {"hello", "mailbox"}}

    async def scene(desk: Desk) -> None:
        customer.forget()
        customer.says("/placed", document("<Wait length='8' silence='true'/>"))
        async with asyncio.TaskGroup() as group:
            for user, (_, samples) in people.items():
                group.create_task(answer(desk, user, samples, tmp_path))
            for user in people:
                await asyncio.to_thread(
                    client.calls.create,
                    *("14155550100", desk.uri(user), customer.url("/placed")),
                    hangup_url=customer.url("/over"),
                    machine_detection="hangup",
                    machine_detection_url=customer.url("/found"),
                    machine_detection_method="GET",
                )
        found = await asyncio.to_thread(customer.wait_for, "/found", count=2)
        over = await asyncio.to_thread(customer.wait_for, "/over", count=2)
        assert by_user(customer.requests("/placed")) == {"hello": None, "mailbox": None}
        assert by_user(found) == {"hello": "false", "mailbox": "true"}
        assert {(each.method, each["Event"], each["IfMachine"]) for each in found} == {("GET", "MachineDetection", "hangup")}
        assert sorted(each["HangupCauseCode"] for each in over) == ["4010", "9100"]

    asyncio.run(in_calm(scene, limit_s=LIMIT_S))


def test_who_is_judged_hears_silence_and_a_machine_is_hung_up_on(
    client: plivo.RestClient, customer: Customer, greetings: list[Greeting], tmp_path: Path
) -> None:
    _, mailbox = answerers(greetings)["mailbox"]

    async def scene(desk: Desk) -> None:
        customer.forget()
        fired = await asyncio.to_thread(
            client.calls.create,
            *("14155550100", desk.uri("box"), customer.url("/placed")),
            hangup_url=customer.url("/over"),
            machine_detection="hangup",
        )
        async with desk.taken("box") as leg:
            await leg.answer()
            play(leg, mailbox, tmp_path, "box")
            heard = await hears(leg, 1.0)
            await leg.ended()
        assert float(heard.levels.max()) < 20
        [over] = await asyncio.to_thread(customer.wait_for, "/over")
        assert (over["Machine"], over["HangupCauseCode"], over["HangupSource"]) == ("true", "9100", "Plivo")
        assert customer.requests("/placed") == []
        record = await asyncio.to_thread(client.calls.get, fired.request_uuid)
        assert (record.hangup_cause_name, record.hangup_source) == ("Machine Detected", "Plivo")

    asyncio.run(in_calm(scene, limit_s=LIMIT_S))


def test_a_dial_connects_the_person_and_not_the_machine(
    node: NodeProcess, customer: Customer, greetings: list[Greeting], tmp_path: Path
) -> None:
    _, mailbox = answerers(greetings)["mailbox-noise"]
    _, hello = answerers(greetings)["hello-noise"]

    async def scene(desk: Desk) -> None:
        customer.forget()
        users = "".join(f"<User>{desk.uri(user)}</User>" for user in ("box", "ann"))
        customer.says(
            "/answer",
            document(f'<Dial machineDetection="hangup" callbackUrl="/told" action="/done" timeLimit="2">{users}</Dial>'),
        )
        customer.says("/done", document("<Hangup/>"))
        async with asyncio.TaskGroup() as group:
            group.create_task(answer(desk, "box", mailbox, tmp_path))
            group.create_task(answer(desk, "ann", hello, tmp_path))
            async with desk.dial(node.uri()) as caller:
                await caller.wait_answered()
                await caller.ended()
        [done] = await asyncio.to_thread(customer.wait_for, "/done")
        assert done["DialStatus"] == CallStatus.COMPLETED
        told = [
            (each["DialBLegTo"].partition("@")[0], each["DialAction"], each.parameters.get("Machine"))
            for each in customer.requests("/told")
        ]
        assert [each for each in told if each[0] == "sip:ann"] == [
            ("sip:ann", "answer", "false"),
            ("sip:ann", "connected", "false"),
            ("sip:ann", "hangup", "false"),
        ]
        codes = {
            each["DialBLegHangupCauseCode"] for each in customer.requests("/told") if each["DialBLegTo"].startswith("sip:box")
        }
        assert codes <= {"9100", "9000"}  # the machine, or whoever was not judged yet when the other was connected

    asyncio.run(in_calm(scene, limit_s=LIMIT_S))


def test_a_dial_connects_at_once_and_says_who_it_was(
    node: NodeProcess, customer: Customer, greetings: list[Greeting], tmp_path: Path
) -> None:
    _, mailbox = answerers(greetings)["mailbox-noise"]

    async def scene(desk: Desk) -> None:
        customer.forget()
        customer.says(
            "/answer", document(f'<Dial machineDetection="true" callbackUrl="/told"><User>{desk.uri("vox")}</User></Dial>')
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(answer(desk, "vox", mailbox, tmp_path))
            async with desk.dial(node.uri()) as caller:
                await starts_to_hear(caller)  # the greeting, from its first word on
                answered, connected = await asyncio.to_thread(customer.wait_for, "/told", count=2)
                assert (answered["DialAction"], answered.parameters.get("Machine")) == ("answer", None)
                assert (connected["DialAction"], connected["Machine"]) == ("connected", "true")

    asyncio.run(in_calm(scene, limit_s=LIMIT_S))


def post(node: NodeProcess, asked: Mapping[str, object]) -> tuple[int, dict[str, Any]]:
    """Place a call by hand."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{node.http_port}/v1/Account/{MAIN}/Call/",
        json.dumps(asked).encode(),
        {
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"{MAIN}:{TOKEN}".encode()).decode(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answered:
            return answered.status, json.load(answered)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("machine_detection_time", 2000, 10_000),
        ("machine_detection_maximum_speech_length", 1000, 6000),
        ("machine_detection_initial_silence", 2000, 10_000),
        ("machine_detection_maximum_words", 2, 10),
        ("machine_detection_initial_greeting", 1000, 5000),
    ],
)
def test_each_value_has_its_range(node: NodeProcess, name: str, low: int, high: int) -> None:
    asked = {"from": "14155550100", "to": "14155550111", "answer_url": "http://127.0.0.1:9/"}
    for value, status in ((low - 1, 400), (low, 201), (str(high), 201), (high + 1, 400), ("many", 400)):
        got, body = post(node, {**asked, "machine_detection": "true", name: value})
        assert got == status, (value, body)
        if status == 400:
            told = f"{name} should be between {low} and {high}" if value != "many" else f"{name} parameter is invalid"
            assert told in body["error"], body


def test_what_it_is_asked_for_by(node: NodeProcess) -> None:
    asked = {"from": "14155550100", "to": "14155550111", "answer_url": "http://127.0.0.1:9/"}
    for value, status in ((True, 201), ("True", 201), ("HANGUP", 201), (False, 201), ("", 201), ("maybe", 400)):
        assert post(node, {**asked, "machine_detection": value})[0] == status, value
    assert post(node, {**asked, "machine_detection": "true", "machine_detection_url": "ftp://x/"})[0] == 400
    status, body = post(node, {**asked, "machine_detection": "true", "call_type": "whatsapp_voice"})
    assert (status, body["error"]) == (400, "machine_detection is not there for WhatsApp calls")


def test_the_sound_of_these_tests_is_no_silence(greetings: list[Greeting]) -> None:
    for _, samples in answerers(greetings).values():
        assert samples is None or 100 < float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) < 5000
