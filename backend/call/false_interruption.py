"""The agent was stopped by a sound in which nobody recognised a word: take up again what was cut, once.

Decides: when that is certain enough, and what is said again. Does not decide that the agent stops (`barge_in.py`) nor how
a piece is taken up (`saying.py`). `hearing.py` feeds it the caller's sounds and words, `conversation.py` acts on it.

| after an interruption by sound                             | then                                                   |
|------------------------------------------------------------|--------------------------------------------------------|
| silence for false_interruption_timeout_s after the sound   | the agent goes on after the last word heard            |
| the sound does not end                                     | the same, `LONGEST_SOUND_S` after the interruption     |
| ignorable words only (“mm-hm”)                             | as if there were none                                  |
| a real word, a key; the call has something else to say     | never: what was cut stays cut                          |

| what was cut                                       | is taken up again                                              |
|----------------------------------------------------|----------------------------------------------------------------|
| an answer, the greeting                            | from the word after the last one heard                         |
| a check-in, a filler                               | no: they are out of date                                       |
| protected speech                                   | is never cut                                                   |
| an answer that the model was still writing         | what was written, then the model is asked to go on             |

An interruption by words is none of this: it clears whatever was pending. Nothing pending outlives `LONGEST_SOUND_S` plus
the timeout, and while it is pending the caller's silence does not count (the agent is about to speak).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.call.agent_config import TurnTakingSettings
from backend.call.commands import SpeechKind
from backend.call.playback import Piece

RESUMED_KINDS: frozenset[SpeechKind] = frozenset({"greeting", "answer"})
LONGEST_SOUND_S = 10.0
"""A detector that sticks, or music, does not keep the agent silent for longer than this."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What to do now. `pieces`: those that were cut and are worth taking up, in order. `is_answer_unfinished`: the model
    had more to say."""

    pieces: tuple[Piece, ...]
    is_answer_unfinished: bool


class FalseInterruption:
    """The last interruption by sound of one call, while it may turn out to be none."""

    def __init__(self, settings: TurnTakingSettings) -> None:
        self._timeout_s = settings.false_interruption_timeout_s
        self._pending: Resumption | None = None
        self._interrupted_at = 0.0
        self._sound_ended_at: float | None = None
        """None while the sound lasts."""

    # --- facts ---

    def interrupted(self, cut: Sequence[Piece], is_answer_unfinished: bool, now: float) -> None:
        """A sound stopped the agent and still lasts, as far as is known."""
        pieces = tuple(piece for piece in cut if piece.kind in RESUMED_KINDS)
        if self._timeout_s > 0 and (pieces or is_answer_unfinished):
            self._pending = Resumption(pieces, is_answer_unfinished)
            self._interrupted_at = now
            self._sound_ended_at = None

    def speech_started(self) -> None:
        self._sound_ended_at = None

    def speech_ended(self, at: float) -> None:
        self._sound_ended_at = at

    def forget(self) -> None:
        """It was a real one, or does not matter any more."""
        self._pending = None

    # --- answers ---

    @property
    def is_pending(self) -> bool:
        return self._pending is not None

    def deadline(self) -> float | None:
        if self._pending is None:
            return None
        latest = self._interrupted_at + LONGEST_SOUND_S
        if self._sound_ended_at is None:
            return latest
        return min(latest, max(self._interrupted_at, self._sound_ended_at) + self._timeout_s)

    def take(self, now: float) -> Resumption | None:
        """What is to be said again, once it is due; then never again."""
        due_at = self.deadline()
        if due_at is None or now < due_at:
            return None
        due, self._pending = self._pending, None
        return due
