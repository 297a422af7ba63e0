"""Whose silence it is: which of the two clocks of silence runs.

Decides: that, anew after every event, from the state alone; no event starts or stops a clock, so none can be lost. The
clocks themselves are `dead_air.py` and `no_progress.py`. `conversation.py` runs it.

| the agent                        | caller's silence (dead_air) | our silence (no_progress) |
|----------------------------------|-----------------------------|---------------------------|
| is audible                       | stopped                     | stopped; a filler: runs   |
| owes an answer or asked-for words| stopped                     | runs                      |
| neither                          | runs                        | stopped                   |
| is closing, or transferring      | stopped                     | stopped                   |
| waits for a machine's tone       | stopped                     | stopped                   |

The last two rows have bounds of their own, in `ending.py`, `transfer.py` and `machine.py`.
"""

from backend.call.answering import Answer
from backend.call.dead_air import DeadAir
from backend.call.no_progress import NoProgress
from backend.call.playback import Ledger


class Clocks:
    """Both clocks of one call. `ledger` is only read."""

    def __init__(self, dead_air: DeadAir, no_progress: NoProgress, ledger: Ledger) -> None:
        self._dead_air = dead_air
        self._no_progress = no_progress
        self._ledger = ledger

    def stop(self) -> None:
        """Nobody owes anybody a word: one of the last two rows, or before the media."""
        self._dead_air.agent_busy()
        self._no_progress.satisfied()

    def follow(self, answer: Answer | None, is_more_expected: bool, idle_from: float) -> None:
        """The first three rows. `answer`: the one under way. `is_more_expected`: the caller has begun a turn, or somebody
        else is about to speak. `idle_from`: since when nothing was owed, if nothing is."""
        audible, requested = self._ledger.audible(), self._ledger.requested()
        owes = answer is not None or bool(requested)
        if owes and not any(piece.kind != "filler" for piece in audible):
            began_at = answer.began_at if answer is not None else requested[0].asked_at
            self._no_progress.owed(max(began_at, self._ledger.last_owed_heard_at()))
        else:
            self._no_progress.satisfied()
        if owes or audible or is_more_expected:
            self._dead_air.agent_busy()
        else:
            self._dead_air.agent_heard(max(self._ledger.heard_until, idle_from))
