"""What the engine and the writer process say to each other: what to write, and what became of it."""

from __future__ import annotations

import msgspec

from offhook.media.framing import Unpacker


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Something one end says to the other."""


class OpenFile(_Message, frozen=True):
    """Nothing happens when it is open already: the engine cannot always know."""

    recording: int
    path: str
    channels: int
    file_format: str
    """``wav`` or ``mp3``."""
    resumed: bool
    """Go on at the end of what is there."""


class Frames(_Message, frozen=True):
    """Some ticks of all running recordings. What is missing before ``at`` was lost, and is filled with silence."""

    recordings: tuple[int, ...]
    at: tuple[int, ...]
    """Where in each file the first of these samples belongs, in samples of one channel."""
    left: tuple[int, ...]
    """The row of each that is its only channel or its left one."""
    right: tuple[int, ...]
    """The row of its right channel; -1: it has none."""
    rows: int
    pcm: bytes
    """``[ticks, rows, 160]`` samples of 16 bits, little-endian."""


class CloseFile(_Message, frozen=True):
    recording: int
    at: int
    """How long the file is to be, in samples of one channel."""


Writing = OpenFile | Frames | CloseFile


class FileOpened(_Message, frozen=True):
    recording: int


class FileClosed(_Message, frozen=True):
    """The file is complete: it was asked for, or no more can be written."""

    recording: int
    duration_ms: int
    octets: int
    """Of the whole file."""
    error: str


Written = FileOpened | FileClosed


def writings() -> Unpacker[Writing]:
    return Unpacker(Writing)


def written() -> Unpacker[Written]:
    return Unpacker(Written)
