"""Files, speech and keys by the API in calls that run (reference api.md 5.8 to 5.10): who hears what, until when."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.calls import PLAY, SPEAK, Audience, Manner, NoAudio, NoBLeg, Onward, Unspeakable, Which, audience, read_keys, silence
from offhook.testing import Answers, World, in_world
from offhook.testing.caller import Caller
from offhook.testing.world import Dialled

ALICE = "14155550111"
SONG, JINGLE = "https://media.example/song.mp3", "https://media.example/jingle.mp3"
PICKED_UP = "<Speak> </Speak>"
"""Answers, and says nothing."""
TALK = f'<Dial callbackUrl="cb"><Number>{ALICE}</Number></Dial><Wait length="5"/>'


def listening(world: World, call_uuid: str, which: Which = "aleg") -> Audience:
    """Who hears something."""
    found = audience(world.service.calls, world.service.b_legs, call_uuid, which)
    assert found is not None
    return found


def stop(world: World, call_uuid: str, kind: str) -> bool:
    """Stop something."""
    return silence(world.service.calls, world.service.b_legs, call_uuid, kind)


def say(who: Audience, text: str, **more: Any) -> None:
    """Speak as most programs do."""
    manner = Manner(loop=more.pop("loop", False), mix=more.pop("mix", True))
    who.speak(text, **{"voice": "WOMAN", "language": "en-US", "ssml": False, **more}, manner=manner)


def over(caller: Caller) -> list[tuple[str, float, int]]:
    """What somebody heard over the rest: what, from when on, how long."""
    return [(each.sound.removeprefix("file: https://media.example/"), each.at_s, each.for_ms) for each in caller.heard_over]


async def talking(world: World, document: str = TALK) -> tuple[Dialled, Caller, str]:
    """A call that talks with Alice: it, Alice, and the CallUUID of her leg."""
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(document)
    await world.sleep(5)
    [b_uuid] = world.service.b_legs
    return call, world.exchange.leg(ALICE), b_uuid


def files(world: World) -> None:
    """A song of ten seconds, a jingle of two."""
    world.studio.add_file(SONG, 10)
    world.studio.add_file(JINGLE, 2)


@pytest.mark.parametrize(
    ("element", "heard"),
    [
        ("<Speak>one two three four five six seven eight</Speak>", ["speech: one two three four five six seven eight"]),
        ('<Speak> </Speak><Wait length="8" silence="true"/>', []),
        ('<GetDigits timeout="8"><Speak>one</Speak></GetDigits>', ["speech: one"]),
        ('<GetDigits timeout="8" retries="1"/>', []),
    ],
)
@in_world()
async def test_the_element_that_runs_is_not_disturbed(world: World, element: str, heard: list[str]) -> None:
    plain = await world.dial_in(element)
    lasted = (await plain.over()).duration_s
    files(world)
    call = await world.dial_in(element)
    await world.sleep(1)
    listening(world, call.uuid).play([JINGLE, JINGLE], Manner())
    assert (await call.over()).duration_s == lasted
    assert call.heard == plain.heard
    assert [each for each in call.heard if each.startswith("speech")] == heard
    assert over(call.caller) == [("jingle.mp3", 1, 2000), ("jingle.mp3", 3, 2000)]


@in_world()
async def test_it_ends_with_the_call_and_keeps_none_alive(world: World) -> None:
    files(world)
    call = await world.dial_in(PICKED_UP + '<Wait length="6"/>')
    await world.sleep(1)
    listening(world, call.uuid).play([SONG], Manner(loop=True))
    say(listening(world, call.uuid), "hold the line please", loop=True)
    assert (await call.over()).duration_s == 6
    assert over(call.caller)[-1][0].startswith("speech") or over(call.caller)[-1] == ("song.mp3", 1, 5020)


@in_world()
async def test_a_new_one_takes_the_place_of_the_last_and_of_no_other(world: World) -> None:
    files(world)
    call = await world.dial_in(PICKED_UP + '<Wait length="30" silence="true"/>')
    await world.sleep(1)
    who = listening(world, call.uuid)
    who.play([SONG], Manner())
    say(who, "one two three four five six")
    await world.sleep(2)
    who.play([JINGLE], Manner(mix=False))
    await call.over()
    assert over(call.caller) == [
        ("song.mp3", 1, 2020),
        ("jingle.mp3", 3, 2000),
        ("speech: one two three four five six", 1, 6000),
    ]
    assert [each.alone for each in call.caller.heard_over] == [False, True, False]
    started = [str(each["what"]) for each in call.events("audio-started")]
    assert sorted(started[:2]) == [f"file: {SONG} (by the API)", "speech: one two three four five six (by the API)"]
    assert started[2:] == [f"file: {JINGLE} (by the API, alone)"]
    assert [each["why"] for each in call.events("audio-stopped")] == ["stopped", "finished", "finished"]


@in_world()
async def test_stopping_the_one_leaves_the_other(world: World) -> None:
    files(world)
    call = await world.dial_in(PICKED_UP + '<Wait length="20" silence="true"/>')
    await world.sleep(1)
    who = listening(world, call.uuid)
    who.play([SONG], Manner(loop=True))
    say(who, "one", loop=True)
    await world.sleep(3)
    assert stop(world, call.uuid, PLAY)
    await world.sleep(3)
    assert stop(world, call.uuid, SPEAK)
    assert stop(world, call.uuid, SPEAK)
    await call.over()
    sounds = over(call.caller)
    assert [each for each in sounds if each[0] == "song.mp3"] == [("song.mp3", 1, 3020)]
    assert sum(each[2] for each in sounds if each[0] == "speech: one") == 6020
    assert not stop(world, call.uuid, PLAY)


@in_world()
async def test_loop_length_and_a_list_of_which_one_is_missing(world: World) -> None:
    files(world)
    call = await world.dial_in(PICKED_UP + '<Wait length="40" silence="true"/>')
    await world.sleep(1)
    listening(world, call.uuid).play([JINGLE, "https://media.example/none.mp3", SONG], Manner(loop=True, length_s=17))
    await call.over()
    assert over(call.caller) == [
        ("jingle.mp3", 1, 2000),
        ("song.mp3", 3, 10_000),
        ("jingle.mp3", 13, 2000),
        ("song.mp3", 15, 3000),
    ]
    assert any("none.mp3" in str(note["text"]) for note in call.events("note"))


@in_world()
async def test_nothing_that_can_be_had_is_a_note_and_the_call_goes_on(world: World) -> None:
    world.studio.mute = True
    call = await world.dial_in(PICKED_UP + '<Wait length="5" silence="true"/>')
    await world.sleep(1)
    listening(world, call.uuid).play(["https://media.example/none.mp3"], Manner())
    say(listening(world, call.uuid), "hello")
    assert (await call.over()).hangup_cause_code == 4010
    assert over(call.caller) == []
    notes = " ".join(str(note["text"]) for note in call.events("note"))
    assert "not played" in notes
    assert "nothing is spoken" in notes


@in_world()
async def test_what_nobody_waits_for_any_more_is_not_made(world: World) -> None:
    world.studio.speaking_takes_s = 3
    call = await world.dial_in(PICKED_UP + '<Wait length="20" silence="true"/>')
    await world.sleep(4)
    before = len(call.running.tail)
    for number in range(5):
        say(listening(world, call.uuid), f"number {number}")
        await world.sleep(0.1)
    assert len(call.running.tail) - before == 2
    await call.over()
    assert [each[0] for each in over(call.caller)] == ["speech: number 4"]


@in_world()
async def test_what_is_still_being_fetched_is_stopped_too(world: World) -> None:
    files(world)
    world.studio.fetching_takes_s = 3
    call = await world.dial_in(PICKED_UP + '<Wait length="10" silence="true"/>')
    await world.sleep(1)
    listening(world, call.uuid).play([SONG], Manner())
    await world.sleep(1)
    stop(world, call.uuid, PLAY)
    await call.over()
    assert over(call.caller) == []


@pytest.mark.parametrize(("which", "alice", "caller"), [("aleg", False, True), ("bleg", True, False), ("both", True, True)])
@in_world()
async def test_in_a_talk_those_hear_it_who_are_meant(world: World, which: Which, alice: bool, caller: bool) -> None:
    files(world)
    call, callee, b_uuid = await talking(world)
    listening(world, call.uuid, which).play([SONG], Manner())
    await world.sleep(3)
    assert callee.talks_with is call.caller
    stop(world, call.uuid, PLAY)
    await world.sleep(1)
    assert bool(callee.heard_over) is alice
    assert bool(call.caller.heard_over) is caller
    heard = [*call.caller.heard_over, *callee.heard_over]
    assert {each.for_ms for each in heard} == {3020}
    assert world.studio.fetched == [SONG]
    on_b_leg = [row for row in world.ledger.timeline(b_uuid) if row.kind == "audio-started"]
    assert bool(on_b_leg) is alice
    assert bool(call.events("audio-started")) is caller


@in_world()
async def test_by_its_own_uuid_a_b_leg_is_the_aleg(world: World) -> None:
    files(world)
    call, callee, b_uuid = await talking(world)
    listening(world, b_uuid).play([SONG], Manner())
    listening(world, call.uuid).play([SONG], Manner())
    with pytest.raises(NoBLeg, match="name the A leg"):
        listening(world, b_uuid, "both")
    await world.sleep(2)
    assert stop(world, b_uuid, PLAY)
    await world.sleep(2)
    callee.hang_up()
    await world.sleep(1)
    stop(world, call.uuid, PLAY)
    await call.over()
    assert over(callee)[0][2] == 2020
    assert over(call.caller) == [("song.mp3", 5, 5020)]


@in_world()
async def test_who_leaves_the_bridge_leaves_the_sound_and_the_other_keeps_it(world: World) -> None:
    files(world)
    call, callee, b_uuid = await talking(world)
    listening(world, call.uuid, "both").play([SONG], Manner(loop=True))
    await world.sleep(2)
    callee.hang_up()
    await call.over()
    assert over(callee)[0][2] in {2000, 2020}
    assert sum(each[2] for each in over(call.caller)) in range(7000, 7100)
    [why] = [row.facts["why"] for row in world.ledger.timeline(b_uuid) if row.kind == "audio-stopped"]
    assert why in {"stopped", "gone"}


@in_world()
async def test_a_b_leg_that_is_sent_elsewhere_leaves_it_behind_and_may_get_more(world: World) -> None:
    files(world)
    world.serve({"there": '<Wait length="20"/>'})
    call, callee, b_uuid = await talking(world)
    listening(world, call.uuid, "both").play([SONG], Manner(loop=True))
    await world.sleep(2)
    assert world.service.send_onward(call.uuid, b_leg=Onward("https://app.example/there"))
    await world.sleep(1)
    assert [each[2] for each in over(callee)] == [2020]
    listening(world, b_uuid).play([JINGLE], Manner())
    with pytest.raises(NoBLeg):
        listening(world, b_uuid, "bleg")
    await call.over()
    await world.sleep(3)
    assert over(callee)[1][0::2] == ("jingle.mp3", 2000)
    assert sum(each[2] for each in over(call.caller)) in range(6900, 7200)


@in_world()
async def test_a_transfer_drops_it(world: World) -> None:
    files(world)
    call = await world.dial_in(
        {"answer": PICKED_UP + '<Wait length="30"/>', "elsewhere": '<Wait length="5"/><Speak>Here</Speak>'}
    )
    await world.sleep(1)
    who = listening(world, call.uuid)
    who.play([SONG], Manner(loop=True))
    say(who, "one", loop=True)
    who.press(read_keys("WWWWWW5"))
    await world.sleep(2)
    call.running.transfer("https://app.example/elsewhere", "POST")
    await call.over()
    assert {each[2] for each in over(call.caller) if each[0] == "song.mp3"} == {2020}
    assert max(each[1] + each[2] / 1000 for each in over(call.caller)) < 3.1
    assert call.heard[-1] == "speech: Here"
    assert call.caller.keys_received == ""


@in_world()
async def test_a_redirect_does_not_drop_it(world: World) -> None:
    files(world)
    call = await world.dial_in(
        {"answer": PICKED_UP + '<Wait length="3"/><Redirect>next</Redirect>', "next": '<Wait length="20"/>'}
    )
    await world.sleep(1)
    listening(world, call.uuid).play([SONG], Manner())
    await call.over()
    assert over(call.caller) == [("song.mp3", 1, 10_000)]


@in_world()
async def test_keys_go_to_those_who_are_meant_in_their_order_while_something_plays(world: World) -> None:
    call, callee, _ = await talking(world)
    listening(world, call.uuid).press(read_keys("1w2"))
    listening(world, call.uuid).press(read_keys("3"))
    listening(world, call.uuid, "bleg").press(read_keys("4#"))
    await world.sleep(3)
    assert (call.caller.keys_received, callee.keys_received) == ("123", "4#")
    assert [(each["digits"], each["via"]) for each in call.events("digits-sent")] == [("1w2", "API"), ("3", "API")]
    listening(world, call.uuid).press(read_keys("WWWW9"))
    call.hang_up(after_s=1)
    await call.over()
    assert call.caller.keys_received == "123"


@in_world()
async def test_a_call_that_nobody_has_answered_hears_nothing_but_early_media(world: World) -> None:
    files(world)
    call = await world.dial_in(
        {"answer": f'<PreAnswer><Wait length="5"/></PreAnswer><Dial><Number>{ALICE}</Number></Dial>', "/slow": ""}
    )
    with pytest.raises(NoAudio, match="not answered"):
        listening(world, call.uuid)
    await world.sleep(2)
    assert call.signals == ["183"]
    listening(world, call.uuid).play([JINGLE], Manner())
    with pytest.raises(NoBLeg):
        listening(world, call.uuid, "bleg")
    await call.over()
    assert over(call.caller) == [("jingle.mp3", 2, 2000)]
    assert audience(world.service.calls, world.service.b_legs, call.uuid, "aleg") is None


@in_world()
async def test_a_b_leg_that_rings_hears_nothing(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=20)
    call = await world.dial_in(f"<Dial><Number>{ALICE}</Number></Dial>")
    await world.sleep(3)
    [b_uuid] = world.service.b_legs
    for which, uuid in (("bleg", call.uuid), ("aleg", b_uuid)):
        with pytest.raises(NoBLeg, match="not connected"):
            listening(world, uuid, which)  # type: ignore[arg-type]
    call.hang_up()


# --- texts --------------------------------------------------------------------------------------------------------------------


@in_world()
async def test_texts_and_ssml_are_spoken_with_their_voice(world: World) -> None:
    call = await world.dial_in(PICKED_UP + '<Wait length="30" silence="true"/>')
    await world.sleep(1)
    who = listening(world, call.uuid)
    say(who, " Tom \n & <Jerry>\x07 ", voice="MAN", language="en-GB")
    await world.sleep(1)
    say(who, '<speak xml:lang="en">Good <emphasis>day</emphasis></speak>', voice="Polly.Joanna")
    await world.sleep(1)
    say(who, "<break time='1s'/> Bye", ssml=True)
    await world.sleep(1)
    say(who, "Now <blink>then</blink>", ssml=True)
    await world.sleep(1)
    assert world.studio.rendered == [
        ("", "WOMAN", "en-US"),
        ("Tom & <Jerry>", "MAN", "en-GB"),
        ("Good day", "Polly.Joanna", "en-US"),
        ("Bye", "WOMAN", "en-US"),
        ("Now then", "WOMAN", "en-US"),
    ]
    assert any("blink" in str(note["text"]) for note in call.events("note"))


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("   ", {}, "nothing in it"),
        ("\x00\x01", {}, "nothing in it"),
        ("<speak></speak>", {}, "nothing in it"),
        ("<p> </p>", {"ssml": True}, "nothing in it"),
        ("<b", {"ssml": True}, "no SSML"),
        ("a</Speak><Hangup/><Speak>b", {"ssml": True}, "no SSML"),
        ("<speak>&nothing;</speak>", {}, "no SSML"),
        ("Hi", {"voice": "Joanna"}, "WOMAN, MAN or Polly"),
        ("Hi", {"voice": "10"}, "WOMAN, MAN or Polly"),
    ],
)
@in_world()
async def test_what_cannot_be_spoken(world: World, text: str, more: dict[str, Any], why: str) -> None:
    call = await world.dial_in(PICKED_UP + '<Wait length="3" silence="true"/>')
    await world.sleep(1)
    with pytest.raises(Unspeakable, match=why):
        say(listening(world, call.uuid), text, **more)


@in_world(nearest_voice=False)
async def test_without_nearest_voices_a_polly_voice_must_be_one(world: World) -> None:
    call = await world.dial_in(PICKED_UP + '<Wait length="3" silence="true"/>')
    await world.sleep(1)
    for more in ({"voice": "Polly.Nobody"}, {"language": "xx-XX"}):
        with pytest.raises(Unspeakable, match="voice parameter is invalid"):
            say(listening(world, call.uuid), "Hi", **more)


@in_world()
async def test_with_nearest_voices_another_speaks(world: World) -> None:
    call = await world.dial_in(PICKED_UP + '<Wait length="3" silence="true"/>')
    await world.sleep(1)
    say(listening(world, call.uuid), "Hi", voice="Polly.Nobody")
    await call.over()
    assert over(call.caller) == [("speech: Hi", 1, 1000)]
