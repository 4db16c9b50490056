import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.audio import PlaybackEnd
from offhook.media import wire
from offhook.media.engine import playing, tones
from offhook.media.engine.arena import Arena
from offhook.media.engine.legs import Leg, Legs

ARENA = Arena()


def clip(folder: Path, count: int, start: int = 1) -> wire.ClipSound:
    """A file of ``count`` samples, each another."""
    path = folder / f"{count}-{start}.pcm"
    path.write_bytes(np.arange(start, start + count, dtype=np.int16).tobytes())
    return wire.ClipSound(str(path))


def play(*tracks: wire.Track, skip_ms: int = 0) -> tuple[Legs, Leg]:
    legs, leg = Legs(), Leg(1, None)  # type: ignore[arg-type]
    legs.admit(leg)
    leg.playing = playing.Playing.begin(wire.Play(1, 1, tracks, False, skip_ms), ARENA)
    playing.start(legs, leg.slot, leg.playing)
    return legs, leg


def hear(legs: Legs, ticks: int) -> tuple[list[int], int | None]:
    """The samples of so many ticks, and the tick in which the playlist ended."""
    heard: list[int] = []
    for tick in range(ticks):
        over = playing.gather(legs, ARENA)
        heard += legs.out[0].tolist()
        if over:
            assert over == [(0, PlaybackEnd.FINISHED)]
            return heard, tick
    return heard, None


def test_a_clip_is_played_sample_by_sample_and_ends_in_silence(tmp_path: Path) -> None:
    legs, leg = play(wire.Track((clip(tmp_path, 400),), 1))
    heard, ended = hear(legs, 10)
    assert heard == list(range(1, 401)) + [0] * 80
    assert ended == 2
    assert leg.playing is not None
    assert playing.played_ms(legs, 0, leg.playing) == 50


def test_a_clip_of_whole_frames_ends_with_its_last_frame(tmp_path: Path) -> None:
    assert hear(play(wire.Track((clip(tmp_path, 320),), 1))[0], 10) == (list(range(1, 321)), 1)


def test_tracks_and_repetitions_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    a, b = clip(tmp_path, 100), clip(tmp_path, 230, start=5000)
    legs, _ = play(wire.Track((a, b), 2), wire.Track((a,), 3))
    once = list(range(1, 101)) + list(range(5000, 5230))
    heard, _ = hear(legs, 99)
    assert heard[:960] == once * 2 + list(range(1, 101)) * 3


def test_an_endless_loop_of_a_tiny_clip_stays_exact(tmp_path: Path) -> None:
    legs, _ = play(wire.Track((clip(tmp_path, 7),), 0))
    heard, ended = hear(legs, 50)
    assert ended is None
    assert heard == (list(range(1, 8)) * 1200)[:8000]


def test_silence_between_sounds_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    legs, _ = play(wire.Track((wire.SilenceSound(30), clip(tmp_path, 160), wire.SilenceSound(5)), 1))
    heard, _ = hear(legs, 10)
    assert heard[:440] == [0] * 240 + list(range(1, 161)) + [0] * 40


def test_an_empty_playlist_is_over_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pcm").touch()
    legs, _ = play(wire.Track((wire.ClipSound(str(tmp_path / "empty.pcm")),), 0), wire.Track((), 0))
    assert hear(legs, 3) == ([0] * 160, 0)


def test_a_clip_that_is_not_there_fails_and_gives_back_the_others(tmp_path: Path) -> None:
    there = clip(tmp_path, 50)
    with pytest.raises(OSError, match="nowhere"):
        play(wire.Track((there, wire.ClipSound(str(tmp_path / "nowhere.pcm"))), 1))
    assert all(extent.users == 0 for extent in ARENA._extents.values() if there.path in str(extent.key))


