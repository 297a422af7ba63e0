"""When the caller's voice stops the agent, and what stopping means: two tables.

Decides: whether a sound of the caller that began while the agent is audible is an interruption by now, and in which order
the agent is silenced (`ABORT_CHAIN`). Does not decide whether interrupting is allowed at all (`duplex.py`, which runs it),
nor whether it was a mistake (`false_interruption.py`). `session/abort_chain.py` carries the chain out.

| the caller, while the agent is audible                          | interrupts                               |
|-----------------------------------------------------------------|------------------------------------------|
| recognised words, not all ignorable                             | yes, at once                             |
| ignorable words only (“mm-hm”), however long                    | no                                       |
| a sound without words yet, of `interruption_by_sound_s`         | yes                                      |
| a shorter sound                                                 | no; its words may still, when they come  |
| a sound that had begun before the agent became audible          | no; only by its words                    |
| any of it while something protected is said or still to be said | no; the words are kept for afterwards    |

`interruption_by_sound_s` (agent_config.py) is where two wishes meet. By length alone “stop” (0.3-0.5 s) cannot be told
from “okay” (0.3-0.6 s) or a cough. An agent with words to ignore therefore waits for the words of a sound no longer than
its `longest_backchannel_s`; one with `longest_backchannel_s` 0, or without such words, is stopped by every sound of
`min_interruption_s`: as fast as can be, and by coughs too. What was stopped without words is taken up again.

How long a sound lasts is told by the ear (`SpeechLasted`). An ear that does not measure that only ever reports the end, and
some time after it: without either, the sound is taken to have lasted once `END_KNOWN_AFTER_S` more have passed.

Protected is what must be heard out: a notice, a goodbye, an apology, and the agent's `protected_kinds`.
"""

import enum
import re
from collections.abc import Set

from backend.call.agent_config import TurnTakingSettings
from backend.call.commands import SpeechKind

ALWAYS_PROTECTED: frozenset[SpeechKind] = frozenset({"notice", "goodbye", "apology"})
END_KNOWN_AFTER_S = 0.25
"""How long after the last sample of a sound its end is reported at the latest."""
_NOT_A_WORD = re.compile(r"[^\w'-]+")


class AbortLeg(enum.Enum):
    """One leg of the abort chain."""

    REFUSE_PENDING = "refuse_pending"
    STOP_SENDER = "stop_sender"
    CLEAR_CARRIER = "clear_carrier"
    CANCEL_VOICE = "cancel_voice"
    CLOSE_MODEL = "close_model"
    REOPEN_RECOGNISER = "reopen_recogniser"
    VOID_IN_STORE = "void_in_store"
    CUT_HISTORY = "cut_history"


ABORT_CHAIN = (
    AbortLeg.CUT_HISTORY,  # by the core, in the same `handle` that asks for the rest: nobody sees a word too many
    AbortLeg.REFUSE_PENDING,  # what was asked for and has no audio yet is refused when it comes
    AbortLeg.STOP_SENDER,  # before `clear`, or a frame could follow it
    AbortLeg.CLEAR_CARRIER,  # the caller hears silence from here on
    AbortLeg.CANCEL_VOICE,  # down to the thread that computes
    AbortLeg.CLOSE_MODEL,
    AbortLeg.REOPEN_RECOGNISER,  # closed now, open again 200 ms later; only when the caller interrupted
    AbortLeg.VOID_IN_STORE,  # for the other workers: a late end of these playbacks raises no flag
)
"""All legs in the order in which they begin. Those up to the carrier wait for nothing and run one after the other; the
rest run side by side, so that none waits for a slow one."""


class Cause(enum.Enum):
    """What stopped the agent."""

    WORDS = "words"
    SOUND = "sound"


def is_ignorable(text: str, ignored_words: list[str]) -> bool:
    """True if `text` has no words but ignored ones."""
    ignored = {word.lower() for word in ignored_words}
    words = [word for word in _NOT_A_WORD.split(text.lower()) if word]
    return all(word in ignored for word in words)


class BargeIn:
    """Watches the caller's voice for one call. `kinds` below: of all that is audible or asked for, empty while nothing
    is audible."""

    def __init__(self, settings: TurnTakingSettings) -> None:
        self._settings = settings
        self._protected = ALWAYS_PROTECTED | set(settings.protected_kinds)
        self._voice_since: float | None = None
        self._has_lasted = False
        self._words = ""

    # --- facts ---

    def speech_started(self, at: float) -> None:
        self._voice_since = at
        self._has_lasted = False
        self._words = ""

    def speech_lasted(self, now: float) -> None:
        """The present sound is long enough, by its sound."""
        if self._voice_since is not None and now >= self._voice_since + self._settings.interruption_by_sound_s:
            self._has_lasted = True

    def speech_ended(self) -> None:
        self._voice_since = None
        self._has_lasted = False

    def words_heard(self, text: str) -> None:
        self._words = text

    def quiet(self) -> None:
        """The agent is not audible (any more): what was heard so far interrupts nothing."""
        self.speech_ended()
        self._words = ""

    # --- answers ---

    def deadline(self, kinds: Set[SpeechKind]) -> float | None:
        """When the present sound becomes an interruption if nothing more is heard; None if it never does."""
        if not kinds or kinds & self._protected or self._voice_since is None or self._only_ignorable():
            return None
        lasts_s = self._settings.interruption_by_sound_s
        return self._voice_since + (lasts_s if self._has_lasted else lasts_s + END_KNOWN_AFTER_S)

    def interrupts(self, now: float, kinds: Set[SpeechKind]) -> Cause | None:
        """What interrupts speech of these kinds at `now`."""
        if not kinds or kinds & self._protected:
            return None
        if self._words and not self._only_ignorable():
            return Cause.WORDS
        due_at = self.deadline(kinds)
        return Cause.SOUND if due_at is not None and now >= due_at else None

    def _only_ignorable(self) -> bool:
        return bool(self._words) and is_ignorable(self._words, self._settings.ignored_words)
