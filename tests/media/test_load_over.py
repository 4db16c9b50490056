"""The engine's own loop, over a real socket: a switch that was told to send no more calls hears when there is room again."""

from __future__ import annotations

import gc
import socket
import threading

from offhook.media import wire
from offhook.media.engine.__main__ import run
from offhook.media.engine.control import Control, SwitchGone
from offhook.media.engine.loop import Engine

LIMIT_S = 30.0


class Serving(threading.Thread):
    """An engine that runs until its switch has gone."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine

    def run(self) -> None:
        try:
            run(self._engine)
        except SwitchGone:
            return
        finally:  # it sees to its garbage itself, in a process of its own
            gc.enable()
            gc.unfreeze()


def test_an_engine_that_was_busy_says_that_it_is_not_although_nobody_asks() -> None:
    """Nobody will: while it is busy no leg is opened, and with the last leg the last command has come."""
    switch, own = socket.socketpair()
    switch.settimeout(LIMIT_S)
    engine = Engine(Control(own))
    engine.load.busy = True  # so the last of its ticks has left it
    serving = Serving(engine)
    serving.start()
    unpacker, told = wire.events(), []
    while not told:
        octets = switch.recv(4096)
        assert octets
        told += [event for batch in unpacker.feed(octets) for event in batch]
    assert told == [wire.Busy(busy=False)]
    switch.close()
    serving.join(LIMIT_S)
    assert not serving.is_alive()
