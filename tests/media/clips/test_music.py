"""The music of a wait."""

from typing import Any

import numpy as np
import pytest

from offhook import pcm
from offhook.audio import RATE_HZ
from offhook.media.clips import Clips, music


def test_it_is_long_quiet_and_does_not_clip(library: Any) -> None:
    async def test(clips: Clips) -> None:
        heard = library.hear(await clips.hold_music())
        assert heard.seconds >= 20
        assert heard.seconds * 50 == int(heard.seconds * 50), "whole frames, so that the loop has no hole"
        assert heard.level_dbov == pytest.approx(pcm.MUSIC_DBOV, abs=0.5)
        assert np.abs(heard.samples).max() < 0.9

    library.run(test)


def test_it_is_the_same_each_time() -> None:
    assert np.array_equal(music.compose(RATE_HZ), music.compose(RATE_HZ))


def test_the_end_runs_into_the_beginning() -> None:
    track = music.compose(RATE_HZ)
    assert abs(track[0] - track[-1]) <= np.abs(np.diff(track)).max()


def test_there_is_no_hole_in_it() -> None:
    frames = music.compose(RATE_HZ).reshape(-1, RATE_HZ // 5)
    level = 10 * np.log10((frames**2).mean(axis=1))
    assert level.min() > level.max() - 20


def test_it_stays_within_the_telephone_band() -> None:
    spectrum = np.abs(np.fft.rfft(music.compose(RATE_HZ))) ** 2
    hz = np.fft.rfftfreq(music.compose(RATE_HZ).size, 1 / RATE_HZ)
    assert spectrum[(hz > 120) & (hz < 3400)].sum() > 0.97 * spectrum.sum()
