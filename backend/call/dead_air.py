"""The caller's silence: when to check in, when to say goodbye and hang up.

Decides: nothing but that. It is given facts by `conversation.py` (the caller's words and sounds; that the agent was
heard to its end, or is busy) and answers two questions: when is the next deadline, and what is due now.
Whether *we* are too slow is `no_progress.py`; what counts as heard is `playback.py`.

| silence so far                    | check-ins so far | due                                                    |
|-----------------------------------|------------------|--------------------------------------------------------|
| silence_timeout_normal            | fewer than max   | the next check-in                                      |
| silence_timeout_hold_on           | fewer than max   | the same, while the caller's “hold on” holds           |
| final_wait                        | max              | goodbye, hang-up                                       |
| silence_timeout_…, if max is 0    | 0                | goodbye, hang-up                                       |

| fact                    | the clock                                                     | the count   | hold      |
|-------------------------|---------------------------------------------------------------|-------------|-----------|
| agent heard to its end  | starts, as of that moment                                     | –           | –         |
| agent busy              | stops (speaking, or an answer is being made)                  | –           | –         |
| caller's words          | stops                                                         | back to 0   | ends      |
| “hold on”, `hold` tool  | –                                                             | –           | begins    |
| a sound without words   | pauses, by at most `NOISE_ALLOWANCE_S` in all per silence     | –           | –         |

All times come from the agent's settings. State is timestamps, no latch: whatever happens, `deadline()` is finite while
the clock runs, and the clock runs whenever the agent is neither heard nor busy.
"""

from dataclasses import dataclass

from backend.call.agent_config import DeadAirSettings

NOISE_ALLOWANCE_S = 10.0
"""How long sounds in which nobody recognised a word can postpone a check-in, in all: a barking dog cannot hold a line."""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Say check-in `number` (from 1)."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The caller is gone: say goodbye if there is one, hang up."""


class DeadAir:
    """One call's silence clock."""

    def __init__(self, settings: DeadAirSettings) -> None:
        self.settings = settings
        self.checkins = 0
        self.on_hold = False
        self._silent_since: float | None = None
        self._noise_since: float | None = None
        self._noise_s = 0.0

    # --- facts ---

    def agent_heard(self, at: float) -> None:
        """The caller heard the agent finish at `at`, and it is the caller's turn."""
        if self._silent_since is None:
            self._silent_since = at
            self._noise_s = 0.0
            if self._noise_since is not None:
                self._noise_since = max(self._noise_since, at)

    def agent_busy(self) -> None:
        """The agent is audible, or an answer is being made: not the caller's silence."""
        self._silent_since = None

    def words_heard(self) -> None:
        """The caller really spoke."""
        self.checkins = 0
        self.on_hold = False
        self._silent_since = None

    def hold_asked(self) -> None:
        """The caller wants time."""
        self.on_hold = True

    def noise_started(self, at: float) -> None:
        """The caller made a sound; nobody knows yet whether it has words."""
        self._noise_since = at

    def noise_ended(self, at: float) -> None:
        if self._noise_since is not None:
            self._noise_s += max(0.0, at - self._noise_since)
            self._noise_since = None

    # --- answers ---

    def deadline(self) -> float | None:
        """When something is due if nothing happens until then; None while the clock is stopped."""
        if self._silent_since is None:
            return None
        pause_s = min(self._noise_s, NOISE_ALLOWANCE_S)
        due_at = self._silent_since + self._timeout_s() + pause_s
        if self._noise_since is not None and self._noise_since < due_at:
            # The sound goes on: it may use up what is left of the allowance.
            due_at += NOISE_ALLOWANCE_S - pause_s
        return due_at

    def due(self, now: float) -> CheckIn | GiveUp | None:
        """What is due at `now`; counts a check-in as given and stops the clock until it was heard."""
        due_at = self.deadline()
        if due_at is None or now < due_at:
            return None
        self._silent_since = None
        if self.checkins >= self.settings.max_checkins_before_disconnect:
            return GiveUp()
        self.checkins += 1
        return CheckIn(self.checkins, self.settings.checkin_text(self.checkins))

    def _timeout_s(self) -> float:
        allowed = self.settings.max_checkins_before_disconnect
        if allowed > 0 and self.checkins >= allowed:
            return self.settings.final_wait
        return self.settings.silence_timeout_hold_on if self.on_hold else self.settings.silence_timeout_normal
