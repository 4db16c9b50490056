"""What the parties of a live call hear by the API: files, speech, keys (reference ``api.md`` sections 5.8 to 5.10)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from offhook.api.context import Context, Done, Nothing
from offhook.api.errors import ApiError, invalid, missing, not_found
from offhook.api.reading import Ask, Line
from offhook.api.routes import Route
from offhook.calls import PLAY, SPEAK, Audience, Manner, NoAudio, NoBLeg, Unspeakable, Which, read_keys

MOST_FILES = 100
_URL = re.compile(r"[hH][tT][tT][pP][sS]?://[^\s/?#]\S{0,2040}")
_NEXT = re.compile(r",\s*(?=[hH][tT][tT][pP][sS]?://)")
"""Between two URLs, and not within one that has commas."""
_KEYS = re.compile(r"[0-9A-Da-d*#wW]{1,1000}")

Legs = Literal["aleg", "bleg", "both"]


class PlayFiles(Ask):
    """``urls``: one, several with commas between them, or a list."""

    urls: list[str] | str
    length: Annotated[int, msgspec.Meta(ge=1, le=86_400, description="Seconds after which it ends.")] | None = None
    legs: Legs = "aleg"
    loop: bool = False
    mix: bool = True


class SpeakText(Ask, kw_only=True):
    """``type`` is ``ssml`` where the text is; one in ``<speak>`` is SSML in any case."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=50_000)]
    voice: Line | None = None
    language: Line = "en-US"
    legs: Legs = "aleg"
    loop: bool = False
    mix: bool = True
    type: Line | None = None
    length: Annotated[Line, msgspec.Meta(description="What Plivo's Go SDK calls the voice; a number is ignored.")] | None = None


class SendKeys(Ask):
    """``w`` waits half a second, ``W`` a whole one. ``legs`` is what Plivo's Go SDK calls ``leg``."""

    digits: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    leg: Legs | None = None
    legs: Legs | None = None


async def play(context: Context, ask: PlayFiles) -> Done:
    """Play files to a live call, over what its document does."""
    urls = [each.strip() for each in (_NEXT.split(ask.urls.strip().strip(",")) if isinstance(ask.urls, str) else ask.urls)]
    if not any(urls):
        raise missing("urls")
    if not all(_URL.fullmatch(each) for each in urls):
        raise invalid("urls")
    if len(urls) > MOST_FILES:
        raise ApiError(400, f"urls should hold at most {MOST_FILES} URLs")
    (await _audience(context, ask.legs)).play(urls, Manner(loop=ask.loop, mix=ask.mix, length_s=ask.length))
    return Done("play started")


async def stop_playing(context: Context, _ask: Ask) -> Nothing:
    """Stop the files that the API plays to a live call."""
    return await _silence(context, PLAY)


async def speak(context: Context, ask: SpeakText) -> Done:
    """Speak to a live call, over what its document does."""
    named = ask.length if ask.length is not None and not ask.length.strip().isdigit() else None
    audience = await _audience(context, ask.legs)
    try:
        audience.speak(
            ask.text,
            voice=(ask.voice or named or "WOMAN").strip(),
            language=ask.language.strip() or "en-US",
            ssml=(ask.type or "").strip().lower() == "ssml",
            manner=Manner(loop=ask.loop, mix=ask.mix),
        )
    except Unspeakable as error:
        raise ApiError(400, str(error)) from None
    return Done("speak started")


async def stop_speaking(context: Context, _ask: Ask) -> Nothing:
    """Stop what the API speaks to a live call."""
    return await _silence(context, SPEAK)


async def send_keys(context: Context, ask: SendKeys) -> Done:
    """Press keys towards the parties of a live call."""
    digits = "".join(ask.digits.split())
    if not _KEYS.fullmatch(digits):
        raise invalid("digits")
    (await _audience(context, ask.leg or ask.legs or "aleg")).press(read_keys(digits))
    return Done("digits sent")


async def _audience(context: Context, legs: Which) -> Audience:
    """Who is meant, where there is such a call and it is this account's."""
    try:
        found = context.desk.live.audience((await context.live_call()).call_uuid, legs)
    except (NoAudio, NoBLeg) as error:
        raise ApiError(400, str(error)) from None
    if found is None:
        raise not_found("call")
    return found


async def _silence(context: Context, kind: str) -> Nothing:
    if not context.desk.live.silence((await context.live_call()).call_uuid, kind):
        raise not_found("call")
    return Nothing()


_PLAY, _SPEAK, _KEYS_PATH = "Call/{call_uuid}/Play/", "Call/{call_uuid}/Speak/", "Call/{call_uuid}/DTMF/"
ROUTES = (
    Route(method="POST", path=_PLAY, asks=PlayFiles, answers=Done, handler=play, status=202),
    Route(method="DELETE", path=_PLAY, asks=Ask, answers=Nothing, handler=stop_playing, status=204),
    Route(method="POST", path=_SPEAK, asks=SpeakText, answers=Done, handler=speak, status=202),
    Route(method="DELETE", path=_SPEAK, asks=Ask, answers=Nothing, handler=stop_speaking, status=204),
    Route(method="POST", path=_KEYS_PATH, asks=SendKeys, answers=Done, handler=send_keys, status=202),
)