def test_who_takes_over_goes_on_in_the_middle(tmp_path: Path) -> None:
    legs, leg = play(wire.Track((clip(tmp_path, 400), wire.SilenceSound(10)), 0), skip_ms=75)
    heard, _ = hear(legs, 2)
    assert heard == list(range(121, 401)) + [0] * 40  # 600 samples in: one round of 480, and 120
    assert leg.playing is not None
    assert playing.played_ms(legs, 0, leg.playing) == 75 + 40


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(st.integers(0, 500), max_size=3), st.integers(1, 4)), max_size=4))
def test_any_playlist_is_exact(tmp_path: Path, tracks: list[tuple[list[int], int]]) -> None:
    wanted = [sample for counts, times in tracks for _ in range(times) for count in counts for sample in range(1, count + 1)]
    legs, _ = play(*(wire.Track(tuple(clip(tmp_path, count) for count in counts), times) for counts, times in tracks))
    heard, ended = hear(legs, len(wanted) // 160 + 2)
    assert ended is not None
    assert heard[: len(wanted)] == wanted
    assert not any(heard[len(wanted) :])


def test_a_tone_has_the_level_and_the_frequency_asked_for() -> None:
    samples = tones.render((440.0, 480.0), 1000, -20.0).astype(float)
    assert 20 * np.log10(np.sqrt((samples**2).mean()) / 32768) == pytest.approx(-20.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(samples))
    assert sorted(np.argsort(spectrum)[-2:].tolist()) == [440, 480]


def test_a_tone_of_many_seconds_has_no_seam() -> None:
    legs, _ = play(wire.Track((wire.ToneSound((440.0,), 25_000, -13.0),), 1))
    heard, ended = hear(legs, 2000)
    assert ended == 1249
    assert np.abs(np.diff(np.array(heard[79_000:81_000]))).max() < np.abs(np.diff(np.array(heard[20_000:22_000]))).max() * 1.02


def test_a_clip_that_nobody_plays_is_found_again_and_a_new_file_in_its_place_is_not_confused_with_it(tmp_path: Path) -> None:
    arena = Arena()
    sound = clip(tmp_path, 100)
    first = arena.clip(sound.path)
    arena.release(first)
    os.utime(sound.path, (1, 1))  # that is how files are marked as used
    assert arena.clip(sound.path) is first
    fresh = tmp_path / "fresh.pcm"
    fresh.write_bytes(np.full(100, 9, np.int16).tobytes())
    fresh.replace(sound.path)
    second = arena.clip(sound.path)
    assert arena.samples[second.at : second.at + 100].tolist() == [9] * 100
    assert arena.samples[first.at : first.at + 100].tolist() == list(range(1, 101))


def test_addresses_are_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.media.engine.arena._RESERVED", 2**16)
    arena = Arena()
    for start in range(1, 100):
        extent = arena.clip(clip(tmp_path, 3000, start).path)
        assert arena.samples[extent.at] == start
        arena.release(extent)


def test_what_is_paused_is_silent_and_goes_on_at_the_very_sample(tmp_path: Path) -> None:
    legs, leg = play(wire.Track((clip(tmp_path, 1000),), 1))
    assert leg.playing is not None
    before, _ = hear(legs, 2)
    playing.pause(legs, 0, leg.playing)
    playing.pause(legs, 0, leg.playing)
    assert playing.played_ms(legs, 0, leg.playing) == 40
    assert hear(legs, 5) == ([0] * 800, None)
    playing.resume(legs, 0, leg.playing)
    after, _ = hear(legs, 10)
    assert before + after[: 1000 - 320] == list(range(1, 1001))


@pytest.mark.parametrize("position_ms", [0, 20, 35, 90, 120, 270])
def test_seeking_goes_to_any_place_of_the_playlist_repetitions_included(tmp_path: Path, position_ms: int) -> None:
    once = list(range(1, 1001))
    legs, leg = play(wire.Track((clip(tmp_path, 1000),), 3))
    assert leg.playing is not None
    hear(legs, 3)
    playing.seek(legs, 0, leg.playing, position_ms)
    heard, _ = hear(legs, 5)
    assert heard == (once * 3)[position_ms * 8 : position_ms * 8 + 800]
    assert playing.played_ms(legs, 0, leg.playing) == position_ms + 100


def test_seeking_behind_the_end_ends_it_and_while_it_is_paused_waits(tmp_path: Path) -> None:
    legs, leg = play(wire.Track((clip(tmp_path, 1000),), 1))
    assert leg.playing is not None
    playing.pause(legs, 0, leg.playing)
    playing.seek(legs, 0, leg.playing, 50)
    assert hear(legs, 2) == ([0] * 320, None)
    playing.resume(legs, 0, leg.playing)
    assert hear(legs, 1)[0] == list(range(401, 561))
    playing.seek(legs, 0, leg.playing, 10_000)
    assert hear(legs, 3) == ([0] * 160, 0)


def test_a_playlist_that_an_engine_takes_over_paused_stays_paused(tmp_path: Path) -> None:
    legs, leg = Legs(), Leg(1, None)  # type: ignore[arg-type]
    legs.admit(leg)
    tracks = (wire.Track((clip(tmp_path, 1000),), 1),)
    leg.playing = playing.Playing.begin(wire.Play(1, 1, tracks, False, 40, paused=True), ARENA)
    playing.start(legs, 0, leg.playing)
    assert hear(legs, 3) == ([0] * 480, None)
    playing.resume(legs, 0, leg.playing)
    assert hear(legs, 1)[0] == list(range(321, 481))
