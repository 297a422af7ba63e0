"""Whose turn it is, as a table.

Decides: which moves between the five states exist, and which of them follow from what is audible (`follow`). Does not
decide what is audible, nor when the caller interrupts (`conversation.py`, which runs it, knows).

A missing cell is an illegal move: an error that names both states, and nothing changes.

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

    def follow(self, is_audible: bool, is_answering: bool) -> None:
        """SPEAKING while the agent is audible, else LISTENING. A caller who cut the agent off keeps the turn until the
        agent speaks or thinks again."""
        if self.state == TurnState.BARGED_IN:
            if not (is_audible or is_answering):
                return
            self.move(TurnState.LISTENING)
        wanted = TurnState.SPEAKING if is_audible else TurnState.LISTENING
        if self.state != wanted:
            self.move(wanted)
