"""Ending the leg for sure."""

import pytest

from backend.call.hangup import LAST_WAIT_S, HangUpConfirmation, HangUpStep, who_hung_up


def test_it_is_asked_again_after_1_2_and_4_seconds_and_then_given_up() -> None:
    """B8: afterwards the reconciler has it."""
    hangup = HangUpConfirmation()
    assert (hangup.is_asked, hangup.deadline(), hangup.due(1000.0)) == (False, None, None)

    now, found = 100.0, []
    attempts = [hangup.ask(now)]
    while (due_at := hangup.deadline()) is not None:
        assert hangup.due(due_at - 0.001) is None
        step = hangup.due(due_at)
        found.append((due_at - now, step))
        now = due_at
        if step == HangUpStep.ASK:
            attempts.append(hangup.ask(now))

    ask = HangUpStep.ASK
    assert found == [(1.0, ask), (2.0, ask), (4.0, ask), (LAST_WAIT_S, HangUpStep.UNCONFIRMED)]
    assert attempts == [1, 2, 3, 4]
    assert (hangup.is_asked, hangup.due(1000.0)) == (True, None)


@pytest.mark.parametrize(
    ("direction", "cause", "source", "who"),
    [
        ("incoming", "normal_clearing", "caller", "caller"),
        ("incoming", "normal_clearing", "callee", "agent"),
        ("outgoing", "normal_clearing", "callee", "caller"),
        ("outgoing", "normal_clearing", "caller", "agent"),
        ("incoming", "originator_cancel", "", "caller"),
        ("outgoing", "originator_cancel", "unknown", "agent"),
        ("outgoing", "timeout", "unknown", "carrier"),
        ("", "already_ended", "", "carrier"),
    ],
)
def test_who_hung_up_is_told_in_our_words(direction: str, cause: str, source: str, who: str) -> None:
    """The carrier's caller is whoever rang: on a leg that we dialled that is us."""
    assert who_hung_up(direction, cause, source) == who
