"""Letting a recogniser listen, for sure: who hears the caller now, ask again when that failed, admit that we are deaf.

Decides: whose words count, when the carrier's transcription is asked for (again) and when it is no longer needed, when the
caller is asked to repeat, and that an agent who hears nothing must not go on. Does not decide what follows
(`conversation.py`, which runs it, speaks and apologises), nor when a recogniser of our own counts as lost or away
(`hearing_loss.py`). A caller who cannot be heard looks like one who is silent: without this the call would end as “caller
silent” while somebody talks.

The carrier's transcription, alone or standing in:

| asked            | 1        | 2         | 3         | 4         | 5         | failed then |
|------------------|----------|-----------|-----------|-----------|-----------|-------------|
| after a failure  | at once  | 1 s later | 2 s later | 4 s later | 8 s later | GIVE_UP     |

| fact                              | follows                                                                     |
|-----------------------------------|-----------------------------------------------------------------------------|
| the request failed                | the next cell above, counted from the failure; told twice is told once      |
| the caller's words                | we do hear: nothing is asked any more, whatever failed or fails             |
| no failure for `TAKEN_AFTER_S`    | the request is taken as granted: the carrier says nothing when it works     |

A recogniser of our own (`RecogniserReady`, `RecogniserLost`, `RecogniserAway`):

| fact   | whose words count | carrier's transcription | was a voice lost, the caller is asked to repeat                  |
|--------|-------------------|-------------------------|------------------------------------------------------------------|
| ready  | its own           | STOP if it was asked    | after `RECOVERED_WITHIN_S` without words: the new stream is fed  |
|        |                   |                         | what the old one had not understood                              |
| lost   | its own           | –                       | not yet: nobody would hear it                                    |
| away   | the carrier's     | ASK                     | at once                                                          |

One hole, one question: it is not repeated before there were words. Words of somebody else than who counts are dropped, and
so are interim words of the carrier that come within `LATE_INTERIM_S` after their own final form: webhooks overtake each
other.
"""

import enum

from backend.call.commands import StartTranscription, StopTranscription
from backend.call.events import (
    TYPED,
    RecogniserAway,
    RecogniserLost,
    RecogniserReady,
    RecogniserReport,
    TranscriptReceived,
)

CARRIER = "carrier"
ASK_AGAIN_AFTER_S = (1.0, 2.0, 4.0, 8.0)
TAKEN_AFTER_S = 6.0
"""A refused request is known by then: the carrier has 5 s to answer."""
RECOVERED_WITHIN_S = 1.0
LATE_INTERIM_S = 2.0


class ListeningStep(enum.Enum):
    ASK = "ask"
    STOP = "stop"
    GIVE_UP = "give_up"


