"""Our own silence: it is our turn and nothing reaches the caller.

Decides: when to say a filler, when to try again elsewhere, when to apologise and give up. Does not decide how (that is
`conversation.py`). No flag pauses this clock: it runs whenever something is owed and no owed audio is audible, and it is
not stopped by its own filler.

| owed and nothing heard for | due      |
|----------------------------|----------|
| filler_after_s             | FILLER   |
| retry_after_s              | RETRY    |
| give_up_after_s            | GIVE_UP  |

RETRY concerns whatever is stuck: pieces without audio are said again with the fallback voice; if it is the answer that
does not come, the fallback model is asked.
Owed audio that becomes audible resets the clock; it starts again from that audio's end if more is owed.
"""

import enum

from backend.call.agent_config import NoProgressSettings


class Step(enum.IntEnum):
    """What is due, in this order, each once per wait."""

    FILLER = 1
    RETRY = 2
    GIVE_UP = 3


class NoProgress:
    """One call's clock of our own silence."""

    def __init__(self, settings: NoProgressSettings) -> None:
        self._after_s = {
            Step.FILLER: settings.filler_after_s,
            Step.RETRY: settings.retry_after_s,
            Step.GIVE_UP: settings.give_up_after_s,
        }
        self._waiting_since: float | None = None
        self._last_step = 0

    def owed(self, since: float) -> None:
        """Something is owed and not audible, since `since`. Repeating this changes nothing."""
        if self._waiting_since is None:
            self._waiting_since = since
            self._last_step = 0

    def satisfied(self) -> None:
        """Owed audio is audible, or nothing is owed any more."""
        self._waiting_since = None

    def deadline(self) -> float | None:
        if self._waiting_since is None or self._last_step >= Step.GIVE_UP:
            return None
        return self._waiting_since + self._after_s[Step(self._last_step + 1)]

    def due(self, now: float) -> Step | None:
        """The next step if its time has come; each is returned once."""
        due_at = self.deadline()
        if due_at is None or now < due_at:
            return None
        self._last_step += 1
        return Step(self._last_step)
