"""Plivo's Python SDK, unmodified, in what nothing else drives: second names of methods, and the methods of its objects."""

from __future__ import annotations

import asyncio
from pathlib import Path

import plivo
import pytest
from plivo import exceptions
from plivo.resources.accounts import Account
from plivo.resources.calls import Call

from offhook.testing.live import Customer, Desk, document, say, tone_wav

from . import python_sdk, table
from .conftest import MAIN, heard_until_stopped, kept, played, recorded

STAY = document("<Wait length='60' silence='true'/>")


def test_a_call_is_moved_read_and_ended_by_the_objects_of_the_sdk(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()
    customer.says("/first", STAY)
    customer.says("/second", document("<DTMF>7</DTMF><Wait length='60' silence='true'/>"))

    async def scene(desk: Desk) -> None:
        for asked, user, end in ((1, "ann", Call.hangup), (2, "bob", Call.delete)):
            fired = await asyncio.to_thread(
                client.calls.create, "14155550100", desk.uri(user), customer.url("/first"), hangup_url=customer.url("/hangup")
            )
            async with desk.taken(user) as leg:
                await leg.answer()
                await asyncio.to_thread(customer.wait_for, "/first", count=asked)
                with leg.listen() as keys:
                    call = Call(client, {"call_uuid": fired.request_uuid})
                    moved = await asyncio.to_thread(call.update, legs="aleg", aleg_url=customer.url("/second"))
                    assert moved.message == "call transfered"
                    assert (await keys.get()).key == "7"
                await asyncio.to_thread(end, call)
                await leg.ended()
            await recorded(client, fired.request_uuid)
            record = await asyncio.to_thread(call.get)
            assert (record.call_uuid, record.hangup_source) == (fired.request_uuid, "API Request")
            with pytest.raises(exceptions.ResourceNotFoundError):
                await asyncio.to_thread(call.hangup)  # it is over

    played(scene)


def test_calls_have_two_names_for_the_same(client: plivo.RestClient, customer: Customer) -> None:
    customer.forget()
    customer.says("/first", STAY)
    customer.says("/second", document("<DTMF>8</DTMF><Wait length='60' silence='true'/>"))

    async def scene(desk: Desk) -> None:
        several = "<".join(desk.uri(user) for user in ("ann", "bob", "cid", "dot"))
        fired = await asyncio.to_thread(
            client.calls.create, "14155550100", several, customer.url("/first"), hangup_url=customer.url("/hangup")
        )
        first, *_, last = fired.request_uuid
        waits = await asyncio.to_thread(client.calls.queued_call_get, last)
        assert (waits.call_uuid, waits.request_uuid, waits.call_status) == (last, last, "queued")
        for each in fired.request_uuid[1:]:
            await asyncio.to_thread(client.calls.delete, each)
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            with leg.listen() as keys:
                await asyncio.to_thread(client.calls.update, first, legs="aleg", aleg_url=customer.url("/second"))
                assert (await keys.get()).key == "8"
            await asyncio.to_thread(client.calls.delete, first)
            await leg.ended()
        for each in fired.request_uuid:
            record = await recorded(client, each)
            assert (record.hangup_source, record.call_direction) == ("API Request", "outbound")
        walked = [each.call_uuid for each in await asyncio.to_thread(list, client.calls)]
        assert set(fired.request_uuid) <= set(walked)
        assert len(set(walked)) == len(walked)

    played(scene)


def test_what_a_call_hears_has_two_names_each(client: plivo.RestClient, customer: Customer, tone: str) -> None:
    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(client.calls.create, "14155550100", desk.uri("ann"), customer.url("/first"))
        uuid, calls = fired.request_uuid, client.calls
        call = Call(client, {"call_uuid": uuid})
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            await heard_until_stopped(leg, lambda: calls.play(uuid, tone, loop=True), lambda: calls.play_stop(uuid))
            await heard_until_stopped(leg, lambda: calls.start_playing(uuid, [tone], loop=True), lambda: calls.stop_playing(uuid))
            await heard_until_stopped(leg, lambda: calls.speak(uuid, "Hello", loop=True), lambda: calls.speak_stop(uuid))
            await heard_until_stopped(leg, lambda: calls.start_speaking(uuid, "Hi", loop=True), lambda: calls.stop_speaking(uuid))
            await heard_until_stopped(leg, lambda: call.play(tone, loop=True), call.stop_playing)
            await heard_until_stopped(leg, lambda: call.start_playing(tone, loop=True), call.stop_playing)
            await heard_until_stopped(leg, lambda: calls.speak(uuid, "Hello", loop=True), call.stop_speaking)
            with leg.listen() as keys:
                assert (await asyncio.to_thread(calls.send_digits, uuid, "5", leg="aleg")).message == "digits sent"
                assert (await keys.get()).key == "5"
            await asyncio.to_thread(calls.hangup, uuid)
            await leg.ended()

    played(scene)


def test_a_recording_has_two_names_for_everything(
    client: plivo.RestClient, customer: Customer, tone: str, tmp_path: Path
) -> None:
    calls, recordings = client.calls, client.recordings

    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(calls.create, "14155550100", desk.uri("ann"), customer.url("/first"))
        uuid = fired.request_uuid
        call = Call(client, {"call_uuid": uuid})
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            say(leg, tone_wav((700, 1.0)), tmp_path)
            begun = [
                await asyncio.to_thread(calls.record, uuid, file_format="wav"),
                await asyncio.to_thread(calls.start_recording, uuid, time_limit=30),
                await asyncio.to_thread(call.record, file_format="wav"),
                await asyncio.to_thread(call.start_recording, file_format="mp3"),
            ]
            await asyncio.sleep(1)
            await asyncio.to_thread(calls.stop_recording, uuid, customer.url("/hangup"), "POST")
            ids = [each.recording_id for each in begun]
            found = [await kept(recordings.get, each, exceptions.ResourceNotFoundError) for each in ids]
            assert [each.recording_format for each in found] == ["wav", "mp3", "wav", "mp3"]
            assert {each.call_uuid for each in found} == {uuid}
            await asyncio.to_thread(calls.hangup, uuid)
            await leg.ended()
        listed = await asyncio.to_thread(recordings.list, call_uuid=uuid)
        assert {each.recording_id for each in listed} == set(ids)
        for each in listed:
            await asyncio.to_thread(recordings.delete, each.recording_id)
        with pytest.raises(exceptions.ResourceNotFoundError):
            await asyncio.to_thread(recordings.delete, ids[0])

    played(scene)


def test_the_account_object_reads_itself_and_changes_itself_wrongly(client: plivo.RestClient) -> None:
    account = client.account.get()
    assert isinstance(account, Account)
    assert account.get().auth_id == MAIN
    account.update(name="Objects")
    assert account.get().name == "name"  # what the SDK has sent


def test_prices_read_themselves(client: plivo.RestClient) -> None:
    assert client.pricing.get("DE").get().country_code == 49


def test_what_is_removed_by_its_own_method_is_gone(client: plivo.RestClient) -> None:
    made = client.subaccounts.create("short", True)
    client.subaccounts.get(made.auth_id).delete()
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.subaccounts.get(made.auth_id)


def test_the_time_of_a_reply_does_not_hang_on_the_telephone(client: plivo.RestClient, customer: Customer) -> None:
    """Who is called never answers a SIP message: all is said and done by the API while the call still waits for that."""
    customer.forget()

    async def scene(desk: Desk) -> None:
        fired = await asyncio.to_thread(
            client.calls.create, "14155550100", desk.uri("ann"), customer.url("/first"), hangup_url=customer.url("/hangup")
        )
        await desk.arrival("ann")  # and nothing is done with it
        live = await asyncio.to_thread(client.live_calls.get, fired.request_uuid)
        assert live.call_status == "ringing"
        await asyncio.to_thread(client.calls.cancel, fired.request_uuid)
        assert (await recorded(client, fired.request_uuid)).hangup_cause_code == 1000

    played(scene)


@pytest.mark.parametrize("key", [key for key, row in table.PYTHON.items() if row.state == "in the sdk"])
def test_what_fails_in_the_sdk_itself_sends_nothing(key: str) -> None:
    with pytest.raises(python_sdk.Nothing):
        python_sdk.request_of(key)


@pytest.mark.parametrize("key", [key for key, row in table.PYTHON.items() if row.state != "in the sdk"])
def test_everything_else_sends_something(key: str) -> None:
    assert python_sdk.request_of(key).path.startswith("/v1/")


def test_what_objects_inherit_and_nobody_wrote_anew_fails_in_the_sdk() -> None:
    client, _ = python_sdk._recording_client()
    data = {**python_sdk._IDS, "id": python_sdk.UUID}
    for kind, method in python_sdk.inherited():
        with pytest.raises((AttributeError, TypeError, ValueError, exceptions.InvalidRequestError)):
            getattr(kind(client, dict(data)), method)(**({"params": {}} if method == "create" else {}))
