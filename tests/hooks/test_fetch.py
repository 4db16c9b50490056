"""Fetching a document, and everything that can go wrong with it."""

from __future__ import annotations

import asyncio

import pytest

from offhook.errors import HookFailed, InvalidUrl
from offhook.events import Noted
from offhook.hooks import XML_LIMIT, Policy, Tokens


def _run(world, work, **settings):
    async def opened():
        async with world(**settings) as w:
            return await work(w)

    return asyncio.run(opened())


def _fails(world, work, **settings) -> tuple[HookFailed, list]:
    async def failing(w):
        with pytest.raises(HookFailed) as raised:
            await work(w)
        return raised.value, w.attempts

    return _run(world, failing, **settings)


def test_a_post_carries_the_parameters_as_a_sorted_form_and_keeps_the_query(world):
    async def work(w):
        w.customer.on("/answer", "<Response><Hangup/></Response>")
        reply = await w.fetch(w.customer.url("/answer?z=1&a=2#rc=1"), From="14155550100", CallUUID="u", CallStatus="ringing")
        return reply, w.customer.requests[0], w.attempts

    reply, seen, (attempt,) = _run(world, work)
    assert seen.body == b"CallStatus=ringing&CallUUID=u&From=14155550100"
    assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen.url.endswith("/answer?z=1&a=2") and reply.url == seen.url
    assert (seen.headers["User-Agent"], seen.headers["Accept"]) == ("Offhook", "*/*")
    assert not {"Cookie", "Authorization", "Accept-Encoding"} & set(seen.headers)
    assert (reply.status, reply.body) == (200, b"<Response><Hangup/></Response>")
    assert reply.content_type.startswith("application/xml")
    assert (attempt.purpose, attempt.method, attempt.status, attempt.attempt, attempt.error) == ("answer", "POST", 200, 1, "")
    assert attempt.size_bytes == len(reply.body)


def test_a_get_merges_the_parameters_into_the_query_all_sorted(world):
    async def work(w):
        await w.fetch(w.customer.url("/answer?b=2&Zed=&a=x%20y"), "GET", To="1 + 1", CallUUID="u")
        return w.customer.requests[0]

    seen = _run(world, work)
    assert seen.url.partition("?")[2] == "CallUUID=u&To=1+%2B+1&Zed=&a=x+y&b=2"
    assert seen.body == b"" and "Content-Type" not in seen.headers


def test_user_information_goes_as_a_basic_header_and_not_on_the_timeline(world):
    async def work(w):
        url = w.customer.url("/x").replace("http://", "http://alice:secret@")
        reply = await w.fetch(url)
        return reply, w.customer.requests[0], w.attempts[0]

    reply, seen, attempt = _run(world, work)
    assert seen.headers["Authorization"] == "Basic YWxpY2U6c2VjcmV0"
    assert "secret" not in attempt.url and "secret" in reply.url


@pytest.mark.parametrize(("status", "body"), [(200, ""), (204, "")])
def test_an_empty_body_is_a_failure_and_not_tried_again(world, status, body):
    async def work(w):
        w.customer.on("/", body, status)
        await w.fetch(w.customer.url("/#rc=3&rp=all"))

    failure, attempts = _fails(world, work)
    assert (failure.reason, failure.status, len(attempts)) == ("empty", status, 1)


def test_a_document_that_is_too_long_comes_back_cut_so_that_it_is_judged_as_xml(world):
    async def work(w):
        w.customer.on("/", "x" * (XML_LIMIT + 5000))
        w.customer.on("/fits", "x" * XML_LIMIT)
        return await w.fetch(w.customer.url("/")), await w.fetch(w.customer.url("/fits"))

    cut, fits = _run(world, work)
    assert len(cut.body) == XML_LIMIT + 1 and len(fits.body) == XML_LIMIT


