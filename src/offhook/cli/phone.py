"""``offhook call``: a SIP phone in the terminal. It listens, presses keys, speaks a file, records, and says how it ended."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from offhook import causes
from offhook.audio import Playlist, Track
from offhook.causes import Ending
from offhook.cli.directory import with_store
from offhook.cli.ear import Ear
from offhook.cli.keys import keyboard
from offhook.clock import Clock
from offhook.errors import ClipUnavailable, LegGone, RecordingFailed, SettingsError
from offhook.events import Event, SipReceived, SipSent
from offhook.ids import Ids
from offhook.legs import NotAnswered, OutgoingLeg, dialling
from offhook.media import Clips, Media, nothing_fetched
from offhook.settings import load
from offhook.sip import Credentials, HeaderError, NameAddr, Stack, Tls, TlsFiles, Uri, trunking

ANSWERED, FAILED, USAGE, BUSY, NO_ANSWER, REFUSED, UNREACHABLE = 0, 1, 2, 3, 4, 5, 6
"""Exit statuses. 1 is any error that is no outcome of a call."""
_BUSY = {486, 600}
_NO_ANSWER = {408, 480, 487}
RTP_PORTS = (40_000, 48_998)


@dataclass
class Outcome:
    """What became of the call; the fields are those of ``--json``."""

    target: str
    answered: bool = False
    status: int | None = None
    """The SIP status that refused it."""
    reason: str = ""
    cause: str = ""
    source: str = ""
    duration_s: float = 0.0
    heard_sound_s: float = 0.0
    """How long what was heard was louder than silence."""
    loudest_dbov: float | None = None
    pressed: str = ""
    recording: str = ""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """When there was sound: from, to, in s after the answer."""

    @property
    def exit_status(self) -> int:
        """The program's exit status."""
        if self.answered:
            return ANSWERED
        if self.status is None:
            return NO_ANSWER if self.reason == "it rang out" else UNREACHABLE
        return BUSY if self.status in _BUSY else NO_ANSWER if self.status in _NO_ANSWER else REFUSED


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the phone shall do."""

    press: str
    say: Path | None
    record: Path | None
    for_s: float | None
    ring_s: float


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("call")(call)


def call(
    target: Annotated[str, typer.Argument(metavar="SIP-URI", help="Whom to call, for example sip:100@127.0.0.1:5060.")],
    press: Annotated[str, typer.Option(help="Keys to press after the answer; w waits 0.5 s, W 1 s.")] = "",
    say: Annotated[Path | None, typer.Option(help="An audio file to speak after the answer.")] = None,
    record: Annotated[Path | None, typer.Option(help="Write what is heard to this WAV file.")] = None,
    for_: Annotated[float | None, typer.Option("--for", help="Hang up that many seconds after the answer.")] = None,
    ring: Annotated[float, typer.Option(help="Give up when it rang that long, in seconds.")] = 60.0,
    caller: Annotated[str, typer.Option(help="Our own SIP URI.")] = "sip:phone@offhook.invalid",
    header: Annotated[list[str] | None, typer.Option(help="A header for the INVITE: 'X-PH-Name: value'.")] = None,
    transport: Annotated[str | None, typer.Option(help="udp, tcp or tls.")] = None,
    trunk: Annotated[str | None, typer.Option(help="Call a number by this trunk: call +14155550100 --trunk NAME.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings; for --trunk.")] = None,
    data: Annotated[str | None, typer.Option(help="The node's data folder; for --trunk.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show the SIP messages.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, and nothing else.")] = False,
    json_to: Annotated[Path | None, typer.Option(help="Also write the outcome as JSON to this file.")] = None,
) -> None:
    """Call a SIP address, or a number by a trunk, and be the phone.

    Exit status: 0 answered, 2 wrong usage, 3 busy, 4 no answer, 5 refused, 6 not reached, 1 any other error.
    On a terminal the keys 0-9 * # are pressed as you type them; q hangs up.
    """
    try:
        own = NameAddr(Uri.parse(caller))
        way = _by_trunk(trunk, target, config, data) if trunk is not None else _straight(target, transport)
    except HeaderError as error:
        raise typer.BadParameter(str(error)) from None
    if bad := [each for each in press if each not in "0123456789*#ABCDwW"]:
        raise typer.BadParameter(f"{bad[0]!r} cannot be pressed; allowed are 0-9 * # A-D, w and W")
    headers = [(name.strip(), value.strip()) for name, _, value in (each.partition(":") for each in header or [])]
    wishes = Wishes(press, say, record, for_, ring)
    outcome = asyncio.run(_call(way, own, headers, wishes, Screen(quiet=as_json, trace=trace)))
    if json_to is not None:
        json_to.write_text(json.dumps(asdict(outcome)))
    if as_json:
        print(json.dumps(asdict(outcome)))
    raise typer.Exit(outcome.exit_status)


@dataclass(frozen=True, slots=True)
class Way:
    """Whom to call, and how to get there."""

    uri: Uri
    transport: str | None = None
    credentials: Credentials | None = None
    route: tuple[NameAddr, ...] = ()
    tls: Tls | None = None


def _straight(target: str, transport: str | None) -> Way:
    uri = Uri.parse(target if ":" in target.partition("@")[0] else f"sip:{target}")
    if uri.scheme not in {"sip", "sips"} or not uri.host:
        raise typer.BadParameter(f"{target!r} is not a sip: URI")
    secure = "tls" in {uri.transport, transport} or uri.scheme == "sips"
    return Way(uri, transport, tls=Tls(TlsFiles()) if secure else None)


def _by_trunk(name: str, number: str, config: Path | None, data: str | None) -> Way:
    found = next((each for each in with_store(lambda store: store.telephony.trunks(), config, data) if each.name == name), None)
    if found is None:
        raise SettingsError(f"there is no trunk {name}; 'offhook trunk list' shows them")
    digits = "".join(each for each in number if each not in "+ -().")
    if not (digits.isascii() and digits.isdigit()):
        raise typer.BadParameter(f"{number!r} is not a number with country code")
    settings = load(file=config, flags={"data": data})
    files = TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_authorities, settings.tls_verify)
    return Way(trunking.target(found, digits), found.transport, trunking.credentials(found), trunking.way(found), tls=Tls(files))


class Screen:
    """Prints what happens, one line each, with the seconds since the phone began to dial."""

    def __init__(self, *, quiet: bool, trace: bool) -> None:
        self.console = Console(highlight=False, quiet=quiet, soft_wrap=True)
        self._trace = trace
        self._clock: Callable[[], float] = float
        self._began = 0.0

    def begin(self, now: Callable[[], float]) -> None:
        """Count from here."""
        self._clock, self._began = now, now()

    def line(self, text: str, style: str = "") -> None:
        """Print a line."""
        self.console.print(f"[dim]{self._clock() - self._began:7.2f}[/dim]  {text}", style=style or None)

    def observe(self, event: Event) -> None:
        """Show SIP messages, when asked to."""
        if self._trace and isinstance(event, (SipReceived, SipSent)):
            arrow = "←" if isinstance(event, SipReceived) else "→"
            self.line(f"{arrow} {event.message}  [dim]{event.peer}[/dim]")


async def _call(way: Way, own: NameAddr, headers: list[tuple[str, str]], wishes: Wishes, screen: Screen) -> Outcome:
    clock, ids, uri = Clock(), Ids(), way.uri
    screen.begin(clock.now)
    outcome = Outcome(str(uri))
    hang_up = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, hang_up.set)
    host = "127.0.0.1" if uri.host in {"127.0.0.1", "localhost"} else "0.0.0.0"  # noqa: S104 - phones are called from outside
    async with AsyncExitStack() as opened:
        media = Media(ports=RTP_PORTS, host=host, clock=clock)
        await media.start()
        opened.push_async_callback(media.aclose)
        stack = Stack(
            host=host,
            port=0,
            ids=ids,
            clock=clock,
            on_invite=lambda invite: invite.refuse(486),
            user_agent="Offhook phone",
            tls=way.tls,
        )
        await stack.start()
        opened.push_async_callback(_leave, stack)
        track = await _speech(wishes.say, opened, clock)
        screen.line(f"calling [bold]{uri}[/bold]")
        leg = await opened.enter_async_context(
            dialling(
                *(stack, media, uri),
                ids=ids,
                caller=own,
                headers=headers,
                transport=way.transport,
                credentials=way.credentials,
                route=way.route,
                observe=screen.observe,
            )
        )
        if await _answered(leg, wishes.ring_s, hang_up, outcome, screen):
            await _talk(leg, wishes, track, hang_up, outcome, screen, clock)
    return outcome


async def _leave(stack: Stack) -> None:
    """Let the BYE or the CANCEL be answered, at most half a second, before the sockets close."""
    for _ in range(25):
        if not stack.awaiting_answers:
            break
        await asyncio.sleep(0.02)
    await stack.aclose()


async def _speech(file: Path | None, opened: AsyncExitStack, clock: Clock) -> Track | None:
    if file is None:
        return None
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="offhook-phone-")))
    clips = Clips(folder, nothing_fetched, wall=lambda: clock.wall().timestamp())
    opened.push_async_callback(clips.aclose)
    try:
        return Track((await clips.from_file(file),))
    except ClipUnavailable as error:
        raise typer.BadParameter(str(error)) from None


async def _answered(leg: OutgoingLeg, ring_s: float, hang_up: asyncio.Event, outcome: Outcome, screen: Screen) -> bool:
    """Wait for the answer, showing what happens before it."""
    ringing = asyncio.ensure_future(leg.rang.wait())
    answer = asyncio.ensure_future(leg.wait_answered())
    cancelled = asyncio.ensure_future(hang_up.wait())
    try:
        async with asyncio.timeout(ring_s):
            await asyncio.wait([ringing, answer, cancelled], return_when=asyncio.FIRST_COMPLETED)
            if ringing.done() and not answer.done():
                screen.line("ringing" + (" (early media)" if leg.early else ""))
            await asyncio.wait([answer, cancelled], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            leg.release(causes.API_CANCEL)
            outcome.reason = "cancelled"
            screen.line("cancelled", "yellow")
            return False
        answer.result()
    except NotAnswered as refused:
        outcome.status, outcome.reason = refused.status, refused.reason
        outcome.cause, outcome.source = refused.ending.telephony, refused.ending.source.value
        screen.line(f"not answered: {refused} ({refused.ending.telephony})", "red")
        return False
    except TimeoutError:
        leg.release(causes.RANG_OUT)
        outcome.reason = "it rang out"
        screen.line(f"not answered within {ring_s:g} s", "red")
        return False
    finally:
        for task in (ringing, answer, cancelled):
            task.cancel()
    outcome.answered = True
    screen.line("answered", "green")
    return True


async def _talk(
    leg: OutgoingLeg,
    wishes: Wishes,
    speech: Track | None,
    hang_up: asyncio.Event,
    outcome: Outcome,
    screen: Screen,
    clock: Clock,
) -> None:
    began = clock.now()
    ear = Ear(began, clock, screen.console, on_span=screen.line)
    recording = await leg.record(wishes.record) if wishes.record else None
    beside = [
        asyncio.ensure_future(ear.listen(leg)),
        asyncio.ensure_future(_press(leg, wishes.press, outcome, screen)),
        asyncio.ensure_future(keyboard(lambda key: _pressed(leg, key, outcome, screen), hang_up)),
    ]
    if speech is not None:
        beside.append(asyncio.ensure_future(_say(leg, speech, screen)))
    ended = asyncio.ensure_future(leg.ended())
    stop = asyncio.ensure_future(hang_up.wait())
    await asyncio.wait([ended, stop], timeout=wishes.for_s, return_when=asyncio.FIRST_COMPLETED)
    by, ending = ("the other side", ended.result()) if ended.done() else ("this phone", causes.CALLER_HUNG_UP)
    for task in (*beside, ended, stop):
        task.cancel()
    await asyncio.gather(*beside, ended, stop, return_exceptions=True)
    ear.close()
    if recording is not None:
        try:
            await recording.stop()
            outcome.recording = str(wishes.record)
        except RecordingFailed as failure:
            screen.line(f"the recording failed: {failure}", "red")
    leg.release(causes.CALLER_HUNG_UP)
    outcome.duration_s = round(clock.now() - began, 2)
    outcome.cause, outcome.source = ending.telephony, ending.source.value
    outcome.heard_sound_s, outcome.loudest_dbov, outcome.spans = ear.sound_s, ear.loudest_dbov, ear.spans
    screen.line(f"ended by {by} after {outcome.duration_s:.1f} s: {ending.telephony}{_detail(ending)}", "bold")
    if outcome.recording:
        screen.line(f"what was heard is in {wishes.record}")


def _detail(ending: Ending) -> str:
    return f" ({ending.detail})" if ending.detail else ""


async def _press(leg: OutgoingLeg, keys: str, outcome: Outcome, screen: Screen) -> None:
    """Key by key, so that the screen shows each when it goes out."""
    for key in keys:
        if key in "wW":
            await asyncio.sleep(0.5 if key == "w" else 1.0)
        else:
            await _pressed(leg, key, outcome, screen)


async def _pressed(leg: OutgoingLeg, key: str, outcome: Outcome, screen: Screen) -> None:
    outcome.pressed += key
    screen.line(f"pressing [bold]{key}[/bold]")
    try:
        await leg.send_digits(key)
    except LegGone:
        screen.line("too late: the call is over")


async def _say(leg: OutgoingLeg, speech: Track, screen: Screen) -> None:
    screen.line("speaking")
    try:
        ended = await leg.play(Playlist((speech,))).wait()
        screen.line(f"spoken ({ended.played_ms / 1000:.1f} s)")
    except LegGone:
        screen.line("too late: the call is over")
