"""Ending a call on purpose: the two tables of ending.py."""

import pytest

from backend.call.agent_config import DeadAirSettings
from backend.call.commands import FinishCall
from backend.call.ending import CLOSING_AT_MOST_S, CLOSING_PATIENCE_S, MEDIA_GRACE_S, WARN_BEFORE_MAX_S, Ending
from backend.call.hangup import HangUpConfirmation
from backend.call.playback import Ledger


class Call:
    """A call that began at 100.0 and may last 1500 s."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.hangup = HangUpConfirmation()
        self.ending = Ending(DeadAirSettings(), self.ledger, self.hangup)
        self.ending.begin(100.0)

    def speak(self, *, is_audible: bool, at: float = 200.0) -> str:
        piece = self.ledger.ask("goodbye", "Goodbye.", at)
        if is_audible:
            self.ledger.started(piece.playback_id, at)
            self.ledger.handed_over(piece.playback_id, 3.0, at)
        return piece.playback_id

    def deadline(self, is_answering: bool = False, is_handed_over: bool = False) -> float | None:
        return self.ending.deadline(is_answering, is_handed_over)


def test_the_longest_call_warns_and_then_closes() -> None:
    """Each once."""
    call = Call()
    assert call.deadline() == 1600.0 - WARN_BEFORE_MAX_S
    assert call.ending.length_due(1539.9, False) is None
    assert [call.ending.length_due(1540.0, False) for _ in range(2)] == ["warn", None]
    assert call.deadline() == 1600.0
    assert call.ending.length_due(1600.0, False) == "close"


def test_lost_media_get_a_moment_to_be_explained() -> None:
    """The hang-up may be on its way."""
    call = Call()
    call.ending.media_lost(200.0)

    assert call.deadline() == 200.0 + MEDIA_GRACE_S
    assert [call.ending.is_media_loss_due(at, False) for at in (201.9, 202.0)] == [False, True]


def test_a_call_that_was_handed_over_has_none_of_these_ends() -> None:
    """Its length and its silence are somebody else's."""
    call = Call()
    call.ending.media_lost(200.0)
    call.ending.close("failed", 200.0)

    assert call.deadline(is_handed_over=True) is None
    assert not call.ending.is_media_loss_due(9e9, True) and call.ending.length_due(9e9, True) is None
    assert not call.ending.is_hang_up_due(9e9, False, True)


@pytest.mark.parametrize(
    ("is_audible", "is_answering", "hung_up_at"),
    [
        (None, False, 200.0),
        (None, True, 200.0 + CLOSING_PATIENCE_S),
        (False, False, 200.0 + CLOSING_PATIENCE_S),
        (True, False, 200.0 + CLOSING_AT_MOST_S),
        (True, True, 200.0 + CLOSING_AT_MOST_S),
    ],
)
def test_a_closing_call_waits_for_what_is_still_to_be_heard(
    is_audible: bool | None, is_answering: bool, hung_up_at: float
) -> None:
    """Nothing left, something in the making, something audible."""
    call = Call()
    if is_audible is not None:
        call.speak(is_audible=is_audible)
    call.ending.close("agent_hung_up", 200.0)

    assert call.deadline(is_answering) == hung_up_at
    assert not call.ending.is_hang_up_due(hung_up_at - 0.1, is_answering, False)
    assert call.ending.is_hang_up_due(hung_up_at, is_answering, False)


def test_the_hang_up_follows_the_last_word() -> None:
    """As soon as it was heard; by estimate it may still lie ahead."""
    call = Call()
    piece = call.speak(is_audible=True)
    call.ending.close("agent_hung_up", 200.0)
    call.ledger.ended(piece, 203.1)

    assert call.deadline() == 203.1


def test_a_worker_that_stops_sets_an_earlier_end_never_a_later_one() -> None:
    """And without media nothing can be heard any more."""
    call = Call()
    call.speak(is_audible=True)
    call.ending.must_end_by(150.0)  # nothing is closing: nothing to bound
    call.ending.close("worker_stopped", 200.0)
    for at in (205.0, 500.0):
        call.ending.must_end_by(at)
    assert call.deadline() == 205.0

    call.ending.media_lost(201.0)
    assert call.deadline() == 200.0


def test_only_a_silent_callers_word_revokes_and_only_before_the_carrier_was_asked() -> None:
    """A call that ends for another reason ends."""
    call = Call()
    call.ending.close("caller_silent", 200.0)
    call.ending.caller_is_back()
    assert not call.ending.is_closing

    assert call.ending.close("failed", 210.0) and not call.ending.close("caller_silent", 211.0)
    call.ending.caller_is_back()
    assert call.ending.is_closing

    late = Call()
    late.ending.close("caller_silent", 200.0)
    late.hangup.ask(200.0)
    late.ending.caller_is_back()
    assert late.ending.is_closing and late.deadline() == 201.0


@pytest.mark.parametrize(
    ("closing", "is_asked", "source", "is_bridged", "expected"),
    [
        (None, False, "caller", False, ("caller_hung_up", "caller")),
        (None, False, "unknown", False, ("ended_by_carrier", "carrier")),
        ("failed", True, "unknown", False, ("failed", "agent")),
        ("caller_silent", False, "callee", False, ("caller_silent", "agent")),
        (None, False, "callee", False, ("ended_by_command", "agent")),
        ("failed", False, "caller", True, ("transferred", "caller")),
    ],
)
def test_who_ended_it_and_how(
    closing: str | None, is_asked: bool, source: str, is_bridged: bool, expected: tuple[str, str]
) -> None:
    """The call's record."""
    call = Call()
    if closing:
        call.ending.close(closing, 200.0)
    if is_asked:
        call.hangup.ask(200.0)

    finish = call.ending.finish("cause", source, "incoming", is_bridged)
    assert finish == FinishCall(*expected, "cause")  # type: ignore[arg-type]
