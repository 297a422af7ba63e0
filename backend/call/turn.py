"""Whose turn it is, as a table.

Decides: which moves between the five states exist. Does not decide: when to move (`conversation.py` does, from the
playback ledger and the caller's speech). A missing cell is an illegal move: an error that names both states, and nothing
changes.

| from ↓ to →  | IDLE | LISTENING | SPEAKING | BARGED_IN | TERMINATED |
|--------------|------|-----------|----------|-----------|------------|
| IDLE         |      | yes       |          |           | yes        |
| LISTENING    |      |           | yes      |           | yes        |
| SPEAKING     |      | yes       |          | yes       | yes        |
| BARGED_IN    |      | yes       |          |           | yes        |
| TERMINATED   |      |           |          |           |            |
"""

import enum

from backend.errors import InvalidTransition


class TurnState(enum.Enum):
    """IDLE: no audio yet. LISTENING: the caller may speak, an answer may be in the making. SPEAKING: agent audio is
    audible or on its way. BARGED_IN: the caller cut the agent off and still speaks. TERMINATED: over."""

    IDLE = "idle"
    LISTENING = "listening"
    SPEAKING = "speaking"
    BARGED_IN = "barged_in"
    TERMINATED = "terminated"


MOVES: dict[TurnState, frozenset[TurnState]] = {
    TurnState.IDLE: frozenset({TurnState.LISTENING, TurnState.TERMINATED}),
    TurnState.LISTENING: frozenset({TurnState.SPEAKING, TurnState.TERMINATED}),
    TurnState.SPEAKING: frozenset({TurnState.LISTENING, TurnState.BARGED_IN, TurnState.TERMINATED}),
    TurnState.BARGED_IN: frozenset({TurnState.LISTENING, TurnState.TERMINATED}),
    TurnState.TERMINATED: frozenset(),
}


class Turn:
    """The current state; moves only along the table."""

    def __init__(self) -> None:
        self.state = TurnState.IDLE

    def move(self, to: TurnState) -> None:
        """Raises InvalidTransition and stays where it is when the table has no such move."""
        if to not in MOVES[self.state]:
            raise InvalidTransition("turn", self.state.name, to.name)
        self.state = to
