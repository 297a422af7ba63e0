"""Whose turn it is: the whole table, cell by cell."""

import itertools

import pytest

from backend.call.turn import MOVES, Turn, TurnState
from backend.errors import InvalidTransition

S = TurnState
LEGAL = {
    (S.IDLE, S.LISTENING), (S.IDLE, S.TERMINATED),
    (S.LISTENING, S.SPEAKING), (S.LISTENING, S.TERMINATED),
    (S.SPEAKING, S.LISTENING), (S.SPEAKING, S.BARGED_IN), (S.SPEAKING, S.TERMINATED),
    (S.BARGED_IN, S.LISTENING), (S.BARGED_IN, S.TERMINATED),
}  # fmt: skip


def test_it_begins_idle() -> None:
    """No audio yet."""
    assert Turn().state == TurnState.IDLE


@pytest.mark.parametrize(("origin", "to"), list(itertools.product(TurnState, TurnState)))
def test_every_cell_is_a_move_or_an_error(origin: TurnState, to: TurnState) -> None:
    """A missing cell names both states and changes nothing (D4)."""
    turn = Turn()
    turn.state = origin

    if (origin, to) in LEGAL:
        turn.move(to)
        assert turn.state == to
    else:
        with pytest.raises(InvalidTransition, match=f"{origin.name} to {to.name}"):
            turn.move(to)
        assert turn.state == origin


def test_terminated_is_final() -> None:
    """Nothing leads out of it, and every other state leads into it."""
    assert MOVES[S.TERMINATED] == frozenset()
    assert all(S.TERMINATED in MOVES[state] for state in TurnState if state != S.TERMINATED)
