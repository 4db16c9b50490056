"""A call while it runs: its documents, until they end, the far end leaves, or somebody orders the end."""

from __future__ import annotations

import asyncio
from typing import Any

from offhook.calls import interpreter
from offhook.calls.call import Call, CallOver, Next
from offhook.causes import Ending
from offhook.errors import LegGone


async def until_over(call: Call, start: Next | None = None) -> Ending:
    """Run the document; a transfer stops it and begins with another. Whatever comes first ends all, and is waited for.

    Args:
        start: the document to begin with; ``None``: the answer URL's.
    """
    leaving = asyncio.ensure_future(call.leg.ended())
    ordered = asyncio.ensure_future(call.ordered_to_end())
    following = start
    try:
        while call.over is None:
            following = await _until_transferred(call, leaving, ordered, following)
    finally:
        leaving.cancel()
        ordered.cancel()
        await asyncio.gather(leaving, ordered, return_exceptions=True)
    return await call.how_it_ended()


async def _until_transferred(
    call: Call, leaving: asyncio.Future[Ending], ordered: asyncio.Future[Ending], start: Next | None
) -> Next | None:
    """Run documents from ``start`` on, else from the answer URL. Returns where a transfer leads; else ``call.over`` is known."""
    document = asyncio.ensure_future(_document(call, start))
    transferred = asyncio.ensure_future(call.transferred())
    ways: list[asyncio.Future[Any]] = [leaving, ordered, transferred, document]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        # Of several at once the far end's leaving counts, as the people on the line saw it; and a transfer before the end of the
        # document that it drops (reference ``xml.md`` section 1.1).
        first = next(way for way in ways if way.done())
        if first is transferred:
            return transferred.result()
        found: Ending | None = first.result()
        # ``None``: the document met a leg that is gone; how it left is on its way.
        call.is_over(found if found is not None else await call.how_it_ended())
        return None
    finally:
        document.cancel()
        transferred.cancel()
        await asyncio.gather(document, transferred, return_exceptions=True)
        call.being_transferred = False


async def _document(call: Call, start: Next | None) -> Ending | None:
    try:
        return await interpreter.run(call, start)
    except CallOver as over:
        return over.ending
    except LegGone:
        return None
