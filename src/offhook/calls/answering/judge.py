"""A person or a machine: the decision alone, made from where the far end speaks (reference ``api.md`` section 5.1).

People say little when they answer, and wait: "Hello?". Machines say a sentence or two, and beep. That is all there is to go by;
what is said is not understood. The parameters are the names that the API gives them; ``docs/machine-detection.md`` has them, the
rates that were measured, and what they cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.audio import VoiceEvent

START_MS = 60
"""Sound that is shorter is a click."""
PAUSE_MS = 160
"""Pauses that are shorter belong to the sound of a word: a stop, the gap between two words of a sentence."""
WORD_MS = 450
"""A word takes less than that, with the pause behind it. Nothing shorter separates words in fluent speech, so their number is
estimated: an unbroken stretch of sound is one word for each 450 ms, rounded, and at least one."""
AFTER_MS = 1000
"""Who is silent for so long after his greeting waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What still passes for a person. The defaults are the reference's."""

    time_ms: int = 5000
    """``machine_detection_time``: when it must be decided. Who has given no sign of a machine by then is a person."""
    speech_ms: int = 5000
    """``machine_detection_maximum_speech_length``: all sound together, without the pauses; more is a machine."""
    initial_silence_ms: int = 4500
    """``machine_detection_initial_silence``: before the first sound; who is silent for so long is a machine."""
    words: int = 3
    """``machine_detection_maximum_words``: more are a machine."""
    greeting_ms: int = 1500
    """``machine_detection_initial_greeting``: the first stretch of sound, up to the first pause; a longer one is a machine."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who has answered."""

    machine: bool
    why: str
    """Of a machine ``a beep``, ``a long greeting``, ``many words``, ``long speech`` or ``silence``; of a person
    ``a short greeting`` or ``time``."""
    after_ms: int
    """How much of the far end's sound it took."""

    @property
    def parameters(self) -> dict[str, str]:
        """As web hooks say it."""
        return {"Machine": "true" if self.machine else "false"}


class Judge:
    """Told where the far end speaks, says who it is as soon as that is clear. It keeps no time of its own: all of it is the time
    of the sound, so that a stall of ours changes no verdict.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._begun_ms: int | None = None
        """Since when the far end speaks, while it does."""
        self._quiet_ms = 0
        """Since when it does not."""
        self._stretches = self._words = self._speech_ms = 0
        """What was said before."""
        self._now_ms = 0

    def hear(self, heard: VoiceEvent) -> Verdict | None:
        """The far end speaks, or does not; at changes, and again and again between them.

        Args:
            heard: with a pause of ``PAUSE_MS`` as the shortest that is one.

        Returns:
            The verdict, once there is one.
        """
        self._now_ms = heard.now_ms
        said_ms = None
        if heard.speaking:
            self._begun_ms = heard.at_ms if self._begun_ms is None else self._begun_ms
            said_ms = max(0, heard.now_ms - PAUSE_MS - self._begun_ms)  # the last of it may be a pause that is not one yet
        elif self._begun_ms is not None:
            said_ms = heard.at_ms - self._begun_ms
        found = None if said_ms is None else self._too_much(said_ms)
        if not heard.speaking:
            if said_ms is not None:
                self._fall_silent(heard.at_ms, said_ms)
            found = found or self._waits()
        if found is None and self._now_ms >= self._tuning.time_ms:
            return self.out_of_time()
        return found

    def beep(self) -> Verdict:
        """A beep was heard."""
        return self._machine("a beep")

    def out_of_time(self) -> Verdict:
        """There is no time for more: nobody is hung up on for what he might be."""
        return Verdict(False, "time", self._now_ms)

    def _too_much(self, said_ms: int) -> Verdict | None:
        """Whether it is more than people say, with a stretch of ``said_ms`` after what was said before."""
        if not self._stretches and said_ms > self._tuning.greeting_ms:
            return self._machine("a long greeting")
        if self._words + words_in(said_ms) > self._tuning.words:
            return self._machine("many words")
        if self._speech_ms + said_ms > self._tuning.speech_ms:
            return self._machine("long speech")
        return None

    def _fall_silent(self, at_ms: int, said_ms: int) -> None:
        self._stretches += 1
        self._words += words_in(said_ms)
        self._speech_ms += said_ms
        self._begun_ms, self._quiet_ms = None, at_ms

    def _waits(self) -> Verdict | None:
        silent_ms = self._now_ms - self._quiet_ms
        if self._stretches:
            return Verdict(False, "a short greeting", self._now_ms) if silent_ms >= AFTER_MS else None
        return self._machine("silence") if silent_ms >= self._tuning.initial_silence_ms else None

    def _machine(self, why: str) -> Verdict:
        return Verdict(True, why, self._now_ms)


def words_in(sound_ms: int) -> int:
    """About how many words an unbroken stretch of sound is."""
    return max(1, round(sound_ms / WORD_MS))