@pytest.mark.parametrize(
    ("status", "fragment", "requests"),
    [
        *((500, "", 1), (404, "", 1), (500, "#rp=5xx", 2), (503, "#rp=5xx&rc=5", 6), (404, "#rp=5xx&rc=5", 1)),
        *((404, "#rp=4xx&rc=2", 3), (302, "#rp=5xx,4xx&rc=2", 1), (500, "#rp=all&rc=0", 1), (418, "#rp=all&rc=2", 3)),
    ],
)
def test_a_status_is_tried_again_as_the_url_says(world, status, fragment, requests):
    async def work(w):
        w.customer.on("/", "no", status)
        await w.fetch(w.customer.url("/" + fragment))

    failure, attempts = _fails(world, work)
    assert (failure.reason, failure.status, failure.attempts) == ("status", status, requests)
    assert [attempt.attempt for attempt in attempts] == list(range(1, requests + 1))


def test_each_attempt_has_a_nonce_of_its_own_and_the_same_parameters(world):
    async def work(w):
        w.customer.on("/", "no", 500)
        with pytest.raises(HookFailed):
            await w.fetch(w.customer.url("/#rp=5xx&rc=2"), CallUUID="u")
        return w.customer.requests

    requests = _run(world, work)
    assert len({seen.headers["X-Plivo-Signature-V3-Nonce"] for seen in requests}) == 3
    assert {seen.body for seen in requests} == {b"CallUUID=u"}


def test_a_second_attempt_that_succeeds_is_a_success(world):
    async def work(w):
        async def fails_once(seen):
            from aiohttp import web

            return web.Response(status=500) if len(w.customer.requests) == 1 else web.Response(text="<Response/>")

        w.customer.answers["/"] = fails_once
        return await w.fetch(w.customer.url("/#rp=5xx")), w.attempts

    reply, attempts = _run(world, work)
    assert reply.status == 200 and [attempt.status for attempt in attempts] == [500, 200]


def test_a_server_that_is_down_is_tried_twice(world, dead_port):
    async def work(w):
        await w.fetch(f"http://127.0.0.1:{dead_port}/")

    failure, attempts = _fails(world, work)
    assert (failure.reason, failure.status, len(attempts)) == ("connect", None, 2)
    assert attempts[0].error.startswith("connect: ")


def test_a_host_that_does_not_exist_is_a_failure_to_connect(world):
    async def work(w):
        await w.fetch("http://no-such-host.invalid/#rc=0&ct=10000")

    failure, attempts = _fails(world, work)
    assert failure.reason in {"connect", "connect-timeout"} and len(attempts) == 1


def test_a_slow_server_times_out_by_rt_and_is_tried_again(world):
    async def work(w):
        w.customer.on("/", delay_s=0.4)
        await w.fetch(w.customer.url("/#rt=150"))

    failure, attempts = _fails(world, work)
    assert failure.reason == "read-timeout" and len(attempts) == 2
    assert all(140 <= attempt.duration_ms < 390 for attempt in attempts)


def test_the_total_ends_the_attempts(world):
    async def work(w):
        w.customer.on("/", delay_s=1)
        await w.fetch(w.customer.url("/#rt=150&tt=400&rc=5"))

    failure, attempts = _fails(world, work)
    assert failure.reason in {"total-timeout", "read-timeout"}
    assert 1 < len(attempts) < 4 and sum(attempt.duration_ms for attempt in attempts) <= 450


def test_without_settings_an_attempt_ends_after_its_15_seconds_even_when_the_reply_trickles(world, raw_server, monkeypatch):
    monkeypatch.setattr("offhook.hooks.hooks.read_policy", lambda fragment, xml: (Policy(attempt_s=0.3), ()))

    async def trickle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await asyncio.sleep(0.05)

    async def work(w):
        async with raw_server(trickle) as port:
            await w.fetch(f"http://127.0.0.1:{port}/", "GET")

    failure, attempts = _fails(world, work)
    assert failure.reason == "read-timeout" and all(attempt.duration_ms < 500 for attempt in attempts)


@pytest.mark.parametrize("fragment", ["", "#rp=all&rc=5"])
def test_a_reply_that_breaks_off_is_never_tried_again(world, raw_server, fragment):
    served = []

    async def half(reader, writer):
        served.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Response>")
        await writer.drain()
        writer.close()

    async def work(w):
        async with raw_server(half) as port:
            await w.fetch(f"http://127.0.0.1:{port}/{fragment}", "GET")

    failure, attempts = _fails(world, work)
    assert (failure.reason, failure.status) == ("broken", 200)
    assert len(served) == len(attempts) == 1


