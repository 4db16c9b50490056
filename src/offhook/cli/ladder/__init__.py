"""One picture of a whole call: who sent what to whom, what ran in between, and what was heard, in the order of time.

``picture`` makes it of what the store has, ``drawn`` and ``svg`` show it. None of them asks a clock, a file or a terminal.
"""

from offhook.cli.ladder.steps import Picture, Told
from offhook.cli.ladder.story import ending, picture
from offhook.cli.ladder.svg import MOST_LANES, svg
from offhook.cli.ladder.terminal import LEAST_WIDTH, drawn, lanes_at

__all__ = ["LEAST_WIDTH", "MOST_LANES", "Picture", "Told", "drawn", "ending", "lanes_at", "picture", "svg"]
