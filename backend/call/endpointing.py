"""When the caller's turn has ended.

Decides: the moment at which the words gathered so far are taken as the caller's turn. Does not decide what follows, nor
whether the agent is in a position to answer (`conversation.py` asks only when it is), nor what the end of a text looks
like (`unfinished.py`) or sounds like (`engines/smart_turn.py`, whose verdict comes as a fact).

The wait is counted from the last speech sample. It lies between the agent's `min_endpointing_delay_s` and
`max_endpointing_delay_s`: min + part × (max − min).

| the caller is        | words                            | the voice, if judged  | part of the span              |
|----------------------|----------------------------------|-----------------------|-------------------------------|
| silent               | final                            | complete              | 0: min                        |
| silent               | final                            | incomplete            | 1: max                        |
| silent               | final, end like a sentence       | no verdict, or unsure | 0: min                        |
| silent               | final, no mark at the end        | no verdict, or unsure | `NO_MARK_PART`; 0 as long as  |
|                      |                                  |                       | the recogniser wrote no mark  |
| silent               | final, end in “and”, “um”, a comma | no verdict, or unsure | `HANGING_PART`              |
| silent               | final, digits are being dictated | no verdict, or unsure | `DIGITS_PART`                 |
| silent               | interim only, or after the final | anything              | 1: max; they are not known yet |
| silent               | final, but they came late        | as above              | as above: at once if it is over |

| the caller is        | words                            | the turn ends                                          |
|----------------------|----------------------------------|--------------------------------------------------------|
| still making a sound | any                              | `STUCK_VOICE_S` after the last words: a detector can stick |
| any                  | keys pressed                     | `KEY_PAUSE_S` after the last key                       |
| any                  | none                             | never: a sound without words is no turn                |

The voice is judged once per pause. A verdict counts for the pause it was made in; the caller's next sound ends that.
Words for which no voice was detected (it was missed, or the last sound is older than the longest wait) count as speech that
ended when they came.
"""

from dataclasses import dataclass

from backend.call.agent_config import TurnTakingSettings
from backend.call.unfinished import WordsEnd, how_words_end

