"""When the caller's turn has ended.

Decides: the moment at which the words gathered so far are taken as the caller's turn. Does not decide what follows, nor
whether the agent is in a position to answer (`conversation.py` asks only when it is).

| the caller is        | words            | the turn ends                                                    |
|----------------------|------------------|------------------------------------------------------------------|
| silent               | final            | min_endpointing_delay_s after the last speech sample             |
| silent               | interim only     | max_endpointing_delay_s after the last speech sample             |
| still making a sound | final            | `STUCK_VOICE_S` after the last words: a voice detector can stick |
| any                  | keys pressed     | `KEY_PAUSE_S` after the last key                                 |
| any                  | none             | never: a sound without words is no turn                          |

Words for which no voice was detected (it was missed, or the last sound is older than the longest wait) count as speech that
ended when they came.
"""

from backend.call.agent_config import TurnTakingSettings

STUCK_VOICE_S = 5.0
KEY_PAUSE_S = 1.5


class Endpointing:
    """Gathers the caller's words until their turn has ended."""

    def __init__(self, settings: TurnTakingSettings) -> None:
        self._settings = settings
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

    def speech_ended(self, at: float) -> None:
        self._is_speaking = False
        self._is_end_inferred = False
        self._speech_ended_at = at
        self.last_speech_ended_at = at

    def words_heard(self, text: str, is_final: bool, now: float) -> None:
        """`text` must not be blank. A final text replaces the interim one."""
        if not self._is_speaking and self._was_voice_missed(now):
            self._is_end_inferred = True
            self._speech_ended_at = now
            self.last_speech_ended_at = now
        self._words_at = now
        if is_final:
            self._finals.append(text.strip())
            self._interim = ""
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

    def deadline(self) -> float | None:
        """When the turn ends if nothing more comes; None without words."""
        candidates = []
        if self._key_at is not None:
            candidates.append(self._key_at + KEY_PAUSE_S)
        if self._words_at is not None:
            if self._is_speaking:
                candidates.append(self._words_at + max(STUCK_VOICE_S, self._settings.max_endpointing_delay_s))
            elif self._speech_ended_at is not None:
                is_known = self._finals and not self._interim
                settings = self._settings
                delay_s = settings.min_endpointing_delay_s if is_known else settings.max_endpointing_delay_s
                candidates.append(self._speech_ended_at + delay_s)
        return min(candidates, default=None)

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
            self._speech_ended_at = None
            self._is_end_inferred = False
