"""Recordings of real calls, by the vendor's SDK: what is in the files, who is told, and how files are had."""

from __future__ import annotations

import asyncio
import io
import re
import time
import urllib.parse
import wave
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import miniaudio
import numpy as np
import numpy.typing as npt
import plivo
import pytest
from plivo import exceptions

from offhook.ids import Ids
from offhook.records import Recording
from offhook.store import Store
from offhook.testing.live import Customer, Desk, NodeProcess, Reply, a_desk, document, say, starts_to_hear, tone_wav

from .conftest import MAIN, TOKEN, Raw, plivo_here

LIMIT_S = 150
CALLER_HZ, PROMPT_HZ, CALLEE_HZ = 700.0, 1100.0, 1700.0
NUMBER = "14155550188"
PROMPT = "<Play loop='0'>{}</Play>"
Scene = Callable[[Desk], Awaitable[None]]
Samples = npt.NDArray[np.float64]


def played(scene: Scene) -> None:
    """Run a scene with telephones."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S), a_desk() as desk:
            await scene(desk)

    asyncio.run(limited())


def channels_of(file: bytes, file_format: str) -> list[Samples]:
    """The samples of each channel."""
    if file_format == "wav":
        with wave.open(io.BytesIO(file)) as sound:
            assert (sound.getframerate(), sound.getsampwidth()) == (8000, 2)
            count, pcm = sound.getnchannels(), sound.readframes(sound.getnframes())
    else:
        decoded = miniaudio.decode(file, nchannels=miniaudio.mp3_get_info(file).nchannels, sample_rate=8000)
        count, pcm = decoded.nchannels, decoded.samples.tobytes()
    both = np.frombuffer(pcm, "<i2").reshape(-1, count).astype(np.float64)
    return [both[:, at] for at in range(count)]


def tones(samples: Samples) -> set[float]:
    """Which of the tones of this test are loud in it, anywhere."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 8000)
    shares = {each: power[abs(hertz - each) < 25].sum() / power.sum() for each in (CALLER_HZ, PROMPT_HZ, CALLEE_HZ)}
    return {each for each, share in shares.items() if share > 0.1}


def fetched(url: str) -> bytes:
    """A file, without credentials."""
    parts = urllib.parse.urlsplit(url)
    answer = Raw(parts.port or 80, "", "").ask("GET", parts.path, Authorization="")
    assert answer.status == 200, (url, answer.text)
    return answer.text


@pytest.fixture
def call_it(customer: Customer, node: NodeProcess) -> Iterator[Callable[..., str]]:
    """Let a number play the prompt, or do something else first; returns whom to call."""
    customer.forget()
    # A name of its own: the node remembers the files of other tests.
    customer.says("/recorded-prompt.wav", Reply(tone_wav((PROMPT_HZ, 1.0)), content_type="audio/wav"))
    customer.says("/recorded", Reply(b"", content_type="text/plain"))

    def route(*elements: str) -> str:
        prompt = PROMPT.format(customer.url("/recorded-prompt.wav"))
        customer.says("/answer", document(*elements, prompt))
        customer.says("/elsewhere", document(f"<GetDigits action='/x' timeout='60'>{prompt}</GetDigits>"))
        return node.route(NUMBER, customer.url("/answer"), hangup_url=customer.url("/hangup"))

    yield route
    customer.forget()


def live_uuid(client: plivo.RestClient, *but: str) -> str:
    """The call that runs, apart from others."""
    [found] = {str(each) for each in client.live_calls.list_ids().calls} - set(but)
    return found


async def one_live(client: plivo.RestClient, *but: str) -> str:
    return await asyncio.to_thread(live_uuid, client, *but)


def check_told(seen: Any, customer_reply: Any, kept: Any) -> None:
    """The callback says what the answer and the resource say."""
    assert set(seen.parameters) == {
        *("api_id", "record_url", "call_uuid", "recording_id", "Event"),
        *("recording_duration", "recording_duration_ms", "recording_start_ms", "recording_end_ms"),
    }
    assert (seen["api_id"], seen["record_url"]) == (customer_reply.api_id, customer_reply.url)
    assert (seen["call_uuid"], seen["recording_id"]) == (kept.call_uuid, kept.recording_id)
    assert f"{seen['recording_duration_ms']}.00000" == kept.recording_duration_ms
    assert f"{seen['recording_start_ms']}.00000" == kept.recording_start_ms
    assert f"{seen['recording_end_ms']}.00000" == kept.recording_end_ms