STUCK_VOICE_S = 5.0
KEY_PAUSE_S = 1.5
NO_MARK_PART = 0.2
HANGING_PART = 0.6
DIGITS_PART = 0.6
SPECULATE_AFTER_S = 0.2
"""Silence after which the words so far are a guess at the turn: what a voice activity detector needs to be sure."""
COMPLETE_FROM = 0.7
"""From this probability on the voice is taken as that of somebody who has finished."""
INCOMPLETE_UP_TO = 0.3
"""Up to this one, of somebody who has not. In between the words decide."""
_PARTS = {
    WordsEnd.SENTENCE: 0.0,
    WordsEnd.NO_MARK: NO_MARK_PART,
    WordsEnd.HANGING: HANGING_PART,
    WordsEnd.DIGITS: DIGITS_PART,
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What the caller's turn will be if nothing more comes, and from when on that may be thought."""

    text: str
    from_at: float


class Endpointing:
    """Gathers the caller's words until their turn has ended."""

    def __init__(self, settings: TurnTakingSettings, language: str = "en") -> None:
        self._settings = settings
        self._language = language
        self._words_end = WordsEnd.HANGING
        """How the final words gathered so far end."""
        self._writes_marks = False
        """The recogniser has ended a text with a mark in this call."""
        self._verdict: float | None = None
        """Probability that the caller has finished, for the present pause."""
        self._finals: list[str] = []
        self._interim = ""
        self._keys = ""
        self._is_speaking = False
        self._speech_ended_at: float | None = None
        self._is_end_inferred = False
        self._words_at: float | None = None
        self._key_at: float | None = None
        self.last_speech_ended_at: float | None = None
        """When the caller's voice last fell silent, kept for the latency report."""
        self.took_interim = False
        """The last turn taken ended with words that were not final yet."""

    def speech_started(self) -> None:
        self._is_speaking = True
        self._is_end_inferred = False
        self._verdict = None

    def speech_ended(self, at: float) -> None:
        self._is_speaking = False
        self._is_end_inferred = False
        self._verdict = None
        self._speech_ended_at = at
        self.last_speech_ended_at = at

    def end_predicted(self, probability: float, at: float) -> bool:
        """The voice was judged, in the pause after the speech that ended at `at`. False if that pause is over."""
        if self._is_speaking or self._is_end_inferred or at != self._speech_ended_at:
            return False
        self._verdict = probability
        return True

    def words_heard(self, text: str, is_final: bool, now: float) -> None:
        """`text` must not be blank. A final text replaces the interim one."""
        if not self._is_speaking and self._was_voice_missed(now):
            self._is_end_inferred = True
            self._verdict = None
            self._speech_ended_at = now
            self.last_speech_ended_at = now
        self._words_at = now
        if is_final:
            self._finals.append(text.strip())
            self._interim = ""
            self._words_end = how_words_end(" ".join(self._finals), self._language)
            self._writes_marks = self._writes_marks or self._words_end == WordsEnd.SENTENCE
        else:
            self._interim = text.strip()

    def _was_voice_missed(self, now: float) -> bool:
        if self._speech_ended_at is None or self._is_end_inferred:
            return True
        return self._words_at is None and now > self._speech_ended_at + self._settings.max_endpointing_delay_s

    def key_pressed(self, digit: str, now: float) -> None:
        self._keys += digit
        self._key_at = now

    @property
    def has_words(self) -> bool:
        return bool(self._finals or self._interim or self._keys)

    @property
    def text(self) -> str:
        """What was gathered, for the history."""
        parts = [*self._finals, self._interim] if self._interim else list(self._finals)
        if self._keys:
            parts.append(f"[pressed {' '.join(self._keys)}]")
        return " ".join(parts)

    def guess(self) -> Guess | None:
        """None while the caller makes a sound or sounds unfinished, without words, and with keys."""
        if self._is_speaking or self._keys or self._words_at is None or self._speech_ended_at is None:
            return None
        if self._verdict is not None and self._verdict <= INCOMPLETE_UP_TO:
            return None
        text = self.text
        if how_words_end(text, self._language) in (WordsEnd.HANGING, WordsEnd.DIGITS):
            return None
        return Guess(text, self._speech_ended_at + SPECULATE_AFTER_S)

    def deadline(self) -> float | None:
        """When the turn ends if nothing more comes; None without words."""
        candidates = []
        if self._key_at is not None:
            candidates.append(self._key_at + KEY_PAUSE_S)
        if self._words_at is not None:
            if self._is_speaking:
                candidates.append(self._words_at + max(STUCK_VOICE_S, self._settings.max_endpointing_delay_s))
            elif self._speech_ended_at is not None:
                candidates.append(self._speech_ended_at + self._delay_s())
        return min(candidates, default=None)

    def _delay_s(self) -> float:
        """The wait of the table, for a caller who is silent."""
        shortest_s, longest_s = self._settings.min_endpointing_delay_s, self._settings.max_endpointing_delay_s
        return shortest_s + self._part() * (longest_s - shortest_s)

    def _part(self) -> float:
        if self._interim or not self._finals:
            return 1.0
        if self._verdict is not None and not INCOMPLETE_UP_TO < self._verdict < COMPLETE_FROM:
            return 0.0 if self._verdict >= COMPLETE_FROM else 1.0
        if self._words_end == WordsEnd.NO_MARK and not self._writes_marks:
            return 0.0
        return _PARTS[self._words_end]

    def take(self, now: float) -> str | None:
        """The caller's turn, if it has ended by `now`; then starts afresh."""
        due_at = self.deadline()
        if due_at is None or now < due_at:
            return None
        text = self.text
        self.took_interim = bool(self._interim)
        self.forget()
        return text

    def forget(self) -> None:
        """Throw away what was gathered."""
        self._finals.clear()
        self._interim = self._keys = ""
        self._words_at = self._key_at = None
        if not self._is_speaking:
            self._speech_ended_at = self._verdict = None
            self._is_end_inferred = False
