"""Letting the recogniser listen, for sure: ask, ask again when that failed, then admit that we are deaf.

Decides: when to ask (again), and that an agent who hears nothing must not go on. Does not decide what follows
(`conversation.py`, which runs it, apologises). A caller who cannot be heard looks like one who is silent: without this
the call would end as “caller silent” while somebody talks.

| asked            | 1        | 2         | 3         | 4         | 5         | failed then |
|------------------|----------|-----------|-----------|-----------|-----------|-------------|
| after a failure  | at once  | 1 s later | 2 s later | 4 s later | 8 s later | GIVE_UP     |

| fact                              | follows                                                                     |
|-----------------------------------|-----------------------------------------------------------------------------|
| the request failed                | the next cell above, counted from the failure; told twice is told once      |
| the caller's words                | we do hear: nothing is asked any more, whatever failed or fails             |
| no failure for `TAKEN_AFTER_S`    | the request is taken as granted: the carrier says nothing when it works     |
"""

import enum

ASK_AGAIN_AFTER_S = (1.0, 2.0, 4.0, 8.0)
TAKEN_AFTER_S = 6.0
"""A refused request is known by then: the carrier has 5 s to answer."""


class ListeningStep(enum.Enum):
    ASK = "ask"
    GIVE_UP = "give_up"


class Listening:
    """Whether one call's caller can be heard."""

    def __init__(self) -> None:
        self._attempts = 0
        self._asked_at = 0.0
        self._next_at: float | None = None
        self._is_settled = False
        """We hear, or have given up: nothing is asked any more."""

    def ask(self, now: float) -> int:
        """Ask (again). Returns the attempt's number, from 1."""
        self._attempts += 1
        self._asked_at = now
        self._next_at = None
        return self._attempts

    def failed(self, now: float) -> bool:
        """The request was refused or got no answer. False if nothing follows."""
        if self._attempts == 0 or self._next_at is not None or self._is_settled:
            return False
        waits = (*ASK_AGAIN_AFTER_S, 0.0)
        self._next_at = now + waits[min(self._attempts, len(waits)) - 1]
        return True

    def words_heard(self) -> None:
        """The best proof."""
        self._is_settled = True
        self._next_at = None

    def is_deaf(self, now: float) -> bool:
        """As far as is known, the caller could speak and we would not hear it."""
        if self._is_settled or self._attempts == 0:
            return False
        return self._next_at is not None or (self._attempts > 1 and now < self._asked_at + TAKEN_AFTER_S)

    def deadline(self) -> float | None:
        return self._next_at

    def due(self, now: float) -> ListeningStep | None:
        """ASK until `ask` was called; GIVE_UP once."""
        if self._next_at is None or now < self._next_at:
            return None
        if self._attempts <= len(ASK_AGAIN_AFTER_S):
            return ListeningStep.ASK
        self._next_at = None
        self._is_settled = True
        return ListeningStep.GIVE_UP
