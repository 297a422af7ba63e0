"""Ending the leg for sure: ask, wait for the carrier's confirmation, ask again, then leave it to the reconciler.

Decides: when to (re)ask. `conversation.py` runs it. Asked once, a hang-up is never withdrawn.

| attempt           | 1        | 2           | 3           | 4           | then                              |
|-------------------|----------|-------------|-------------|-------------|-----------------------------------|
| asked             | at once  | after 1 s   | 2 s later   | 4 s later   | UNCONFIRMED `LAST_WAIT_S` later   |

And afterwards: who ended it, in our words (`who_hung_up`). The carrier speaks of its two ends, of which we are the called
one on a leg that rang us and the calling one on a leg that we dialled.
"""

import enum
from typing import Literal

RETRY_AFTER_S = (1.0, 2.0, 4.0)
LAST_WAIT_S = 2.0


def who_hung_up(direction: str, cause: str, source: str) -> Literal["caller", "agent", "carrier"]:
    """`source` is the carrier's word; "caller" in the answer is the far end, whoever rang whom."""
    if source not in ("caller", "callee") and cause != "originator_cancel":
        return "carrier"
    is_by_originator = source == "caller" or cause == "originator_cancel"
    return "agent" if is_by_originator == (direction == "outgoing") else "caller"


class HangUpStep(enum.Enum):
    ASK = "ask"
    UNCONFIRMED = "unconfirmed"


class HangUpConfirmation:
    """`attempts` is how often the carrier was asked."""

    def __init__(self) -> None:
        self.attempts = 0
        self._next_at: float | None = None

    @property
    def is_asked(self) -> bool:
        return self.attempts > 0

    def ask(self, now: float) -> int:
        """Ask (again). Returns the attempt's number, from 1."""
        self.attempts += 1
        waits = (*RETRY_AFTER_S, LAST_WAIT_S)
        self._next_at = now + waits[min(self.attempts, len(waits)) - 1]
        return self.attempts

    def deadline(self) -> float | None:
        return self._next_at

    def due(self, now: float) -> HangUpStep | None:
        if self._next_at is None or now < self._next_at:
            return None
        if self.attempts <= len(RETRY_AFTER_S):
            return HangUpStep.ASK
        self._next_at = None
        return HangUpStep.UNCONFIRMED
