"""What a leg plays: its playlist as a row of pieces in the arena, and the gather that takes a frame from each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from offhook.audio import PlaybackEnd
from offhook.media import wire
from offhook.media.engine import tones
from offhook.media.engine.arena import Arena, Extent
from offhook.media.engine.arrays import BLOCK, FRAME_SAMPLES, SAMPLES_PER_MS, Numbers, Samples
from offhook.media.engine.legs import NOTHING


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of samples in the arena."""

    at: int
    samples: int
    step: int
    """160, or 0 when it is silence: that stays in its place."""


@dataclass(eq=False, slots=True)
class Playing:
    """A playlist on its way. Its clips are mapped from ``begin`` to ``end``."""

    playback: int
    stop_on_key: bool
    _arena: Arena
    _tracks: list[tuple[list[Piece], int]] = field(default_factory=list)
    _extents: list[Extent] = field(default_factory=list)
    _pieces: Iterator[Piece] = field(init=False)
    limit: int | None = None
    """Samples after which it ends, if it has not ended by then."""
    handed_out: int = 0
    """Samples of all pieces that were taken so far; with what is left of the last one, how much was played."""
    held: tuple[int, int, int] | None = None
    """While it is paused: where its row pointed."""

    @classmethod
    def begin(cls, command: wire.Play, arena: Arena) -> Playing:
        """Map every clip of the playlist. Raises ``OSError`` when one cannot be."""
        playing = cls(command.playback, command.stop_on_key, arena)
        if command.limit_ms is not None:
            playing.limit = command.limit_ms * SAMPLES_PER_MS
        try:
            for track in command.tracks:
                pieces = [piece for sound in track.sounds for piece in playing._pieces_of(sound)]
                if pieces:
                    playing._tracks.append((pieces, track.times))
        except OSError:
            playing.end()
            raise
        playing.go_to(command.skip_ms)
        if command.paused:
            playing.held = _AT_A_PIECE_S_END
        return playing

    def go_to(self, position_ms: int) -> None:
        """Let the next piece be the one at this place, from the beginning of the playlist."""
        position = position_ms * SAMPLES_PER_MS
        pieces = _skip(self._run(), position)
        self._pieces = pieces if self.limit is None else _cut(pieces, self.limit - position)
        self.handed_out = position

    def next(self) -> Piece | None:
        """The piece that follows; ``None`` at the end of the playlist."""
        piece = next(self._pieces, None)
        if piece is not None:
            self.handed_out += piece.samples
        return piece

    def end(self) -> None:
        """Give the clips back."""
        for extent in self._extents:
            self._arena.release(extent)
        self._extents.clear()

    def _run(self) -> Iterator[Piece]:
        for pieces, times in self._tracks:
            done = 0
            while times == 0 or done < times:
                yield from pieces
                done += 1

    def _pieces_of(self, sound: wire.Sound) -> list[Piece]:
        if isinstance(sound, wire.SilenceSound):
            return _unless_empty(Piece(Arena.SILENCE, sound.duration_ms * SAMPLES_PER_MS, 0))
        if isinstance(sound, wire.ClipSound):
            extent = self._keep(self._arena.clip(sound.path))
            return _unless_empty(Piece(extent.at, extent.samples, FRAME_SAMPLES))
        return self._tone(sound)

    def _tone(self, sound: wire.ToneSound) -> list[Piece]:
        whole, rest = divmod(sound.duration_ms, tones.LONGEST_MS)
        # A tone that is put together of several must not fade where they meet.
        fade = whole == 0
        key = (sound.frequencies_hz, sound.duration_ms if fade else tones.LONGEST_MS, sound.level_dbov, fade)
        extent = self._keep(self._arena.sound(key, lambda: tones.render(*key[:3], fade=fade)))
        last = Piece(extent.at, rest * SAMPLES_PER_MS, FRAME_SAMPLES)
        return [Piece(extent.at, extent.samples, FRAME_SAMPLES)] * whole + _unless_empty(last)

    def _keep(self, extent: Extent) -> Extent:
        self._extents.append(extent)
        return extent


def _unless_empty(piece: Piece) -> list[Piece]:
    # An empty piece in an endless track would be an endless loop.
    return [piece] if piece.samples > 0 else []


def _skip(pieces: Iterator[Piece], samples: int) -> Iterator[Piece]:
    for piece in pieces:
        gone = min(samples, piece.samples)
        samples -= gone
        if gone < piece.samples:
            yield Piece(piece.at + (gone if piece.step else 0), piece.samples - gone, piece.step)


