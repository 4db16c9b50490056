"""The keyboard as a keypad, where there is one."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Awaitable, Callable

QUIT = "qQ\x03\x04"


async def keyboard(press: Callable[[str], Awaitable[None]], quit_asked: asyncio.Event) -> None:
    """Press what is typed, one key after another, until cancelled; ``q`` sets ``quit_asked``. Nothing without a terminal."""
    if not sys.stdin.isatty():
        return
    typed: asyncio.Queue[str] = asyncio.Queue(64)
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def readable() -> None:
        for character in os.read(descriptor, 64).decode("ascii", "ignore"):
            if not typed.full():
                typed.put_nowait(character)

    tty.setcbreak(descriptor)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, readable)
    try:
        while True:
            character = await typed.get()
            if character in QUIT:
                quit_asked.set()
            elif character.upper() in "0123456789*#ABCD":
                await press(character.upper())
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
