"""The caller's side: what their sounds, words and keys mean, given what the agent is doing.

Decides: which words are the caller's turn, which only correct what was taken already, which are mere “mm-hm” under the
agent's voice. The rules of time stand in `endpointing.py` (when a turn has ended), `duplex.py` (when a sound
interrupts), `false_interruption.py` (when that was a mistake) and `dead_air.py` (silence), which it feeds. Does not
decide what follows: `conversation.py`, which runs it, stops the agent and asks the model.

| words                                                  | mean                                                     |
|--------------------------------------------------------|----------------------------------------------------------|
| within `LATE_FINAL_S` of a turn taken by interim text  | its final form: the record is corrected, nobody answers  |
| interim, the beginning of the last final text, without | nothing: the final text overtook them on their way, and  |
| a sound of the caller since, within `LATE_FINAL_S`     | nobody should wait for the rest of them                  |
| ignorable, while the agent is audible, or was stopped  | that somebody listens; no turn by themselves             |
| by a sound and may go on                               |                                                          |
| “hold on”                                              | the longer silence, from the turn's end                  |
| all others, and keys                                   | the caller is active                                     |
"""

from backend.call.agent_config import AgentConfig
from backend.call.barge_in import Cause, is_ignorable
from backend.call.commands import SpeechKind
from backend.call.dead_air import DeadAir
from backend.call.duplex import choose_duplex
from backend.call.endpointing import Endpointing, Guess
from backend.call.events import (
    DtmfReceived,
    SpeechEnded,
    SpeechLasted,
    SpeechStarted,
    ToneHeard,
    TranscriptReceived,
    TurnEndPredicted,
)
from backend.call.false_interruption import FalseInterruption
from backend.call.history import Entry, History
from backend.call.playback import Ledger
from backend.call.tools import asks_to_hold
from backend.call.wording import is_beginning_of

LATE_FINAL_S = 5.0
"""How long after an interim text was taken as the turn its final form is a correction, not a new turn."""

CallerEvent = (
    SpeechStarted | SpeechLasted | SpeechEnded | TurnEndPredicted | ToneHeard | TranscriptReceived | DtmfReceived
)


class Hearing:
    """One call's ear. `ledger` is only read."""

    def __init__(
        self,
        agent: AgentConfig,
        may_barge_in: bool,
        endpointing: Endpointing,
        dead_air: DeadAir,
        ledger: Ledger,
        history: History,
    ) -> None:
        self._agent = agent
        self._ignored_words = agent.settings.turn_taking.ignored_words
        self._duplex = choose_duplex(agent.settings.turn_taking, may_barge_in)
        self.false_interruption = FalseInterruption(agent.settings.turn_taking)
        self._endpointing = endpointing
        self._dead_air = dead_air
        self._ledger = ledger
        self._history = history
        self._unconfirmed: Entry | None = None
        """The last turn, while it rests on interim text."""
        self._words_while_speaking = False
        self._last_final: tuple[str, float] | None = None
        """The last final text and its time, as long as the caller has not made a sound since."""

    # --- facts ---

    def take(self, event: CallerEvent, now: float) -> bool:
        """True if the caller is active: real words, or keys."""
        match event:
            case SpeechStarted():
                self._unconfirmed = self._last_final = None
                self._dead_air.noise_started(event.at)
                self._endpointing.speech_started()
                self._duplex.speech_started(event.at)
                self.false_interruption.speech_started()
            case SpeechLasted():
                self._duplex.speech_lasted(now)
            case SpeechEnded():
                self._dead_air.noise_ended(event.at)
                self._endpointing.speech_ended(event.at)
                self._duplex.speech_ended()
                self.false_interruption.speech_ended(event.at)
            case TurnEndPredicted():
                self._endpointing.end_predicted(event.probability, event.at)
            case ToneHeard():
                self._history.tone_heard(event.label, now)
            case DtmfReceived():
                self._endpointing.key_pressed(event.digit, now)
                self.false_interruption.forget()
                return True
            case TranscriptReceived() if text := event.text.strip():
                return self._take_words(text, event.is_final, now)
        return False

    def _take_words(self, text: str, is_final: bool, now: float) -> bool:
        if self._unconfirmed is not None and now - self._unconfirmed.at <= LATE_FINAL_S:
            if is_final:
                self._unconfirmed.text = text
                self._unconfirmed = None
                self._note_hold(text)
            return False
        if is_final:
            self._last_final = (text, now)
        elif self._was_overtaken(text, now):
            return False
        self._duplex.words_heard(text)
        self._endpointing.words_heard(text, is_final, now)
        if not (self._ledger.audible() or self.false_interruption.is_pending):
            return True
        self._words_while_speaking = True
        if is_ignorable(text, self._ignored_words):
            return False
        self.false_interruption.forget()
        return True

    def _was_overtaken(self, text: str, now: float) -> bool:
        if self._last_final is None:
            return False
        whole, at = self._last_final
        return now - at <= LATE_FINAL_S and is_beginning_of(text, whole)

    def _note_hold(self, text: str) -> None:
        if asks_to_hold(text, self._agent.language):
            self._dead_air.hold_asked()

    def forget(self) -> None:
        """What was gathered is nobody's turn any more, and nothing is taken up again."""
        self._endpointing.forget()
        self.false_interruption.forget()

    # --- answers ---

    @property
    def expects_more(self) -> bool:
        """Something was gathered that is not taken as a turn yet, or the agent may go on after a false interruption."""
        return self._endpointing.has_words or self.false_interruption.is_pending

    @property
    def voice_ended_at(self) -> float | None:
        return self._endpointing.last_speech_ended_at

    def guess(self) -> Guess | None:
        """What the caller's turn will be if nothing more comes."""
        if self._words_while_speaking and is_ignorable(self._endpointing.text, self._ignored_words):
            return None
        return self._endpointing.guess()

    def deadline(self, may_take_turn: bool, may_interrupt: bool) -> float | None:
        candidates = (
            self._endpointing.deadline() if may_take_turn else None,
            self._duplex.deadline(self._kinds()) if may_interrupt else None,
            self.false_interruption.deadline(),
        )
        return min((at for at in candidates if at is not None), default=None)

    def interrupts(self, now: float, may_interrupt: bool) -> Cause | None:
        """What of the caller's voice stops what the agent is saying."""
        kinds = self._kinds()
        if not kinds:
            self._duplex.quiet()
        elif may_interrupt and (cause := self._duplex.interrupts(now, kinds)):
            self._words_while_speaking = False
            return cause
        return None

    def take_turn(self, now: float) -> bool:
        """The caller's turn has ended: it stands in the history now. Ask only when the agent could answer."""
        if self._words_while_speaking:
            self._words_while_speaking = False
            if is_ignorable(self._endpointing.text, self._ignored_words):
                self._endpointing.forget()
        text = self._endpointing.take(now)
        if text is None:
            return False
        self._history.caller_said(text, now)
        if self._endpointing.took_interim:
            self._unconfirmed = self._history.entries[-1]
        self._note_hold(text)
        return True

    def _kinds(self) -> set[SpeechKind]:
        """What an interruption would cut; nothing while the agent is not audible."""
        return self._ledger.unfinished_kinds() if self._ledger.audible() else set()
