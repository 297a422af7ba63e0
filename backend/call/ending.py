"""Ending a call on purpose: why by itself, how long what is still being said may take, and that the leg is really gone.

Decides: when a call has lasted too long or has lost its media; once it is *closing*, when the leg is hung up; who ended it
and with which outcome. Does not decide what is said at the end. Asking again for an unconfirmed hang-up is `hangup.py`,
inside. `conversation.py` runs it and closes calls for all other reasons (silence, failure, tools, machines, drain).

| not closing, and                              | due                            |
|-----------------------------------------------|--------------------------------|
| a minute of max_call_duration is left         | the model is warned            |
| max_call_duration is over                     | close, with the goodbye        |
| media lost for `MEDIA_GRACE_S`                | close, without a word          |
| handed over to somebody else                  | nothing of this                |

| closing, and                                  | the leg is hung up, or the wanted transfer is made              |
|-----------------------------------------------|-----------------------------------------------------------------|
| nothing more is said or made                  | at once, or when what was said last was heard                   |
| something is audible                          | when it was heard                                               |
| something is still being made, none audible   | `CLOSING_PATIENCE_S` after the last audible                     |
| the media are lost                            | at once                                                         |
| any of these                                  | `CLOSING_AT_MOST_S` after it began, or when the worker must stop|
| handed over, or the hang-up was asked         | not by this                                                     |
"""

from dataclasses import dataclass
from typing import Literal

from backend.call.agent_config import DeadAirSettings
from backend.call.commands import FinishCall
from backend.call.hangup import HangUpConfirmation, who_hung_up
from backend.call.playback import Ledger

CLOSING_PATIENCE_S = 6.0
"""How long a goodbye may take to become audible before we hang up without it."""
CLOSING_AT_MOST_S = 90.0
"""How long a call that is being ended may go on talking: longer than the longest goodbye."""
MEDIA_GRACE_S = 2.0
"""How long after the loss of the media socket the hang-up that explains it may take to arrive."""
WARN_BEFORE_MAX_S = 60.0
_OUTCOME_OF_WHO = {"caller": "caller_hung_up", "agent": "ended_by_command", "carrier": "ended_by_carrier"}
"""Of a call that the conversation did not end itself. By command: our side hung up past it, such as over the API."""


@dataclass(slots=True)
class Closing:
    """The call is being ended: what is being said is heard first, then the leg is hung up (or handed to somebody)."""

    outcome: str
    since: float
    hang_up_by: float
    """However much is still to be said."""

    @property
    def may_be_revoked(self) -> bool:
        """The caller's words bring the conversation back, as long as the carrier was not asked yet."""
        return self.outcome == "caller_silent"


class Ending:
    """The end of one call. `ledger` is only read."""

    def __init__(self, settings: DeadAirSettings, ledger: Ledger, hangup: HangUpConfirmation) -> None:
        self._max_call_duration_s = settings.max_call_duration
        self._ledger = ledger
        self._hangup = hangup
        self._closing: Closing | None = None
        self._end_at: float | None = None
        self._is_warned = False
        self._media_lost_at: float | None = None

    # --- facts ---

    def begin(self, now: float) -> None:
        """The media have started: the longest call counts from here."""
        self._end_at = now + self._max_call_duration_s

    def media_lost(self, now: float) -> None:
        self._media_lost_at = now

    def close(self, outcome: str, now: float) -> bool:
        """End the call once everything was heard. False if it is closing already."""
        if self._closing is not None:
            return False
        self._closing = Closing(outcome, now, now + CLOSING_AT_MOST_S)
        return True

    def must_end_by(self, at: float) -> None:
        """The worker stops then."""
        if self._closing is not None:
            self._closing.hang_up_by = min(self._closing.hang_up_by, at)

    def caller_is_back(self) -> None:
        """A call that was closing for the caller's silence goes on, unless the carrier was already asked to end it."""
        if self._closing is not None and self._closing.may_be_revoked and not self._hangup.is_asked:
            self._closing = None

    # --- answers ---

    @property
    def is_closing(self) -> bool:
        return self._closing is not None

    @property
    def is_media_lost(self) -> bool:
        return self._media_lost_at is not None

    def deadline(self, is_answering: bool, is_handed_over: bool) -> float | None:
        """`is_answering`: the model is at it, so more may come. The hang-up's own deadline is in it."""
        candidates = (
            self._hangup.deadline(),
            None if is_handed_over else self._closing_deadline(is_answering),
            None if is_handed_over else self._length_deadline(),
            None if is_handed_over else self._media_deadline(),
        )
        return min((at for at in candidates if at is not None), default=None)

    def length_due(self, now: float, is_handed_over: bool) -> Literal["warn", "close"] | None:
        due_at = self._length_deadline()
        if due_at is None or now < due_at or is_handed_over:
            return None
        if self._is_warned:
            return "close"
        self._is_warned = True
        return "warn"

    def is_media_loss_due(self, now: float, is_handed_over: bool) -> bool:
        """Nobody explained it by a hang-up."""
        due_at = self._media_deadline()
        return due_at is not None and now >= due_at and not is_handed_over

    def is_hang_up_due(self, now: float, is_answering: bool, is_handed_over: bool) -> bool:
        """A closing call has said what it had to say, or had its time."""
        due_at = self._closing_deadline(is_answering)
        return due_at is not None and now >= due_at and not is_handed_over

    def finish(self, cause: str, source: str, direction: str, is_bridged: bool) -> FinishCall:
        """The leg is over. `cause` and `source` are the carrier's words."""
        who = "agent" if self._hangup.is_asked else who_hung_up(direction, cause, source)
        if is_bridged:
            outcome = "transferred"
        elif self._closing is not None:
            outcome = self._closing.outcome
        else:
            outcome = _OUTCOME_OF_WHO[who]
        return FinishCall(outcome, who, cause)

    # --- the two tables ---

    def _length_deadline(self) -> float | None:
        if self._end_at is None or self._closing is not None:
            return None
        return self._end_at if self._is_warned else self._end_at - WARN_BEFORE_MAX_S

    def _media_deadline(self) -> float | None:
        if self._media_lost_at is None or self._closing is not None:
            return None
        return self._media_lost_at + MEDIA_GRACE_S

    def _closing_deadline(self, is_answering: bool) -> float | None:
        closing = self._closing
        if closing is None or self._hangup.is_asked:
            return None
        if self._media_lost_at is not None:
            return closing.since
        if self._ledger.audible():
            return closing.hang_up_by
        silent_from = max(closing.since, self._ledger.heard_until)
        is_all_said = self._ledger.is_quiet() and not is_answering
        return min(silent_from if is_all_said else silent_from + CLOSING_PATIENCE_S, closing.hang_up_by)