class Listening:
    """Whether one call's caller can be heard, and by whom."""

    def __init__(self, recogniser: str = CARRIER) -> None:
        self.recogniser = recogniser
        """Who shall hear the caller."""
        self.source = recogniser
        """Whose words count now."""
        self._number = 0
        self._attempts = 0
        self._asked_at = 0.0
        self._next_at: float | None = None
        self._is_settled = False
        """We hear, or have given up: nothing is asked any more."""
        self._is_stop_due = False
        self._is_own_ready = False
        self._is_voice_lost = False
        self._repeat_at: float | None = None
        self._was_repeat_asked = False
        self._final = ""
        self._final_at = float("-inf")

    # --- the carrier's transcription ---

    def begin(self, now: float) -> StartTranscription:
        """The call wants to be heard."""
        return self.ask(now) if self.recogniser == CARRIER else StartTranscription(recogniser=self.recogniser)

    def ask(self, now: float) -> StartTranscription:
        """Ask the carrier (again)."""
        self._number += 1
        self._attempts += 1
        self._asked_at = now
        self._next_at = None
        return StartTranscription(self._number)

    def stop(self) -> StopTranscription:
        """The carrier's is not needed any more."""
        self._is_stop_due = False
        return StopTranscription(self._number)

    def failed(self, now: float) -> bool:
        """The request was refused or got no answer. False if nothing follows."""
        if self._attempts == 0 or self._next_at is not None or self._is_settled:
            return False
        waits = (*ASK_AGAIN_AFTER_S, 0.0)
        self._next_at = now + waits[min(self._attempts, len(waits)) - 1]
        return True

    # --- our own recogniser ---

    def take(self, event: RecogniserReport, now: float) -> None:
        """What became of it."""
        match event:
            case RecogniserReady():
                self._ready(now)
            case RecogniserLost():
                self._is_own_ready = False
                self._note_lost_voice(event.is_voice_lost)
            case RecogniserAway():
                self._away(event.is_voice_lost, now)

    def _ready(self, now: float) -> None:
        self._is_own_ready = True
        self.source = self.recogniser
        self._is_stop_due = self._attempts > 0
        self._attempts = 0
        self._next_at = None
        if self._is_voice_lost and self._repeat_at is None:
            self._repeat_at = now + RECOVERED_WITHIN_S

    def _away(self, is_voice_lost: bool, now: float) -> None:
        self._is_own_ready = self._is_settled = self._is_stop_due = False
        self.source = CARRIER
        self._attempts = 0
        self._next_at = now
        self._note_lost_voice(is_voice_lost)
        if self._is_voice_lost:
            self._repeat_at = now

    def _note_lost_voice(self, is_voice_lost: bool) -> None:
        self._is_voice_lost = self._is_voice_lost or (is_voice_lost and not self._was_repeat_asked)

    # --- words ---

    def accepts(self, event: TranscriptReceived, now: float) -> bool:
        """These words count. If so, they are the best proof that we hear; written ones count always and prove nothing."""
        if event.recogniser == TYPED:
            return True
        if event.recogniser != self.source or self._is_overtaken(event, now):
            return False
        if event.is_final:
            self._final, self._final_at = _letters(event.text), now
        self._is_settled = True
        self._next_at = self._repeat_at = None
        self._is_voice_lost = self._was_repeat_asked = False
        return True

    def _is_overtaken(self, event: TranscriptReceived, now: float) -> bool:
        if event.is_final or event.recogniser != CARRIER or now > self._final_at + LATE_INTERIM_S:
            return False
        return self._final.startswith(_letters(event.text))

    # --- answers ---

    def is_deaf(self, now: float) -> bool:
        """As far as is known, the caller could speak and we would not hear it."""
        if self.source != CARRIER:
            return not self._is_own_ready
        if self._is_settled or self._attempts == 0:
            return False
        return self._next_at is not None or (self._attempts > 1 and now < self._asked_at + TAKEN_AFTER_S)

    def deadline(self, may_speak: bool = False) -> float | None:
        """`may_speak`: nothing else is being said, so the caller could be asked to repeat."""
        candidates = (self._next_at, self._repeat_at if may_speak else None)
        return min((at for at in candidates if at is not None), default=None)

    def due(self, now: float) -> ListeningStep | None:
        """ASK until `ask` was called, STOP until `stop` was; GIVE_UP once."""
        if self._is_stop_due:
            return ListeningStep.STOP
        if self._next_at is None or now < self._next_at:
            return None
        if self._attempts <= len(ASK_AGAIN_AFTER_S):
            return ListeningStep.ASK
        self._next_at = None
        self._is_settled = True
        return ListeningStep.GIVE_UP

    def take_repeat(self, now: float) -> bool:
        """The caller is to be asked to repeat, once: the asker must be able to speak now."""
        if self._repeat_at is None or now < self._repeat_at:
            return False
        self._repeat_at = None
        self._is_voice_lost = False
        self._was_repeat_asked = True
        return True


def _letters(text: str) -> str:
    """As it is compared: a final text has capitals and punctuation that its interim form had not."""
    return "".join(letter for letter in text.lower() if letter.isalnum())
