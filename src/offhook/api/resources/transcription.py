"""Recordings as text (reference ``api.md`` section 10): a node has no engine for that, so that there are none."""

from __future__ import annotations

from typing import Literal

import msgspec

from offhook.api.context import Context, Done
from offhook.api.errors import ApiError
from offhook.api.reading import Ask, Url
from offhook.api.routes import Route


class Transcription(msgspec.Struct):
    """What was said in a recording; times in milliseconds."""

    cost: str
    rate: str
    recording_duration_ms: int
    recording_start_ms: int
    status: str
    transcription: str


class MakeTranscription(Ask):
    """Who is told when it is ready."""

    transcription_callback_url: Url | None = None


class GetTranscription(Ask):
    """In which form it is wanted."""

    type: Literal["transcription", "raw", "diarized"] = "transcription"


async def make(_context: Context, _ask: MakeTranscription) -> Done:
    """Not found: the node has no engine for it."""
    raise _none()


async def get(_context: Context, _ask: GetTranscription) -> Transcription:
    """Not found: the node has no engine for it."""
    raise _none()


async def remove(_context: Context, _ask: Ask) -> Done:
    """Not found: the node has no engine for it."""
    raise _none()


def _none() -> ApiError:
    return ApiError(404, "transcription not found: this node has no engine that makes any")


_ONE = "Transcription/{recording_id}/"
ROUTES = (
    Route(method="POST", path=_ONE, asks=MakeTranscription, answers=Done, handler=make, status=202),
    Route(method="GET", path=_ONE, asks=GetTranscription, answers=Transcription, handler=get),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Done, handler=remove, status=202),
)
