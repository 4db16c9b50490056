"""Audio files by HTTP."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from offhook.errors import HookFailed, InvalidUrl
from offhook.hooks import MEDIA_LIMIT


def _run(world, work, **settings):
    async def opened():
        async with world(**settings) as w:
            return await work(w)

    return asyncio.run(opened())


def test_an_audio_file_comes_with_what_caching_needs(world):
    async def work(w):
        headers = {"ETag": '"v1"', "Last-Modified": "Sun, 01 Mar 2026 12:00:00 GMT", "Cache-Control": "public, max-age=600"}
        w.customer.on("/a.wav", "RIFF…", **headers)
        return (
            await w.hooks.get_media(w.customer.url("/a.wav?x=1#rc=5"), observe=w.events.append),
            w.customer.requests[0],
            w.attempts,
        )

    reply, seen, (attempt,) = _run(world, work)
    assert (reply.status, reply.body, reply.etag, reply.max_age_s) == (200, "RIFF…".encode(), '"v1"', 600)
    assert reply.last_modified == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert seen.method == "GET" and seen.url.endswith("/a.wav?x=1")
    assert not [name for name in seen.headers if name.startswith("X-Plivo")]
    assert (attempt.purpose, attempt.status) == ("clip", 200)


def test_a_copy_that_is_still_good_is_not_sent_again(world):
    async def work(w):
        async def conditional(seen):
            known = seen.headers.get("If-None-Match") == '"v1"' and "If-Modified-Since" in seen.headers
            return web.Response(status=304, headers={"ETag": '"v1"'}) if known else web.Response(text="new")

        w.customer.answers["/a.wav"] = conditional
        date = "Sun, 01 Mar 2026 12:00:00 GMT"
        kept = await w.hooks.get_media(w.customer.url("/a.wav"), etag='"v1"', last_modified=date)
        changed = await w.hooks.get_media(w.customer.url("/a.wav"), etag='"v0"')
        return kept, changed

    kept, changed = _run(world, work)
    assert (kept.status, kept.body, kept.etag) == (304, b"", '"v1"')
    assert (changed.status, changed.body) == (200, b"new")


def test_304_to_an_unconditional_request_is_a_failure(world):
    async def work(w):
        w.customer.on("/a.wav", "", 304)
        with pytest.raises(HookFailed) as raised:
            await w.hooks.get_media(w.customer.url("/a.wav"))
        return raised.value.status

    assert _run(world, work) == 304


@pytest.mark.parametrize("status", [404, 500, 302])
def test_any_failure_is_tried_once_more(world, status):
    async def work(w):
        w.customer.on("/a.wav", "", status)
        with pytest.raises(HookFailed) as raised:
            await w.hooks.get_media(w.customer.url("/a.wav#rc=5"), observe=w.events.append)
        return raised.value.reason, raised.value.attempts, len(w.attempts)

    assert _run(world, work) == ("status", 2, 2)


def test_a_file_that_breaks_off_is_tried_once_more(world, raw_server):
    served = []

    async def half_then_whole(reader, writer):
        served.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\n" + (b"RI" if len(served) == 1 else b"RIFF")
        )
        await writer.drain()
        writer.close()

    async def work(w):
        async with raw_server(half_then_whole) as port:
            return (await w.hooks.get_media(f"http://127.0.0.1:{port}/a.wav")).body

    assert _run(world, work) == b"RIFF" and len(served) == 2


def test_a_file_that_is_too_long_is_refused_and_not_read_to_its_end(world, raw_server):
    sent = 0

    async def endless(reader, writer):
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
        while sent < 4 * MEDIA_LIMIT:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async def work(w):
        async with raw_server(endless) as port:
            with pytest.raises(HookFailed) as raised:
                await w.hooks.get_media(f"http://127.0.0.1:{port}/a.mp3", observe=w.events.append)
            return raised.value.reason, len(w.attempts)

    assert _run(world, work) == ("too-large", 1)
    assert sent < 2 * MEDIA_LIMIT


def test_redirects_are_followed_to_where_the_file_lies(world):
    async def work(w):
        w.customer.on("/old.wav", "", 301, Location="new.wav")
        w.customer.on("/new.wav", "RIFF")
        return await w.hooks.get_media(w.customer.url("/old.wav"))

    reply = _run(world, work)
    assert reply.body == b"RIFF" and reply.url.endswith("/new.wav")


@pytest.mark.parametrize(
    ("cache_control", "max_age_s"),
    [
        *(("max-age=0", 0), ("MAX-AGE=60, private", 60), ('max-age="7"', 7), ("no-store", 0), ("no-cache, max-age=60", 0)),
        *(("private", None), ("s-maxage=60", None), ("max-age=", None), ("", None)),
    ],
)
def test_the_time_that_a_file_may_be_kept(world, cache_control, max_age_s):
    async def work(w):
        w.customer.on("/a.wav", "RIFF", **{"Cache-Control": cache_control})
        return (await w.hooks.get_media(w.customer.url("/a.wav"))).max_age_s

    assert _run(world, work) == max_age_s


def test_what_is_no_web_address_is_an_invalid_url(world):
    async def work(w):
        with pytest.raises(InvalidUrl):
            await w.hooks.get_media("file:///etc/passwd")

    _run(world, work)


def test_a_compressed_bomb_is_not_unpacked_beyond_the_limit(world):
    import gzip

    async def work(w):
        async def bomb(seen):
            return web.Response(body=gzip.compress(b"\0" * (4 * MEDIA_LIMIT)), headers={"Content-Encoding": "gzip"})

        w.customer.answers["/a.wav"] = bomb
        with pytest.raises(HookFailed) as raised:
            await w.hooks.get_media(w.customer.url("/a.wav"))
        return raised.value.reason

    assert _run(world, work) == "too-large"
