"""Speech: voices behind one small interface, each engine in a worker process. SSML is expanded here, the same for every voice."""

from offhook.speech.segments import Node
from offhook.speech.speech import Speech

__all__ = ["Node", "Speech"]
