"""Letting the recogniser listen: the table of listening.py."""

import pytest

from backend.call.listening import ASK_AGAIN_AFTER_S, TAKEN_AFTER_S, Listening, ListeningStep

ASK, GIVE_UP = ListeningStep.ASK, ListeningStep.GIVE_UP


def asked(failures: int, at: float = 100.0) -> tuple[Listening, float]:
    """Asked, and refused so often, each time at once; time stands where the last refusal came."""
    listening, now = Listening(), at
    listening.ask(now)
    for number in range(failures):
        if number:
            now = listening.deadline() or 0.0
            assert listening.due(now) == ASK
            listening.ask(now)
        assert listening.failed(now)
    return listening, now


def test_it_is_asked_again_after_1_2_4_and_8_seconds_and_then_given_up() -> None:
    """Counted from each failure."""
    waits = []
    for failures in range(1, 6):
        listening, now = asked(failures)
        due_at = listening.deadline()
        assert due_at is not None and listening.due(due_at - 0.001) is None
        waits.append((due_at - now, listening.due(due_at)))

    assert waits == [*((wait_s, ASK) for wait_s in ASK_AGAIN_AFTER_S), (0.0, GIVE_UP)]


def test_it_is_given_up_once() -> None:
    """Whatever is refused afterwards."""
    listening, now = asked(5)

    assert listening.due(now) == GIVE_UP
    assert (listening.deadline(), listening.due(now + 99), listening.failed(now)) == (None, None, False)


def test_a_request_that_nobody_refuses_asks_for_nothing() -> None:
    """The carrier says nothing when it works."""
    listening, now = asked(0)

    assert (listening.deadline(), listening.due(now + 99), listening.is_deaf(now)) == (None, None, False)


def test_a_failure_told_twice_is_told_once() -> None:
    """The second report must not postpone the next attempt."""
    listening, now = asked(1)
    deadline = listening.deadline()

    assert not listening.failed(now + 0.5)
    assert listening.deadline() == deadline


def test_a_failure_of_what_nobody_asked_for_is_nothing() -> None:
    """Before the media there is nothing to listen to."""
    assert not Listening().failed(1.0)


@pytest.mark.parametrize("failures", range(5))
def test_the_callers_words_are_the_best_proof(failures: int) -> None:
    """The request timed out here and was granted there: nothing more is asked, a late refusal changes nothing."""
    listening, now = asked(failures)
    listening.words_heard()

    assert (listening.deadline(), listening.failed(now), listening.is_deaf(now)) == (None, False, False)


def test_deaf_until_the_next_attempt_stays_unrefused_for_a_while() -> None:
    """While an answer may still come nobody knows; afterwards no news is good news."""
    listening, now = asked(1)
    assert listening.is_deaf(now + 0.5)
    again_at = listening.deadline() or 0.0
    listening.ask(again_at)

    assert listening.is_deaf(again_at + TAKEN_AFTER_S - 0.1)
    assert not listening.is_deaf(again_at + TAKEN_AFTER_S)
