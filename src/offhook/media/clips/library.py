"""The clip library: URL in, PCM file out, with HTTP's own rules for what may be kept (RFC 9111)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec

from offhook import files
from offhook.audio import Clip
from offhook.errors import ClipUnavailable, HookFailed, InvalidUrl
from offhook.events import Noted, Observe, unobserved
from offhook.workers import Worker, WorkerFailed

log = logging.getLogger(__name__)

FRESH_S = 60
"""How long a file is used without asking, where the server does not say."""
LIMIT_BYTES = 2 << 30
"""About 36 hours of sound."""
MAX_FRESH_S = 7 * 86_400
MAX_FILE_BYTES = 10 * 1024 * 1024
DECODE_S = 30.0
"""The longest MP3 of 10 MB takes about 10 s; meanwhile other new files wait."""
_WORKER = "offhook.media.clips.worker"
_MUSIC = "hold-music-1.pcm"


class Fetched(Protocol):
    """An audio file as it came, or the word (304) that the copy at hand is still good."""

    @property
    def status(self) -> int:
        """200 or another 2xx, or 304."""

    @property
    def body(self) -> bytes:
        """The file."""

    @property
    def content_type(self) -> str | None:
        """As the server said."""

    @property
    def etag(self) -> str | None:
        """Validator."""

    @property
    def last_modified(self) -> str | None:
        """Validator."""

    @property
    def max_age_s(self) -> int | None:
        """How long it may be used without asking; 0: not at all; ``None``: the server does not say."""

    @property
    def storable(self) -> bool:
        """Whether it may be used again at all: not where the server said ``no-store``."""


class Fetch(Protocol):
    """How the library gets a file. Raises ``HookFailed`` or ``InvalidUrl``."""

    async def __call__(self, url: str, *, etag: str | None, last_modified: str | None, observe: Observe) -> Fetched:
        """GET, conditional where a validator is given."""


async def nothing_fetched(url: str, *, etag: str | None, last_modified: str | None, observe: Observe) -> Fetched:  # noqa: ARG001
    """For libraries that only read local files."""
    raise HookFailed(url, "refused-address")


class _Entry(msgspec.Struct):
    """What is known about a URL."""

    file: str
    fresh_until: float
    """Wall time, s; afterwards the server is asked whether it changed."""
    etag: str | None = None
    last_modified: str | None = None


class Clips:
    """The clips of a node."""

    def __init__(self, folder: Path, fetch: Fetch, *, wall: Callable[[], float], limit_bytes: int = LIMIT_BYTES) -> None:
        """Args:
        folder: of the PCM files and of what is known about their URLs; made when absent.
        wall: the time of day in s, for how long files stay fresh.
        """
        self._folder = folder
        self._fetch = fetch
        self._wall = wall
        self._worker = Worker(_WORKER, str(folder), str(limit_bytes), timeout_s=DECODE_S)
        self._running: dict[str, asyncio.Task[Clip]] = {}
        self._warming: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Warm up in the background: the worker starts, and the hold music is there before somebody waits for it."""
        self._warming = asyncio.get_running_loop().create_task(self._warm_up(), name="clips warm-up")

    async def _warm_up(self) -> None:
        try:
            await self._ask(_MUSIC, {"do": "music", "file": _MUSIC})
        except ClipUnavailable as error:
            log.warning("no audio can be decoded: %s", error)

    async def get(self, url: str, observe: Observe = unobserved) -> Clip:
        """The clip of a URL; calls that want the same one at once share one request.

        Raises:
            ClipUnavailable: it cannot be fetched, or is no audio; with the reason.
        """
        return await self._shared(url, lambda: self._get(url, observe))

    async def _shared(self, name: str, work: Callable[[], Coroutine[Any, Any, Clip]]) -> Clip:
        """Do it once for all who want it now; it goes on when one of them leaves."""
        if self._closed:
            raise ClipUnavailable(name, "the library is closed")
        running = self._running.get(name)
        if running is None:
            running = asyncio.get_running_loop().create_task(work(), name=f"clip {name}")
            self._running[name] = running
            running.add_done_callback(lambda done: self._done(name, done))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if running.cancelled():
                raise ClipUnavailable(name, "the library is closed") from None
            raise

    def _done(self, name: str, done: asyncio.Task[Clip]) -> None:
        self._running.pop(name, None)
        if not done.cancelled():
            done.exception()  # whoever waits has it too; nobody has to

    async def _get(self, url: str, observe: Observe) -> Clip:
        entry = self._known(url)
        if entry is not None and entry.fresh_until > self._wall():
            left_s = round(entry.fresh_until - self._wall())
            observe(Noted(f"{url}: the copy at hand is played; the server is asked again in {left_s} s", level="info"))
            return Clip(str(self._folder / entry.file))
        try:
            fetched = await self._fetch(
                url,
                etag=entry.etag if entry else None,
                last_modified=entry.last_modified if entry else None,
                observe=observe,
            )
        except (HookFailed, InvalidUrl) as error:
            raise ClipUnavailable(url, _why(error)) from error
        if fetched.status == 304 and entry is not None:
            file = entry.file
        else:
            if len(fetched.body) > MAX_FILE_BYTES:
                raise ClipUnavailable(url, "it is larger than 10 MB")
            file = await self._decoded(url, fetched.body, fetched.content_type)
        self._remember(url, file, fetched, entry)
        return Clip(str(self._folder / file))

    async def from_file(self, path: Path) -> Clip:
        """The clip of a local audio file.

        Raises:
            ClipUnavailable: it cannot be read, or is no audio.
        """
        try:
            body = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise ClipUnavailable(str(path), error.strerror or "cannot be read") from error
        return Clip(str(self._folder / await self._decoded(str(path), body, None)))

    async def hold_music(self) -> Clip:
        """The music of a wait: our own, composed at first use, 24 s long and made to be looped.

        Raises:
            ClipUnavailable: it could not be made.
        """
        return await self._shared(_MUSIC, self._hold_music)

    async def _hold_music(self) -> Clip:
        path = self._folder / _MUSIC
        if not files.used(path):
            await self._ask(_MUSIC, {"do": "music", "file": _MUSIC})
        return Clip(str(path))

    async def aclose(self) -> None:
        """End the worker; what is under way fails. Idempotent."""
        self._closed = True
        tasks: list[asyncio.Task[Any]] = [*self._running.values(), *([self._warming] if self._warming else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._worker.aclose()

    # -- decoding --------------------------------------------------------------------------------------------------

    async def _decoded(self, url: str, body: bytes, content_type: str | None) -> str:
        """The name of the PCM file."""
        reply = await self._ask(url, {"do": "decode", "data": body, "hint": _hint(url, content_type)})
        return str(reply["file"])

    async def _ask(self, url: str, request: dict[str, object]) -> dict[str, Any]:
        try:
            return await self._worker.ask(request)
        except WorkerFailed as error:
            raise ClipUnavailable(url, str(error).removeprefix("ValueError: ")) from error

    # -- what is known ---------------------------------------------------------------------------------------------

    def _notes(self, url: str) -> Path:
        return self._folder / "urls" / f"{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}.json"

    def _known(self, url: str) -> _Entry | None:
        try:
            entry = msgspec.json.decode(self._notes(url).read_bytes(), type=_Entry)
        except (OSError, msgspec.DecodeError):
            return None
        return entry if files.used(self._folder / entry.file) else None

    def _remember(self, url: str, file: str, fetched: Fetched, before: _Entry | None) -> None:
        notes = self._notes(url)
        if not fetched.storable:
            notes.unlink(missing_ok=True)
            return
        age_s = FRESH_S if fetched.max_age_s is None else fetched.max_age_s
        entry = _Entry(
            file,
            self._wall() + min(age_s, MAX_FRESH_S),
            fetched.etag or (before.etag if before and fetched.status == 304 else None),
            fetched.last_modified or (before.last_modified if before and fetched.status == 304 else None),
        )
        notes.parent.mkdir(parents=True, exist_ok=True)
        temporary = notes.with_suffix(".part")
        temporary.write_bytes(msgspec.json.encode(entry))
        temporary.replace(notes)


def _hint(url: str, content_type: str | None) -> str:
    """What the bytes may be, where they do not say it themselves: the type, then the extension."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    for word, name in (("mpeg", "mp3"), ("mp3", "mp3"), ("wav", "wav"), ("wave", "wav"), ("flac", "flac"), ("ogg", "vorbis")):
        if word in kind:
            return name
    return {"mp3": "mp3", "wav": "wav", "flac": "flac", "ogg": "vorbis"}.get(Path(url.partition("?")[0]).suffix.lower()[1:], "")


def _why(error: HookFailed | InvalidUrl) -> str:
    return str(error).removeprefix(f"{error.url}: ")
