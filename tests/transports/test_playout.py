"""backend/transports/playout.py: when a mark counts as reached."""

from backend.transports.playout import PATIENCE_S, Playout


def playing(frames: int = 10, now: float = 100.0) -> Playout:
    """`frames` of 20 ms sent at once, and a mark behind them."""
    playout = Playout()
    for _ in range(frames):
        playout.sent(0.02, now)
    playout.mark("1-1", now)
    return playout


def test_without_a_word_of_the_client_audio_plays_from_its_arrival() -> None:
    """Ten frames last 200 ms."""
    playout = playing()

    assert playout.take_due(100.19) == []
    assert playout.take_due(100.21) == ["1-1"]
    assert playout.take_due(101.0) == []


def test_a_pause_between_two_pieces_is_no_audio() -> None:
    """The second one plays from when it came."""
    playout = playing(now=100.0)
    playout.sent(0.02, 105.0)
    playout.mark("1-2", 105.0)

    assert playout.take_due(105.01) == ["1-1"]
    assert playout.take_due(105.03) == ["1-2"]


def test_a_client_that_tells_is_waited_for() -> None:
    """The mark is reached when the last frame before it was played."""
    playout = playing()
    assert playout.played(9)
    assert playout.take_due(100.5) == []
    assert playout.played(10)

    assert playout.take_due(100.5) == ["1-1"]


def test_telling_early_hastens_nothing() -> None:
    """Whoever saves audio to a file has it at once; the caller did not hear it at once."""
    playout = playing()
    playout.played(10)

    assert playout.take_due(100.1) == []
    assert playout.take_due(100.21) == ["1-1"]


def test_a_client_that_tells_no_more_is_not_waited_for_for_ever() -> None:
    """A tab in the background."""
    playout = playing()
    playout.played(3)

    assert playout.take_due(100.2 + PATIENCE_S - 0.01) == []
    assert playout.take_due(100.2 + PATIENCE_S + 0.01) == ["1-1"]


def test_what_was_not_sent_cannot_have_been_played() -> None:
    """Nor can frame 0; an older number changes nothing."""
    playout = playing()
    answers = [playout.played(11), playout.played(0), playout.played(-1), playout.played(10), playout.played(4)]

    assert answers == [False, False, False, True, True]
    assert playout.take_due(100.3) == ["1-1"]


def test_a_clear_returns_all_marks_once_and_counts_on() -> None:
    """What follows plays at once, and is numbered behind what was thrown away."""
    playout = playing()
    playout.mark("1-2", 100.0)

    assert playout.clear() == ["1-1", "1-2"]
    assert playout.clear() == [] and playout.take_due(200.0) == []
    assert playout.sent(0.02, 200.0) == 11
    playout.mark("2-3", 200.0)
    assert playout.take_due(200.021) == ["2-3"]


def test_a_mark_behind_nothing_is_reached_at_once() -> None:
    """A piece without anything audible in it."""
    playout = Playout()
    playout.mark("1-1", 5.0)

    assert playout.take_due(5.0) == ["1-1"]
