"""Which files are fetched, which are kept, and for how long (RFC 9111, as far as it concerns prompts)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from offhook.audio import Clip
from offhook.errors import ClipUnavailable, InvalidUrl
from offhook.events import Noted
from offhook.media.clips import Clips
from offhook.media.clips.library import FRESH_S, MAX_FILE_BYTES, MAX_FRESH_S

URL = "https://example.com/a.wav"


def size(clip: Clip) -> int:
    return Path(clip.path).stat().st_size


def forget(folder: Path, pattern: str) -> None:
    for path in folder.rglob(pattern):
        path.unlink()


# -- how long it is kept ---------------------------------------------------------------------------------------------


def test_a_file_is_fetched_once_while_it_is_fresh(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), max_age_s=300)

    async def test(clips: Clips) -> None:
        first = await clips.get(URL)
        library.now += 299
        assert await clips.get(URL, library.notes.append) == first
        assert len(library.server.asked) == 1
        (note,) = library.notes
        assert isinstance(note, Noted)
        assert note.text == f"{URL}: the copy at hand is played; the server is asked again in 1 s"
        library.now += 2
        await clips.get(URL)
        assert len(library.server.asked) == 2

    library.run(test)


def test_what_is_fresh_outlives_the_node(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), max_age_s=300)

    async def test(clips: Clips) -> None:
        assert (await library.get(clips)).seconds == 1

    library.run(test)
    library.run(test)
    assert len(library.server.asked) == 1


@pytest.mark.parametrize(("max_age_s", "kept_s"), [(None, FRESH_S), (0, 0), (10, 10), (86_400, 86_400), (10**9, MAX_FRESH_S)])
def test_how_long_is_the_servers_word(library: Any, make_wav: Any, reply: Any, max_age_s: int | None, kept_s: int) -> None:
    library.server.reply = reply(make_wav(), max_age_s=max_age_s)

    async def test(clips: Clips) -> None:
        await clips.get(URL)
        if kept_s:
            library.now += kept_s - 1
            await clips.get(URL)
            assert len(library.server.asked) == 1
            library.now += 1
        await clips.get(URL)
        assert len(library.server.asked) == 2

    library.run(test)


def test_a_stale_file_is_asked_for_by_its_validators_and_played_again_when_it_is_unchanged(
    library: Any, make_wav: Any, reply: Any
) -> None:
    library.server.reply = reply(make_wav(), etag='"v1"', last_modified="Sat, 21 Nov 2026 00:00:00 GMT", max_age_s=0)

    async def test(clips: Clips) -> None:
        first = await clips.get(URL)
        for _ in range(3):
            assert await clips.get(URL) == first
        assert library.server.asked == [(URL, None, None)] + [(URL, '"v1"', "Sat, 21 Nov 2026 00:00:00 GMT")] * 3

    library.run(test)


def test_an_unchanged_file_is_fresh_for_as_long_as_the_304_says(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), etag='"v1"', max_age_s=0)

    async def test(clips: Clips) -> None:
        await clips.get(URL)
        library.server.reply.max_age_s = 100
        await clips.get(URL)
        library.now += 99
        await clips.get(URL)
        assert len(library.server.asked) == 2

    library.run(test)


def test_a_changed_file_is_another_clip_and_the_old_one_can_still_be_heard(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(seconds=1), etag='"v1"', max_age_s=0)

    async def test(clips: Clips) -> None:
        old = await clips.get(URL)
        library.server.reply = reply(make_wav(seconds=2), etag='"v2"', max_age_s=0)
        new = await clips.get(URL)
        assert (library.hear(old).seconds, library.hear(new).seconds) == (1, 2)
        await clips.get(URL)
        assert library.server.asked[-1] == (URL, '"v2"', None)

    library.run(test)


def test_what_must_not_be_stored_is_fetched_whole_each_time(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), etag='"v1"', max_age_s=0)

    async def test(clips: Clips) -> None:
        await clips.get(URL)
        library.server.reply.storable = False
        library.server.reply.etag = '"v2"'
        for _ in range(2):
            assert (await library.get(clips)).seconds == 1
        assert library.server.asked[-1] == (URL, None, None)

    library.run(test)


def test_a_304_that_nobody_asked_for_is_no_audio(library: Any, reply: Any) -> None:
    library.server.reply = reply(status=304)

    async def test(clips: Clips) -> None:
        with pytest.raises(ClipUnavailable):
            await clips.get(URL)

    library.run(test)


@pytest.mark.parametrize("pattern", ["*.pcm", "*.json"])
def test_a_lost_file_is_fetched_whole_again(library: Any, make_wav: Any, reply: Any, pattern: str) -> None:
    library.server.reply = reply(make_wav(), etag='"v1"', max_age_s=300)

    async def test(clips: Clips) -> None:
        await clips.get(URL)
        forget(library.folder, pattern)
        assert (await library.get(clips)).seconds == 1
        assert library.server.asked == [(URL, None, None)] * 2

    library.run(test)


def test_notes_that_cannot_be_read_count_as_none(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), max_age_s=300)

    async def test(clips: Clips) -> None:
        await clips.get(URL)
        for path in library.folder.rglob("*.json"):
            path.write_bytes(b'{"file": ')
        assert (await library.get(clips)).seconds == 1

    library.run(test)


def test_urls_of_the_same_sound_share_its_file(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav())

    async def test(clips: Clips) -> None:
        clips_got = [await clips.get(f"https://example.com/a.wav?signature={each}") for each in range(5)]
        assert len(set(clips_got)) == 1
        assert len(library.server.asked) == 5

    library.run(test)


# -- one for all -----------------------------------------------------------------------------------------------------


def test_calls_that_want_it_at_once_share_one_request(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), max_age_s=0, delay_s=0.05)

    async def test(clips: Clips) -> None:
        got = await asyncio.gather(*(clips.get(URL) for _ in range(50)))
        assert len(set(got)) == len(library.server.asked) == 1

    library.run(test)


def test_a_caller_who_hangs_up_takes_the_file_from_nobody_else(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), delay_s=0.1)

    async def test(clips: Clips) -> None:
        gone, there = (asyncio.ensure_future(clips.get(URL)) for _ in range(2))
        await asyncio.sleep(0.02)
        gone.cancel()
        assert size(await there) == 16_000
        assert gone.cancelled()

    library.run(test)


def test_a_failure_is_told_to_all_and_forgotten(library: Any, make_wav: Any, reply: Any) -> None:
    async def test(clips: Clips) -> None:
        library.server.broken(URL, "status", 404)
        for failed in await asyncio.gather(*(clips.get(URL) for _ in range(3)), return_exceptions=True):
            assert isinstance(failed, ClipUnavailable)
            assert str(failed) == f"{URL}: status (HTTP 404) after 2 attempt(s)"
        library.server.reply = reply(make_wav())
        assert (await library.get(clips)).seconds == 1

    library.run(test)


def test_a_server_that_fails_leaves_the_copy_for_when_it_is_back(library: Any, make_wav: Any, reply: Any) -> None:
    good = reply(make_wav(), etag='"v1"', max_age_s=0)

    async def test(clips: Clips) -> None:
        library.server.reply = good
        await clips.get(URL)
        library.server.broken(URL)
        with pytest.raises(ClipUnavailable, match="connect"):
            await clips.get(URL)
        library.server.reply = good
        await clips.get(URL)
        assert library.server.asked[-1][1] == '"v1"'

    library.run(test)


def test_what_is_no_url_says_so(library: Any) -> None:
    library.server.reply = InvalidUrl("not a url")

    async def test(clips: Clips) -> None:
        with pytest.raises(ClipUnavailable, match="is not an http:// or https:// URL"):
            await clips.get("not a url")

    library.run(test)


def test_more_than_ten_megabytes_are_refused(library: Any, reply: Any) -> None:
    library.server.reply = reply(bytes(MAX_FILE_BYTES + 1))

    async def test(clips: Clips) -> None:
        with pytest.raises(ClipUnavailable, match="larger than 10 MB"):
            await clips.get(URL)

    library.run(test)


def test_ten_megabytes_are_played_and_do_not_hold_up_the_switch(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(seconds=54, rate_hz=48_000, channels=2)[:MAX_FILE_BYTES])

    async def test(clips: Clips) -> None:
        await clips.hold_music()  # the worker runs
        longest_s, done = 0.0, asyncio.ensure_future(clips.get(URL))
        while not done.done():
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.perf_counter() - began)
        assert library.hear(done.result()).seconds == pytest.approx(54, abs=1)
        assert longest_s < 0.2

    library.run(test)


# -- the worker ------------------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_while_it_decodes_is_replaced(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav())

    async def test(clips: Clips) -> None:
        await clips.hold_music()
        pid = clips._worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        got = asyncio.ensure_future(clips.get(URL))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert size(await got) == 16_000

    library.run(test)


def test_old_sounds_go_when_the_folder_is_full(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(seconds=2))

    async def test(clips: Clips) -> None:
        old = await clips.get("https://example.com/old.wav")
        os.utime(old.path, (time.time() - 7200,) * 2)
        library.server.reply = reply(make_wav(seconds=1))
        new = await clips.get("https://example.com/new.wav")
        assert [clip.path for clip in (old, new) if os.access(clip.path, os.R_OK)] == [new.path]
        library.server.reply = reply(make_wav(seconds=2), etag='"x"')
        assert (await library.get(clips, "https://example.com/old.wav")).seconds == 2

    library.run(test, limit_bytes=20_000)


def test_closing_fails_what_is_under_way_and_leaves_no_process(library: Any, make_wav: Any, reply: Any) -> None:
    library.server.reply = reply(make_wav(), delay_s=30)

    async def test(clips: Clips) -> None:
        await clips.hold_music()
        pid = clips._worker.pid
        waiting = asyncio.ensure_future(clips.get(URL))
        await asyncio.sleep(0.05)
        await clips.aclose()
        with pytest.raises(ClipUnavailable, match="the library is closed"):
            await waiting
        with pytest.raises(ClipUnavailable, match="the library is closed"):
            await clips.get(URL)
        assert not os.access(f"/proc/{pid}", os.F_OK)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    library.run(test)


def test_starting_composes_the_music_in_the_background(library: Any) -> None:
    async def test(clips: Clips) -> None:
        await clips.start()
        for _ in range(200):
            if list(library.folder.glob("hold-music*.pcm")):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("no music")

    library.run(test)


# -- local files -----------------------------------------------------------------------------------------------------


def test_a_local_file_is_played(library: Any, files: Path, tmp_path: Path) -> None:
    async def test(clips: Clips) -> None:
        assert library.hear(await clips.from_file(files / "tone.mp3")).seconds == pytest.approx(1, abs=0.12)
        with pytest.raises(ClipUnavailable, match="No such file"):
            await clips.from_file(tmp_path / "nothing.wav")
        with pytest.raises(ClipUnavailable, match="Is a directory"):
            await clips.from_file(tmp_path)

    library.run(test)


def test_the_switch_loads_neither_numpy_nor_a_decoder_nor_a_voice() -> None:
    program = """
import asyncio, sys, tempfile, time
from pathlib import Path
from offhook.media import Clips, nothing_fetched
from offhook.speech import Speech
from offhook.events import unobserved

async def main():
    folder = Path(tempfile.mkdtemp())
    clips, speech = Clips(folder / "clips", nothing_fetched, wall=time.time), Speech(cache=folder / "speech")
    await clips.hold_music()
    await speech.render(["Hello"], voice="WOMAN", language="en-US", observe=unobserved)
    await speech.render(["Hallo"], voice="WOMAN", language="de-DE", observe=unobserved)
    await clips.aclose()
    await speech.aclose()
    print(sorted({"numpy", "soxr", "miniaudio", "hibari", "onnxruntime", "espeakng_loader", "offhook.pcm"} & set(sys.modules)))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
