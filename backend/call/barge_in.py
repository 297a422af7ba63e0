"""When the caller's voice stops the agent.

Decides: whether a sound of the caller that began while the agent is audible is an interruption by now. Does not decide
what is stopped and how (`StopSpeaking`, `StopThinking`). With `is_enabled` false (half-duplex) the agent always finishes;
what the caller said meanwhile is kept and answered afterwards.

A sound that had begun before the agent became audible interrupts only by its words: a voice detector that is stuck must
not cut off everything the agent says.

| the caller, while the agent is audible                       | interrupts                                 |
|--------------------------------------------------------------|--------------------------------------------|
| voice for min_interruption_s                                 | yes, unless all words known are ignorable  |
| recognised words, not all ignorable                          | yes                                        |
| ignorable words only (“mm-hm”), shorter sounds               | no                                         |
| any of it during a goodbye or an apology                     | no                                         |
"""

import re

from backend.call.agent_config import TurnTakingSettings
from backend.call.commands import SpeechKind

PROTECTED: frozenset[SpeechKind] = frozenset({"goodbye", "apology"})
_NOT_A_WORD = re.compile(r"[^\w'-]+")


def is_ignorable(text: str, ignored_words: list[str]) -> bool:
    """True if `text` has no words but ignored ones."""
    ignored = {word.lower() for word in ignored_words}
    words = [word for word in _NOT_A_WORD.split(text.lower()) if word]
    return all(word in ignored for word in words)


class BargeIn:
    """Watches the caller's voice for one call."""

    def __init__(self, settings: TurnTakingSettings, is_enabled: bool) -> None:
        self._settings = settings
        self.is_enabled = is_enabled and settings.barge_in
        self._voice_since: float | None = None
        self._words = ""

    def speech_started(self, at: float) -> None:
        self._voice_since = at
        self._words = ""

    def speech_ended(self) -> None:
        self._voice_since = None

    def words_heard(self, text: str) -> None:
        self._words = text

    def deadline(self, kinds: set[SpeechKind]) -> float | None:
        """When the present sound becomes an interruption of speech of these kinds; None if it never does."""
        if not self.is_enabled or not kinds or kinds & PROTECTED:
            return None
        if self._voice_since is None or self._only_ignorable():
            return None
        return self._voice_since + self._settings.min_interruption_s

    def interrupts(self, now: float, kinds: set[SpeechKind]) -> bool:
        """True if the caller interrupts speech of these kinds at `now`."""
        if not self.is_enabled or kinds & PROTECTED:
            return False
        if self._words and not self._only_ignorable():
            return True
        due_at = self.deadline(kinds)
        return due_at is not None and now >= due_at

    def forget(self) -> None:
        """The agent is not audible (any more): what was heard so far interrupts nothing."""
        self._voice_since = None
        self._words = ""

    def _only_ignorable(self) -> bool:
        return bool(self._words) and is_ignorable(self._words, self._settings.ignored_words)