def test_both_parties_are_recorded_by_several_at_once_while_the_call_is_transferred(
    client: plivo.RestClient, customer: Customer, call_it: Callable[..., str], tmp_path: Path, raw: Raw
) -> None:
    target = call_it()
    begun: dict[str, Any] = {}

    def begin(call_uuid: str, name: str, **more: Any) -> None:
        begun[name] = client.calls.record(call_uuid, callback_url=customer.url("/recorded"), **more)
        assert begun[name].message == "call recording started"

    async def scene(desk: Desk) -> None:
        async with desk.dial(target) as leg:
            await leg.wait_answered()
            say(leg, tone_wav((CALLER_HZ, 1.0)), tmp_path)
            await starts_to_hear(leg)
            call_uuid = await one_live(client)
            await asyncio.to_thread(begin, call_uuid, "all", file_format="wav", time_limit=3600)
            await asyncio.to_thread(begin, call_uuid, "short", file_format="wav", time_limit=1)
            await asyncio.to_thread(begin, call_uuid, "mono", time_limit=3600, record_channel_type="mono")
            with pytest.raises(exceptions.ResourceNotFoundError):
                client.recordings.get(begun["all"].recording_id)
            await asyncio.to_thread(client.calls.transfer, call_uuid, legs="aleg", aleg_url=customer.url("/elsewhere"))
            await asyncio.to_thread(customer.wait_for, "/recorded", timeout_s=120)  # the one with the limit
            gone = await asyncio.to_thread(raw.ask, "DELETE", f"Call/{call_uuid}/Record/", {"URL": begun["mono"].url})
            assert gone.status == 204
            await asyncio.to_thread(customer.wait_for, "/recorded", count=2, timeout_s=120)
            unknown = await asyncio.to_thread(raw.ask, "DELETE", f"Call/{call_uuid}/Record/", {"URL": "https://x/y.mp3"})
            assert (unknown.status, unknown.body["error"]) == (404, "recording not found")
            await asyncio.sleep(1)
        await asyncio.to_thread(customer.wait_for, "/hangup", timeout_s=120)

    played(scene)
    told = {each["recording_id"]: each for each in customer.requests("/recorded")}
    assert [each.path for each in customer.seen if each.path in {"/recorded", "/hangup"}] == ["/recorded"] * 3 + ["/hangup"]
    for name, file_format, heard in (
        ("all", "wav", [{CALLER_HZ}, {PROMPT_HZ}]),
        ("short", "wav", [{CALLER_HZ}, {PROMPT_HZ}]),
        ("mono", "mp3", [{CALLER_HZ, PROMPT_HZ}]),
    ):
        kept = client.recordings.get(begun[name].recording_id)
        check_told(told[kept.recording_id], begun[name], kept)
        assert begun[name].url == kept.recording_url
        assert begun[name].url.endswith(f"/v1/Account/{MAIN}/Recording/{kept.recording_id}.{file_format}")
        found = channels_of(fetched(kept.recording_url), file_format)
        assert [tones(each) for each in found] == heard, name
        told_ms = float(kept.recording_duration_ms)
        assert abs(len(found[0]) / 8 - told_ms) < (1 if file_format == "wav" else 400)
        assert kept.rounded_recording_duration == -(-told_ms // 60_000) * 60
    assert told[begun["short"].recording_id]["recording_duration_ms"] == "1000"
    assert int(told[begun["all"].recording_id]["recording_duration_ms"]) > 2000


def test_a_talk_is_recorded_from_either_side(
    client: plivo.RestClient, customer: Customer, call_it: Callable[..., str], tmp_path: Path
) -> None:
    begun: list[Any] = []

    async def scene(desk: Desk) -> None:
        target = await asyncio.to_thread(call_it, f"<Dial><User>{desk.uri('bob')}</User></Dial>")
        async with desk.dial(target) as caller, desk.taken("bob") as bob:
            waiting = await asyncio.to_thread(client.live_calls.list_ids)
            for each in waiting.calls:  # neither has been answered
                with pytest.raises(exceptions.ValidationError, match="not answered"):
                    await asyncio.to_thread(client.calls.record, str(each))
            await bob.answer()
            await caller.wait_answered()
            say(caller, tone_wav((CALLER_HZ, 1.0)), tmp_path)
            say(bob, tone_wav((CALLEE_HZ, 1.0)), tmp_path)
            await starts_to_hear(bob)
            await starts_to_hear(caller)
            both = [str(each) for each in (await asyncio.to_thread(client.live_calls.list_ids)).calls]
            begun.extend(
                [await asyncio.to_thread(client.calls.start_recording, each, file_format="wav", time_limit=3600) for each in both]
            )
            await asyncio.sleep(1.2)
            await asyncio.to_thread(client.calls.record_stop, both[0])
            await asyncio.sleep(0.5)
        await asyncio.to_thread(customer.wait_for, "/hangup", timeout_s=120)

    played(scene)
    kept = [_complete(client, each.recording_id) for each in begun]
    heard = [[tones(each) for each in channels_of(fetched(one.recording_url), "wav")] for one in kept]
    assert heard == [[{CALLER_HZ}, {CALLEE_HZ}], [{CALLEE_HZ}, {CALLER_HZ}]]
    assert float(kept[0].recording_duration_ms) < float(kept[1].recording_duration_ms)
    assert kept[0].from_number == kept[1].from_number == "14155550100"


def _complete(client: plivo.RestClient, recording_id: str) -> Any:
    """A recording, as soon as it is complete."""
    until = time.monotonic() + 120
    while True:
        try:
            return client.recordings.get(recording_id)
        except exceptions.ResourceNotFoundError:
            assert time.monotonic() < until
            time.sleep(0.1)


def recorded(client: plivo.RestClient, target: str, folder: Path, **more: Any) -> Any:
    """Make a call and a short recording of it."""
    begun: list[Any] = []

    async def scene(desk: Desk) -> None:
        async with desk.dial(target) as leg:
            await leg.wait_answered()
            say(leg, tone_wav((CALLER_HZ, 1.0)), folder)
            await starts_to_hear(leg)
            begun.append(await asyncio.to_thread(client.calls.record, await one_live(client), time_limit=1, **more))
            await asyncio.to_thread(_complete, client, begun[0].recording_id)

    played(scene)
    return client.recordings.get(begun[0].recording_id)


def test_recordings_are_listed_found_and_removed(
    client: plivo.RestClient, call_it: Callable[..., str], tmp_path: Path, raw: Raw, node: NodeProcess
) -> None:
    kept = recorded(client, call_it(), tmp_path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", kept.add_time)
    shown = raw.ask("GET", f"Recording/{kept.recording_id}/").body
    assert {name: type(value).__name__ for name, value in shown.items()} == {
        **dict.fromkeys(
            ("api_id", "recording_id", "call_uuid", "conference_name", "from_number", "to_number", "add_time"), "str"
        ),
        **dict.fromkeys(("recording_format", "recording_type", "recording_url", "resource_uri"), "str"),
        **dict.fromkeys(("recording_duration_ms", "recording_start_ms", "recording_end_ms"), "str"),
        **dict.fromkeys(("rounded_recording_duration", "recording_storage_duration"), "int"),
        **dict.fromkeys(("recording_storage_rate", "monthly_recording_storage_amount"), "float"),
    }
    assert (shown["recording_duration_ms"], shown["rounded_recording_duration"]) == ("1000.00000", 60)
    assert (shown["to_number"], shown["recording_type"], shown["recording_storage_duration"]) == (NUMBER, "call", 0)
    minute = kept.add_time[:16]
    for wanted, found in (
        ({}, True),
        ({"call_uuid": kept.call_uuid}, True),
        ({"call_uuid": MAIN}, False),
        ({"from_number": "1415"}, True),
        ({"to_number": "44"}, False),
        ({"conference_name": "x"}, False),
        ({"mpc_uuid": "x"}, False),
        ({"add_time__gte": minute}, True),
        ({"add_time__lt": minute}, False),
        ({"recording_storage_duration": 0}, True),
        ({"recording_storage_duration__gt": 0}, False),
        ({"recording_storage_duration__lte": 3}, True),
    ):
        listed = [each.recording_id for each in client.recordings.list(**wanted)]
        assert (kept.recording_id in listed) == found, wanted
    assert raw.ask("GET", f"Recording/?add_time={minute.replace(' ', '%20')}").body["meta"]["total_count"] >= 1
    assert raw.ask("GET", "Recording/?add_time=soon").status == 400
    both = raw.ask("GET", f"Recording/?add_time__gt={minute[:10]}&recording_storage_duration=1")
    assert (both.status, both.body["objects"]) == (400, [])

    [file] = node.data.glob(f"recordings/*/{kept.recording_id}.mp3")
    kept.delete()
    assert not file.exists()
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.recordings.get(kept.recording_id)
    assert raw.ask("GET", urllib.parse.urlsplit(kept.recording_url).path).status == 404


def test_a_long_list_is_walked_while_recordings_come(
    client: plivo.RestClient, subaccount: Callable[[], plivo.RestClient], node: NodeProcess
) -> None:
    tenant = subaccount()
    began = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    some = [_kept(tenant.session.auth[0], began + timedelta(minutes=at // 2)) for at in range(45)]
    asyncio.run(node._with_store(lambda store: _add(store, some[:44])))
    expected = [
        each.recording_id for each in sorted(some[:44], key=lambda each: (each.added_at, each.recording_id), reverse=True)
    ]
    assert [each.recording_id for each in tenant.recordings] == expected
    first = Raw(node.http_port, *tenant.session.auth).ask("GET", "Recording/?limit=20").body
    asyncio.run(node._with_store(lambda store: _add(store, some[44:])))
    second = Raw(node.http_port, *tenant.session.auth).ask("GET", first["meta"]["next"]).body
    assert [each["recording_id"] for each in second["objects"]] == expected[20:40]
    assert (second["meta"]["total_count"], second["meta"]["offset"]) == (45, 20)
    assert [each.recording_id for each in client.recordings.list(subaccount=tenant.session.auth[0], limit=1)] == [
        some[44].recording_id
    ]


def _kept(auth_id: str, at: datetime) -> Recording:
    """A recording without a file."""
    ids = Ids()
    return Recording(
        recording_id=ids.call_uuid(),
        auth_id=auth_id,
        call_uuid=ids.call_uuid(),
        from_number="14155550100",
        to_number=NUMBER,
        file_format="mp3",
        channels=2,
        folder=auth_id,
        started_at=at,
        added_at=at,
        complete=True,
    )


async def _add(store: Store, recordings: list[Recording]) -> None:
    for each in recordings:
        await store.recordings.add(each)


def test_a_file_is_given_whole_or_in_pieces(
    client: plivo.RestClient, call_it: Callable[..., str], tmp_path: Path, raw: Raw, node: NodeProcess
) -> None:
    kept = recorded(client, call_it(), tmp_path, file_format="wav")
    path = urllib.parse.urlsplit(kept.recording_url).path
    anybody = Raw(node.http_port, "", "")

    def ask(method: str = "GET", where: str = path, **headers: str) -> Any:
        return anybody.ask(method, where, Authorization="", **headers)

    whole = ask()
    assert (whole.status, whole.headers["content-type"], whole.headers["accept-ranges"]) == (200, "audio/wav", "bytes")
    assert len(whole.text) == int(whole.headers["content-length"]) == 44 + 8000 * 2 * 2
    head = ask("HEAD")
    assert (head.status, head.text, head.headers["content-length"]) == (200, b"", whole.headers["content-length"])
    part = ask(Range="bytes=100-199")
    assert (part.status, part.text) == (206, whole.text[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.text)}"
    assert ask(Range="bytes=-10").text == whole.text[-10:]
    assert ask(Range=f"bytes={len(whole.text)}-").status == 416
    assert ask(If_None_Match=whole.headers["etag"]).status == 304
    for other in (
        path.replace(".wav", ".mp3"),
        path.replace(MAIN, "MA" + "Y" * 18),
        path.replace(kept.recording_id, "..%2f..%2fx"),
    ):
        assert ask(where=other).status in {401, 404}, other
    assert ask("DELETE").status == 401
    kept.delete()
    assert ask().status == 404


def test_what_is_asked_of_a_recording_is_checked(client: plivo.RestClient, raw: Raw, call_it: Callable[..., str]) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    for method in ("POST", "DELETE"):
        answer = raw.ask(method, f"Call/{nobody}/Record/", {})
        assert (answer.status, answer.body["error"]) == (404, "call not found")
    for wrong in ({"time_limit": 0}, {"file_format": "ogg"}, {"record_channel_type": "quad"}, {"callback_url": "ftp://x"}):
        assert raw.ask("POST", f"Call/{nobody}/Record/", wrong).status == 400, wrong
    assert raw.ask("DELETE", f"Recording/{nobody}/").status == 404


def test_of_recordings_that_ran_when_the_node_was_killed_nothing_is_lost(
    customer: Customer, call_it: Callable[..., str], tmp_path: Path
) -> None:
    call_it()
    settings = {"auth_id": MAIN, "auth_token": TOKEN, "protect_recordings": "true"}
    node = NodeProcess(tmp_path / "data", **settings)
    target = node.route(NUMBER, customer.url("/answer"), hangup_url=customer.url("/hangup"))
    plivo_here.use(f"http://127.0.0.1:{node.http_port}")
    client = plivo.RestClient(MAIN, TOKEN, timeout=30)
    begun: dict[str, Any] = {}

    async def scene(desk: Desk) -> None:
        async with desk.dial(target) as leg:
            await leg.wait_answered()
            say(leg, tone_wav((CALLER_HZ, 1.0)), tmp_path)
            await starts_to_hear(leg)
            call_uuid = await one_live(client)
            for kind in ("wav", "mp3"):
                more = {"file_format": kind, "callback_url": customer.url("/recorded"), "time_limit": 3600}
                begun[kind] = await asyncio.to_thread(client.calls.record, call_uuid, **more)
            await asyncio.to_thread(_grown, node, {each.recording_id for each in begun.values()})
            node.process.kill()

    played(scene)
    node.process.wait(30)
    assert customer.requests("/recorded") == []
    again = NodeProcess(tmp_path / "data", **settings)
    try:
        told = {each["recording_id"]: each for each in customer.wait_for("/recorded", count=2, timeout_s=120)}
        customer.wait_for("/hangup", timeout_s=120)
        plivo_here.use(f"http://127.0.0.1:{again.http_port}")
        raw = Raw(again.http_port)
        for kind, started in begun.items():
            kept = client.recordings.get(started.recording_id)
            assert told[kept.recording_id]["recording_duration_ms"] == kept.recording_duration_ms.removesuffix(".00000")
            assert told[kept.recording_id]["api_id"] == started.api_id
            assert told[kept.recording_id]["record_url"] == kept.recording_url
            where = urllib.parse.urlsplit(kept.recording_url).path
            refused = raw.ask("GET", where, Authorization="")
            assert (refused.status, "www-authenticate" in refused.headers) == (401, True)
            found = channels_of(raw.ask("GET", where).text, kind)
            assert [tones(each) for each in found] == [{CALLER_HZ}, {PROMPT_HZ}]
            assert abs(len(found[0]) / 8 - float(kept.recording_duration_ms)) < 1
            assert float(kept.recording_duration_ms) > 700
        kept_ids = {each.recording_id for each in client.recordings.list()}
        assert kept_ids == {each.recording_id for each in begun.values()}
        assert "2 recording(s) ran when the last node died" in again.log.read_text()
    finally:
        assert again.stop() == 0
    assert asyncio.run(_left(again)) == ([], [])
    paths = [each.path for each in customer.seen if each.path in {"/recorded", "/hangup"}]
    assert paths == ["/recorded", "/recorded", "/hangup"]


async def _left(node: NodeProcess) -> tuple[list[Any], list[Any]]:
    """What a stopped node still would have to complete, and to tell."""

    async def look(store: Store) -> tuple[list[Any], list[Any]]:
        return await store.recordings.running(), await store.outbox.pending(10)

    return await node._with_store(look)


def _grown(node: NodeProcess, recording_ids: set[str]) -> None:
    """Wait until there is more than a second of sound in each file."""
    until = time.monotonic() + 120
    while True:
        sizes = {path.stem: path.stat().st_size for path in node.data.glob("recordings/*/*.*")}
        if set(sizes) == recording_ids and min(sizes.values()) > 9000:
            return
        assert time.monotonic() < until, sizes
        time.sleep(0.05)


def test_none_is_begun_on_a_disk_that_is_nearly_full(customer: Customer, call_it: Callable[..., str], tmp_path: Path) -> None:
    call_it()
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN, disk_reserve_mb="1000000")
    try:
        target, raw = node.route(NUMBER, customer.url("/answer")), Raw(node.http_port)

        async def scene(desk: Desk) -> None:
            async with desk.dial(target) as leg:
                await leg.wait_answered()
                [call_uuid] = (await asyncio.to_thread(raw.ask, "GET", "Call/?status=live")).body["calls"]
                answer = await asyncio.to_thread(raw.ask, "POST", f"Call/{call_uuid}/Record/", {})
                assert answer.status == 503
                assert "no room for recordings" in answer.body["error"]
                assert not leg.gone

        played(scene)
    finally:
        assert node.stop() == 0
