import subprocess
import sys


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_the_engine_never_loads_asyncio() -> None:
    program = """
import sys, socket
import offhook.media.engine.__main__ as m
from offhook.media import framing, wire
from offhook.media.engine.commands import Commands
from offhook.media.engine.control import Control
ours, theirs = socket.socketpair()
engine = m.Engine(Control(theirs))
leg = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
leg.bind(("127.0.0.1", 0))
commands = Commands(engine)
socket.send_fds(ours, [framing.pack(wire.OpenLeg(1))], [leg.fileno()])
ours.send(framing.pack(wire.ConnectLeg(1, "127.0.0.1", 9, 0, "PCMU", 101, True, True)))
ours.send(framing.pack(wire.Play(1, 2, (wire.Track((wire.ToneSound((440.0,), 100, -13.0),), 1),), True)))
ours.send(framing.pack(wire.WatchBeep(1, 3, 300, 50, 500, 256)))
commands.obey(engine.control.wait(1))
engine.pacing.restart(0)
engine.tick()
print("asyncio" in sys.modules, "numpy" in sys.modules, engine.legs.count)
"""
    assert run(program) == "False True 1"


def test_the_switch_never_loads_numpy() -> None:
    program = """
import asyncio, sys
from offhook.audio import Playlist, Tone, Track
from offhook.clock import Clock
from offhook.media import Media, RtpPeer

async def main():
    async with Media(ports=(15000, 15099), host="127.0.0.1", clock=Clock()) as media:
        channel = media.open()
        channel.connect(RtpPeer("127.0.0.1", 9, 0, "PCMU", 101))
        ended = await channel.play(Playlist((Track((Tone((440.0,), 40),)),))).wait()
        print(ended.why, "numpy" in sys.modules)
        await channel.aclose()

asyncio.run(main())
"""
    assert run(program) == "finished False"
