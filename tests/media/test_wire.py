import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.media import framing, wire, writing

COMMANDS: list[wire.Command] = [
    wire.OpenLeg(1),
    wire.ConnectLeg(1, "192.0.2.1", 4000, 0, "PCMU", None, True, False),
    wire.Play(1, 2, (wire.Track((wire.ClipSound("/x"), wire.ToneSound((440.0,), 20, -13.0), wire.SilenceSound(5)), 0),), True),
    wire.AskFigures(9),
]


@given(st.lists(st.sampled_from(COMMANDS)), st.integers(1, 50))
def test_messages_come_out_as_they_went_in_whatever_pieces_they_arrive_in(commands: list[wire.Command], size: int) -> None:
    stream = b"".join(framing.pack(command) for command in commands)
    unpacker, got = wire.commands(), []
    for at in range(0, len(stream), size):
        got += list(unpacker.feed(stream[at : at + size]))
    assert got == commands


def test_the_events_of_a_tick_travel_as_one_message() -> None:
    events: list[wire.Event] = [wire.KeyPressed(1, "5", 20), wire.PlaybackOver(1, 2, "key", 400)]
    assert list(wire.events().feed(framing.pack(events))) == [events]


def test_a_length_beyond_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="octets"):
        list(wire.commands().feed(b"\xff\xff\xff\xff"))


def test_every_command_and_event_has_its_own_tag() -> None:
    for union in (wire.Command, wire.Event, writing.Writing, writing.Written):
        tags = [kind.__struct_config__.tag for kind in union.__args__]
        assert len(set(tags)) == len(tags)
        assert all(issubclass(kind, msgspec.Struct) for kind in union.__args__)