def _cut(pieces: Iterator[Piece], samples: int) -> Iterator[Piece]:
    while samples > 0:
        piece = next(pieces, None)
        if piece is None:
            return
        part = min(samples, piece.samples)
        samples -= part
        yield Piece(piece.at, part, piece.step)


_AT_A_PIECE_S_END = (Arena.SILENCE, 0, 0)


class Player(Protocol):
    """Who plays a playlist."""

    @property
    def playing(self) -> Playing | None:
        """It, if there is one."""


class Players(Protocol):
    """Rows of playlists: the legs, and what is heard over them. The rows 0 to ``count`` are in use."""

    @property
    def count(self) -> int:
        """How many."""

    @property
    def rows(self) -> Sequence[Player]:
        """What of them is not in the arrays."""

    @property
    def at(self) -> Numbers:
        """Where in the arena the next sample lies."""

    @property
    def left(self) -> Numbers:
        """Samples until this piece ends."""

    @property
    def step(self) -> Numbers:
        """160, or 0 for silence."""

    @property
    def out(self) -> Samples:
        """``[rows, 160]``: the frame of this tick."""


def start(rows: Players, slot: int, playing: Playing) -> None:
    """Let the leg's row point at where its playlist goes on; the gather finds the piece. Not while it is paused."""
    playing_nothing(rows, slot)
    if playing.held is None:
        rows.left[slot] = 0


def pause(rows: Players, slot: int, playing: Playing) -> None:
    """Stay where it is."""
    if playing.held is None:
        started = slot >= 0
        playing.held = (int(rows.at[slot]), int(rows.left[slot]), int(rows.step[slot])) if started else _AT_A_PIECE_S_END
        if started:
            playing_nothing(rows, slot)


def resume(rows: Players, slot: int, playing: Playing) -> None:
    """Go on."""
    if playing.held is not None:
        if slot >= 0:
            rows.at[slot], rows.left[slot], rows.step[slot] = playing.held
        playing.held = None


def seek(rows: Players, slot: int, playing: Playing, position_ms: int) -> None:
    """Go on from another place; a paused one when it is resumed."""
    playing.go_to(position_ms)
    if playing.held is not None:
        playing.held = _AT_A_PIECE_S_END
    elif slot >= 0:
        start(rows, slot, playing)


def playing_nothing(rows: Players, slot: int) -> None:
    """Let the leg's row point at silence without end."""
    rows.at[slot], rows.left[slot], rows.step[slot] = Arena.SILENCE, NOTHING, 0


def played_ms(rows: Players, slot: int, playing: Playing) -> int:
    """How much of its playlist the leg has played."""
    left = int(rows.left[slot]) if slot >= 0 and rows.left[slot] < NOTHING // 2 else 0
    if playing.held is not None:
        left = playing.held[1]
    return max(0, playing.handed_out - left) // SAMPLES_PER_MS


def gather(rows: Players, arena: Arena) -> list[tuple[int, PlaybackEnd]]:
    """Take the next frame of every row's playlist into ``rows.out``.

    Returns:
        The rows whose playlist ended in this frame.
    """
    count = rows.count
    at, left = rows.at[:count], rows.left[:count]
    ending = (left <= FRAME_SAMPLES).nonzero()[0]
    for begin in range(0, count, BLOCK):
        block = slice(begin, min(begin + BLOCK, count))
        rows.out[block] = arena.windows[at[block]]
    at += rows.step[:count]
    left -= FRAME_SAMPLES
    over = []
    for slot in ending.tolist():
        # Take back the step, then walk from piece to piece.
        rows.at[slot] -= rows.step[slot]
        rows.left[slot] += FRAME_SAMPLES
        if not _piece_together(rows, arena, slot, rows.out[slot]):
            over.append((slot, PlaybackEnd.FINISHED))
    return over


def _piece_together(rows: Players, arena: Arena, slot: int, frame: Samples) -> bool:
    """Fill one frame from the pieces that meet in it, without a gap. False when the playlist ends in it."""
    at, left, step = int(rows.at[slot]), int(rows.left[slot]), int(rows.step[slot])
    playing = rows.rows[slot].playing
    filled = 0
    while filled < FRAME_SAMPLES or left == 0:
        if left == 0:
            piece = playing.next() if playing is not None else None
            if piece is None:
                frame[filled:] = 0
                playing_nothing(rows, slot)
                return False
            at, left, step = piece.at, piece.samples, piece.step
        part = min(left, FRAME_SAMPLES - filled)
        frame[filled : filled + part] = arena.samples[at : at + part] if step else 0
        filled += part
        left -= part
        at += part if step else 0
    rows.at[slot], rows.left[slot], rows.step[slot] = at, left, step
    return True
