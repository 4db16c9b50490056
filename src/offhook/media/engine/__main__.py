"""The engine process: ``python -m offhook.media.engine FD``, started by the switch with its end of a socket pair."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
import sys
import time

from offhook.media import wire
from offhook.media.engine.commands import Commands
from offhook.media.engine.control import Control, SwitchGone
from offhook.media.engine.loop import Engine

_PR_SET_PDEATHSIG = 1
_IDLE_S = 0.02


def run(engine: Engine) -> None:
    """Tick for as long as there are legs, wait while there are none. Raises ``SwitchGone`` in the end."""
    commands = Commands(engine)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in the wrong moment is a late tick; what is in cycles is collected while there is nothing to do
    while True:
        if engine.legs.count:
            engine.pacing.restart(time.monotonic_ns())
            _tick_while_there_are_legs(engine, commands)
            gc.collect()
        # Before the wait, not after it: a switch that was told of too many legs sends nothing until it hears that they have gone.
        engine.idle()
        commands.obey(engine.control.wait(_IDLE_S if engine.busy else None))
        engine.control.flush()


def _tick_while_there_are_legs(engine: Engine, commands: Commands) -> None:
    while engine.legs.count:
        waiting = True
        while waiting:
            # Also when a tick is late already: a switch that nobody listens to could not even hang up.
            wait_ns = engine.pacing.due_ns() - time.monotonic_ns()
            commands.obey(engine.control.wait(max(wait_ns, 0) / 1e9))
            waiting = wait_ns > 0
        if engine.legs.count:
            engine.tick()


def main() -> None:
    """Serve the switch at the other end of the socket until it has gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Ctrl-C at a terminal and a service manager's stop go to the whole group; when we end is the switch's decision.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    control = Control(socket.socket(fileno=int(sys.argv[1])))
    control.tell(wire.Ready())
    control.flush()
    try:
        run(Engine(control))
    except SwitchGone:
        # Nothing here needs to be put away in order, and 4,000 sockets are closed faster by the kernel.
        os._exit(0)


if __name__ == "__main__":
    main()
