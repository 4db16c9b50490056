"""The loop over the document: fetch, parse, run element after element, follow where they lead (``xml.md`` section 1)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import zip_longest

from offhook import causes, xml
from offhook.calls.call import Call, CallOver, Next
from offhook.calls.ports import Reply
from offhook.calls.verbs import VERBS
from offhook.causes import Ending, UrlKind
from offhook.errors import HookFailed, InvalidUrl
from offhook.events import DocumentLoaded, DocumentRefused, ElementEnded, ElementStarted, Noted

RING_AFTER_S = 0.2
"""A web server that takes longer lets the caller hear ringing; a faster one saves the 180."""


async def run(call: Call, start: Next | None = None) -> Ending:
    """Run a call's documents from ``start`` on, else from the answer URL, until none is left.

    Returns how it ended; raises ``CallOver`` the same.
    """
    call.perform = lambda element: run_element(call, element)
    document = await (_first_document(call) if start is None else _fetch(call, start))
    while True:
        following = await _run_document(call, document)
        if following is None:
            await call.unfinished()
            return _end_of_document(call)
        document = await _fetch(call, following)


def _end_of_document(call: Call) -> Ending:
    """Right after a ``Dial`` that connected nobody, with the name of its cause (``hangup-causes.md`` section 6.4)."""
    dialled = call.unconnected
    if dialled is None:
        return causes.END_OF_DOCUMENT
    return replace(causes.END_OF_DOCUMENT, telephony=dialled.telephony, sip_status=dialled.sip_status, q850=dialled.q850)


async def _first_document(call: Call) -> xml.Document:
    """The answer URL's, else the fallback URL's (section 2.9)."""
    application = call.application
    parameters = {"Event": "StartApp", **await call.introduced()}
    try:
        return await _fetch(call, Next(application.answer_url, application.answer_method, UrlKind.ANSWER, parameters))
    except CallOver as over:
        if not application.fallback_url:
            raise
        call.warn(f"the answer URL failed ({over}); asking the fallback URL")
    following = Next(application.fallback_url, application.fallback_method, UrlKind.ANSWER, parameters)
    return await _fetch(call, following, purpose="fallback")


@contextlib.asynccontextmanager
async def _ringing_when_slow(call: Call) -> AsyncIterator[None]:
    """While the block runs; a leg that is past ringing does nothing then."""
    handle = asyncio.get_running_loop().call_later(RING_AFTER_S, call.leg.ring)
    try:
        yield
    finally:
        handle.cancel()


async def _fetch(call: Call, following: Next, *, purpose: str | None = None) -> xml.Document:
    """Fetch and parse; every failure ends the call with the code of its kind (hangup-causes section 3)."""
    kind = following.kind
    limit = call.tools.settings.max_fetches
    call.fetches += 1
    if call.fetches > limit:
        raise CallOver(causes.INTERNAL_ERROR.because(f"more than {limit} documents in one call: the application loops"))
    if following.method not in {"GET", "POST"}:
        raise CallOver(causes.invalid_method(kind, f"the method {following.method!r} is neither GET nor POST"))
    try:
        url = call.resolve(following.url)
        async with _ringing_when_slow(call):
            reply = await call.tools.hooks.fetch(
                auth_id=call.application.auth_id,
                purpose=purpose or kind.value,
                url=url,
                method=following.method,
                parameters=call.standard(**{"Event": "Redirect", **following.parameters}),
                observe=call.note,
            )
    except InvalidUrl as error:
        raise CallOver(causes.invalid_url(kind, str(error))) from None
    except HookFailed as error:
        raise CallOver(causes.unreachable(kind, str(error))) from None
    return _parse(call, reply, kind)


def _parse(call: Call, reply: Reply, kind: UrlKind) -> xml.Document:
    parsed = xml.parse(reply.body, content_type=reply.content_type, nearest_voice=call.tools.settings.nearest_voice)
    problems = tuple(str(problem) for problem in parsed.problems)
    if parsed.document is None:
        call.note(DocumentRefused(reply.url, problems))
        raise CallOver(causes.invalid_xml(kind, str(parsed.refusal)))
    call.note(DocumentLoaded(reply.url, tuple(type(element).__name__ for element in parsed.document.elements), problems))
    call.document_url = reply.url
    return parsed.document


async def _run_document(call: Call, document: xml.Document) -> Next | None:
    """Run the elements in order; the first that names a document ends this one (section 1.8)."""
    for element, after in zip_longest(document.elements, document.elements[1:]):
        call.following, call.unconnected = after, None
        following = await run_element(call, element)
        if following is not None:
            return following
    return None


async def run_element(call: Call, element: xml.Element) -> Next | None:
    """Run one element, with its beginning and its end on the timeline."""
    name = type(element).__name__
    clock = call.tools.clock
    verb = VERBS.get(type(element))
    call.note(ElementStarted(name, element.line, verb.about(element) if verb else ""))
    began = clock.now()
    why = "interrupted"
    try:
        if verb is None:
            raise CallOver(causes.INTERNAL_ERROR.because(f"<{name}> is not supported yet"))
        following = await verb.run(element, call)
        why = f"goes on with {following.url}" if following is not None else "done"
    except CallOver as over:
        why = f"ends the call: {over}"
        if over.ending.source is causes.Source.ERROR:
            call.note(Noted(f"<{name}> in line {element.line} ends the call: {over}", level="error"))
        raise
    finally:
        call.note(ElementEnded(name, element.line, why, round((clock.now() - began) * 1000)))
    return following