def test_a_reply_that_stops_in_the_middle_is_a_read_timeout_and_not_tried_again(world, raw_server):
    served = []

    async def half(reader, writer):
        served.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<Response>")
        await asyncio.sleep(1)

    async def work(w):
        async with raw_server(half) as port:
            await w.fetch(f"http://127.0.0.1:{port}/#rt=150&rp=all&rc=3", "GET")

    failure, _ = _fails(world, work)
    assert failure.reason == "read-timeout" and len(served) == 1


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02\x03\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_not_http_is_broken(world, raw_server, reply):
    async def other(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    async def work(w):
        async with raw_server(other) as port:
            await w.fetch(f"http://127.0.0.1:{port}/", "GET")

    failure, _ = _fails(world, work)
    assert failure.reason == "broken"


def test_a_server_that_hangs_up_without_a_word_is_tried_again(world, raw_server):
    served = []

    async def silent(reader, writer):
        served.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async def work(w):
        async with raw_server(silent) as port:
            await w.fetch(f"http://127.0.0.1:{port}/")

    failure, attempts = _fails(world, work)
    assert failure.reason == "broken" and len(served) == len(attempts) == 2


def test_a_kept_connection_that_the_server_dropped_costs_no_attempt(world, raw_server):
    connections = []

    async def one_each(reader, writer):
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<Response/>")
        await reader.readuntil(b"\r\n\r\n")  # The second request arrives, and is never answered.
        writer.close()

    async def work(w):
        async with raw_server(one_each) as port:
            for _ in range(4):
                reply = await w.fetch(f"http://127.0.0.1:{port}/#rc=0", A="")
                assert reply.status == 200
        return w.attempts

    # The body is "A=": its first octet is read above, the other one lies before the second request.
    attempts = _run(world, work)
    assert [attempt.status for attempt in attempts] == [200] * 4
    assert len(connections) == 4


def test_connections_are_kept_between_fetches(world, raw_server):
    connections = []

    async def keep(reader, writer):
        connections.append(writer)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<Response/>")

    async def work(w):
        async with raw_server(keep) as port:
            for _ in range(5):
                await w.fetch(f"http://127.0.0.1:{port}/", "GET")

    _run(world, work)
    assert len(connections) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_follows_redirects_signs_anew_and_reports_where_it_arrived(world, names, status):
    from plivo.utils import validate_v3_signature

    async def work(w):
        w.customer.on("/old", "", status, Location="/new?from=old")
        reply = await w.fetch(w.customer.url("/old"), "GET", CallUUID="u")
        return reply, w.customer.requests, w.attempts

    reply, (first, second), attempts = _run(world, work)
    assert first.url.endswith("/old?CallUUID=u") and second.url.endswith("/new?from=old")
    assert reply.url == second.url
    assert [attempt.status for attempt in attempts] == [status, 200]
    for seen in (first, second):
        nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
        assert validate_v3_signature("GET", seen.url, nonce, names.token, seen.headers["X-Plivo-Signature-V3"], {})


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_follows_307_and_308_with_its_body(world, status):
    async def work(w):
        w.customer.on("/old", "", status, Location="/new")
        await w.fetch(w.customer.url("/old"), CallUUID="u")
        return w.customer.requests

    requests = _run(world, work)
    assert [(seen.method, seen.path, seen.body) for seen in requests] == [("POST", p, b"CallUUID=u") for p in ("/old", "/new")]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_does_not_become_a_get(world, status):
    async def work(w):
        w.customer.on("/old", "", status, Location="/new")
        await w.fetch(w.customer.url("/old"), CallUUID="u")

    failure, attempts = _fails(world, work)
    assert (failure.reason, failure.status, len(attempts)) == ("status", status, 1)


def test_a_redirect_loop_ends_after_five(world):
    async def work(w):
        w.customer.on("/loop", "", 302, Location="/loop")
        await w.fetch(w.customer.url("/loop"), "GET")

    failure, attempts = _fails(world, work)
    assert (failure.reason, len(attempts)) == ("redirects", 6)


@pytest.mark.parametrize("location", ["ftp://host/x", "file:///etc/passwd", "http://", "gopher:x"])
def test_a_redirect_to_what_is_no_web_address_fails(world, location):
    async def work(w):
        w.customer.on("/", "", 302, Location=location)
        await w.fetch(w.customer.url("/"), "GET")

    failure, _ = _fails(world, work)
    assert failure.reason == "redirects"


def test_a_redirect_without_a_place_is_just_a_status(world):
    async def work(w):
        w.customer.on("/", "", 302)
        await w.fetch(w.customer.url("/"), "GET")

    failure, _ = _fails(world, work)
    assert (failure.reason, failure.status) == ("status", 302)


def test_an_invalid_url_is_told_before_anything_is_sent(world):
    async def work(w):
        with pytest.raises(InvalidUrl):
            await w.fetch("answer.xml")
        return w.events

    assert _run(world, work) == []


def test_a_setting_in_the_fragment_that_is_wrong_is_noted_on_the_timeline(world):
    async def work(w):
        await w.fetch(w.customer.url("/#rc=99"))
        return [event.text for event in w.events if isinstance(event, Noted)]

    (note,) = _run(world, work)
    assert "rc='99'" in note and "0 to 5" in note


def test_text_that_is_not_utf_8_still_arrives_and_validates(world, names):
    from plivo.utils import validate_v3_signature

    async def work(w):
        await w.fetch(w.customer.url("/"), **{"X-PH-Name": "caf\udce9"})
        return w.customer.requests[0]

    seen = _run(world, work)
    assert seen.form == {"X-PH-Name": "caf?"}
    nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
    assert validate_v3_signature("POST", seen.url, nonce, names.token, seen.headers["X-Plivo-Signature-V3"], dict(seen.form))


def test_a_subaccount_signs_with_its_own_token_and_the_main_accounts(world):
    async def work(w):
        await w.fetch(w.customer.url("/"))
        return w.customer.requests[0].headers

    headers = _run(world, work, tokens=Tokens(("sub",), ("main",)))
    assert headers["X-Plivo-Signature-V3"] != headers["X-Plivo-Signature-Ma-V3"]
    assert headers["X-Plivo-Signature-V2"] != headers["X-Plivo-Signature-Ma-V2"]


def test_a_fetch_whose_call_ended_is_finished_and_then_gone(world):
    async def work(w):
        done = []

        async def slow(seen):
            from aiohttp import web

            await asyncio.sleep(0.2)
            done.append(seen)
            return web.Response(text="<Response/>")

        w.customer.answers["/"] = slow
        fetch = asyncio.create_task(w.fetch(w.customer.url("/")))
        await asyncio.sleep(0.05)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        assert w.hooks.under_way == 1
        await asyncio.sleep(0.3)
        assert w.hooks.under_way == 0
        return done, w.attempts

    done, attempts = _run(world, work)
    assert len(done) == 1 and attempts[0].status == 200


def test_a_fetch_whose_call_ended_is_neither_repeated_nor_waited_for_without_end(world):
    async def work(w):
        w.customer.on("/", delay_s=5)
        fetch = asyncio.create_task(w.fetch(w.customer.url("/#rt=300&rc=5")))
        await asyncio.sleep(0.05)
        fetch.cancel()
        await asyncio.gather(fetch, return_exceptions=True)
        await asyncio.sleep(0.2)
        return w.hooks.under_way, len(w.customer.requests)

    assert _run(world, work, abandoned_s=0.1) == (0, 1)


def test_two_hundred_fetches_at_once_all_succeed(world):
    async def work(w):
        w.customer.on("/", delay_s=0.05)
        replies = await asyncio.gather(*(w.fetch(w.customer.url("/"), CallUUID=str(number)) for number in range(200)))
        return {reply.status for reply in replies}, len({seen.body for seen in w.customer.requests})

    assert _run(world, work) == ({200}, 200)
