"""Slots, running ids and remembered cancels, with time handed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.workers.tts.cancels import AlreadyRunning, CancelledBefore, Cancels, Full


def test_a_cancel_of_a_running_synthesis_marks_its_ticket() -> None:
    """The thread that computes sees it at its next look."""
    cancels = Cancels(slots=1)
    ticket = cancels.begin("a", now=0.0)

    assert cancels.cancel("a", now=1.0) is True
    assert ticket.should_stop()


def test_a_cancel_that_comes_first_refuses_its_synthesis_once_within_two_seconds() -> None:
    """D8: it is remembered for 2 s, and used up by the synthesis that it meant."""
    cancels = Cancels(slots=1)

    assert cancels.cancel("a", now=0.0) is False
    with pytest.raises(CancelledBefore):
        cancels.begin("a", now=1.99)
    cancels.begin("a", now=1.99)


def test_a_cancel_is_forgotten_after_two_seconds() -> None:
    """A late synthesis of that id is spoken, and nothing is left of the cancel."""
    cancels = Cancels(slots=1)
    cancels.cancel("a", now=0.0)

    cancels.begin("a", now=2.0)
    assert cancels.remembered == 0


def test_a_repeated_cancel_is_remembered_from_the_last_one_on() -> None:
    """Renewing an entry must not leave it behind older ones that expire later."""
    cancels = Cancels(slots=1)
    cancels.cancel("a", now=0.0)
    cancels.cancel("b", now=1.0)
    cancels.cancel("a", now=1.5)

    with pytest.raises(CancelledBefore):
        cancels.begin("a", now=3.2)
    assert cancels.remembered == 0


def test_strangers_cannot_make_it_remember_without_bound() -> None:
    """Beyond the bound the oldest is forgotten."""
    cancels = Cancels(slots=1, most_remembered=3)
    for number in range(10):
        cancels.cancel(str(number), now=0.0)

    assert cancels.remembered == 3
    cancels.begin("6", now=0.1)
    with pytest.raises(CancelledBefore):
        cancels.begin("7", now=0.1)


def test_a_full_worker_refuses_until_a_thread_has_stopped() -> None:
    """Closing the stream alone does not free the slot: the thread may still compute."""
    cancels = Cancels(slots=1)
    first = cancels.begin("a", now=0.0)
    cancels.end(first)

    with pytest.raises(Full):
        cancels.begin("b", now=0.0)
    cancels.computed(first)
    cancels.begin("b", now=0.0)


def test_an_id_that_runs_is_refused_a_second_time() -> None:
    """Ids are unique; the running one is not disturbed."""
    cancels = Cancels(slots=2)
    ticket = cancels.begin("a", now=0.0)

    with pytest.raises(AlreadyRunning):
        cancels.begin("a", now=0.0)
    assert not ticket.is_cancelled
    assert cancels.slots_used == 1


def test_the_end_of_an_older_synthesis_leaves_a_newer_one_of_the_same_id_alone() -> None:
    """A late end must not remove what it does not own."""
    cancels = Cancels(slots=2)
    old = cancels.begin("a", now=0.0)
    cancels.end(old)
    new = cancels.begin("a", now=0.0)
    cancels.end(old)

    assert cancels.cancel("a", now=0.0) is True
    assert new.is_cancelled


STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "cancel", "computed", "end"]), st.sampled_from("abc")), max_size=40
)


@given(STEPS)
def test_slots_always_equal_the_threads_that_compute(steps: list[tuple[str, str]]) -> None:
    """However begin, cancel and the two ends are mixed and repeated, each slot is given back exactly once."""
    cancels, tickets, computing = Cancels(slots=2), {}, set()
    for now, (step, name) in enumerate(steps):
        if step == "begin":
            try:
                tickets[name] = cancels.begin(name, now / 10)
                computing.add(tickets[name])
            except (AlreadyRunning, CancelledBefore):
                pass
            except Full:
                assert len(computing) == 2
        elif step == "cancel":
            cancels.cancel(name, now / 10)
        elif name in tickets:
            if step == "computed":
                computing.discard(tickets[name])
            getattr(cancels, step)(tickets[name])
        assert cancels.slots_used == len(computing)
