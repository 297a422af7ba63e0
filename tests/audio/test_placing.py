"""backend/audio/placing.py"""

import pytest

from backend.audio.placing import GAP_S, LATE_S, LOST_AFTER_S, Placing

FRAME_S = 0.02


def placed(*came_at: float) -> list[float]:
    placing = Placing()
    return [round(placing.place(FRAME_S, at), 3) for at in came_at]


def test_frames_stand_behind_each_other_whatever_the_jitter() -> None:
    """What came a little late is not put late."""
    assert placed(0.02, 0.05, 0.06, 0.13, 0.1) == [0.0, 0.02, 0.04, 0.06, 0.08]


def test_a_stall_and_its_burst_shift_nothing() -> None:
    """Ten frames that come at once, 400 ms late, stand where they were said."""
    burst = placed(0.02, 0.04, *[0.44] * 20, 0.46)

    assert burst[-1] == 0.44 and burst[2] == 0.04


def test_a_late_first_frame_is_corrected_by_those_that_follow() -> None:
    """They cannot have been said after they came."""
    assert placed(0.2, 0.2, 0.2, 0.22, 0.24)[-1] == pytest.approx(0.22)


def test_lost_frames_move_the_rest_once_it_is_sure() -> None:
    """200 ms are missing: until it is known the count goes on, then by the least lateness."""
    placing = Placing()
    placing.place(FRAME_S, 0.02)
    found = [placing.place(FRAME_S, 0.24 + 0.02 * number) for number in range(50)]
    moved = [late for late, frame in zip(found, range(50), strict=True) if abs(late - (0.22 + 0.02 * frame)) < 1e-6]

    assert found[0] == pytest.approx(0.02) and found[-1] == pytest.approx(0.22 + 0.02 * 49)
    assert len(moved) == pytest.approx(50 - LOST_AFTER_S / FRAME_S, abs=1)


def test_a_line_that_was_silent_begins_anew() -> None:
    """Nobody sends frames of nothing for a minute."""
    assert placed(0.02, 60.0, 60.02) == [0.0, 59.98, 60.0]
    assert GAP_S > LATE_S
