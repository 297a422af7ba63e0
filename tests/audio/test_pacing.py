"""How much may be sent: never more than a second ahead of the ear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.audio.pacing import Pacer


def test_a_new_stream_may_send_the_whole_lead_at_once() -> None:
    """One second goes out immediately, then nothing until some was played."""
    pacer = Pacer(1.0)

    assert pacer.allowance_s(10.0) == 1.0
    pacer.sent(1.0, 10.0)
    assert pacer.allowance_s(10.0) == 0.0
    assert pacer.allowance_s(10.25) == pytest.approx(0.25)
    assert pacer.next_at(10.0, 0.1) == pytest.approx(10.1)


def test_after_an_underrun_no_debt_is_carried() -> None:
    """Five seconds of nothing do not allow five seconds in a burst."""
    pacer = Pacer(1.0)
    pacer.sent(0.5, 0.0)

    assert pacer.allowance_s(5.5) == 1.0
    pacer.sent(0.2, 5.5)
    assert pacer.playing_until(5.5) == pytest.approx(5.7)


def test_a_clear_gives_the_lead_back() -> None:
    """What was thrown away no longer counts as ahead."""
    pacer = Pacer(1.0)
    pacer.sent(1.0, 0.0)

    pacer.cleared()

    assert pacer.allowance_s(0.1) == 1.0
    assert pacer.playing_until(0.1) == 0.1


def test_a_piece_longer_than_the_lead_may_go_when_everything_was_played() -> None:
    """It must not wait for ever."""
    pacer = Pacer(0.5)
    pacer.sent(0.5, 0.0)

    assert pacer.next_at(0.0, 30.0) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 0.5)), max_size=60))
def test_a_sender_who_keeps_to_the_allowance_is_never_further_ahead(steps: list[tuple[float, float]]) -> None:
    """Whatever the moments and the pieces."""
    pacer, now = Pacer(1.0), 0.0
    for wait, piece in steps:
        now += wait
        pacer.sent(min(piece, pacer.allowance_s(now)), now)

        assert pacer.playing_until(now) - now <= 1.0 + 1e-9


def test_a_lead_of_nothing_is_refused() -> None:
    """It could never send."""
    with pytest.raises(ValueError):
        Pacer(0)
