"""The kit itself: what it plays, hears and catches."""

import asyncio
from typing import Any

import pytest

from offhook.audio import BEEP, PlaybackEnd, Playlist, Silence, Track
from offhook.calls import Clips, Directory, Hooks, Leg, Records, Speech
from offhook.calls.verbs import VERBS, Verb
from offhook.errors import LegGone
from offhook.testing import Caller, Customer, Leak, Ledger, Party, Studio, World, document, in_world, run
from offhook.xml import Speak


def test_every_part_fits_the_port_it_stands_for() -> None:
    async def main() -> None:
        studio = Studio()
        leg: Leg = Caller(Party(), studio)
        hooks: Hooks = Customer()
        speech: Speech = studio
        clips: Clips = studio
        records: Records = Ledger()
        directory: Directory = Ledger()
        assert all((leg, hooks, speech, clips, records, directory))

    run(main())


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", "<Response></Response>"),
        ("<Speak/>", "<Response><Speak/></Response>"),
        ("<Response/>", "<Response/>"),
        (" <?xml version='1.0'?><Response/>", " <?xml version='1.0'?><Response/>"),
    ],
)
def test_elements_become_a_document(text: str, whole: str) -> None:
    assert document(text) == whole


async def on_the_line(studio: Studio) -> Caller:
    caller = Caller(Party(), studio)
    await caller.answer()
    return caller


def test_a_playlist_takes_as_long_as_its_sounds() -> None:
    async def main() -> None:
        caller = await on_the_line(Studio())
        ended = await caller.play(Playlist((Track((BEEP, Silence(700)), times=3),))).wait()
        assert (ended.why, ended.played_ms) == (PlaybackEnd.FINISHED, 3000)
        assert [heard.sound for heard in caller.heard] == ["beep", "silence"] * 3

    run(main())


def test_a_key_stops_what_is_asked_to_stop_and_nothing_else() -> None:
    async def main() -> None:
        caller = await on_the_line(Studio())
        caller.press("1", after_s=0.5)
        assert (await caller.play(Playlist((Track((Silence(2000),)),)), stop_on_key=True).wait()).why is PlaybackEnd.KEY
        caller.press("1", after_s=0.5)
        assert (await caller.play(Playlist((Track((Silence(2000),)),))).wait()).why is PlaybackEnd.FINISHED

    run(main())


def test_a_new_playback_takes_the_place_of_the_old_one() -> None:
    async def main() -> None:
        caller = await on_the_line(Studio())
        first = caller.play(Playlist((Track((Silence(2000),), times=0),)))
        await asyncio.sleep(0.5)
        caller.play(Playlist((Track((BEEP,)),)))
        assert (await first.wait()).why is PlaybackEnd.STOPPED
        await asyncio.sleep(1)
        assert [heard.sound for heard in caller.heard] == ["silence", "beep"]

    run(main())


def test_a_leg_that_is_gone_does_nothing_more() -> None:
    async def main() -> None:
        caller = await on_the_line(Studio())
        caller.hang_up()
        with pytest.raises(LegGone):
            caller.play(Playlist(()))
        with pytest.raises(LegGone):
            await caller.answer()
        with pytest.raises(LegGone):
            caller.listen().__enter__()

    run(main())


def test_before_answer_and_early_media_there_is_no_audio() -> None:
    async def main() -> None:
        caller = Caller(Party(), Studio())
        with pytest.raises(LegGone):
            caller.play(Playlist(()))
        await caller.open_early_media()
        caller.play(Playlist(()))

    run(main())


def test_a_call_that_is_not_over_is_hung_up_at_the_end_of_the_world() -> None:
    async def main() -> World:
        async with World() as world:
            await world.dial_in("<Speak loop='0'>On</Speak>")
        return world

    assert run(main()).dialled[0].record.hangup_source == "Caller"


def leaking(leak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(element: Speak, call: Any) -> None:
        await call.answer()
        await leak(call)

    monkeypatch.setitem(VERBS, Speak, Verb(broken, VERBS[Speak].about))

    async def main() -> None:
        async with World() as world:
            await world.dial_in("<Speak>Hi</Speak>")
            await world.sleep(1)

    run(main())


def test_a_task_that_outlives_its_call_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leak(call: Any) -> None:
        call.lost = asyncio.create_task(asyncio.sleep(9999), name="forgotten")

    with pytest.raises(Leak, match="forgotten"):
        leaking(leak, monkeypatch)


def test_a_listener_that_outlives_its_call_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leak(call: Any) -> None:
        call.lost = call.listen()
        call.lost.__enter__()

    with pytest.raises(Leak, match="listens"):
        leaking(leak, monkeypatch)


@pytest.mark.parametrize("number", [1, 2])
@in_world(seed=7)
async def test_a_scenario_can_be_parametrised_and_is_the_same_each_time(world: World, number: int) -> None:
    record = await (await world.dial_in("")).over()
    assert number in {1, 2}
    assert record.call_uuid == "38b4e652-e44d-47f2-b70d-9e260e271365"
    assert record.initiation_time.isoformat() == "2025-01-02T03:04:05+00:00"
