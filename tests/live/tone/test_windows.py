"""backend/live/tone/windows.py"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.live.tone.windows import RATE, Window, Windows

FRAME = 160


def ramp(count: int, start: int = 0) -> bytes:
    return ((np.arange(start, start + count) % 30000) + 1).astype(np.int16).tobytes()


def frames(windows: Windows, seconds: float, at_s: float = 0.0) -> list[Window]:
    done = []
    for number in range(round(seconds * 50)):
        start = round(at_s * RATE) + number * FRAME
        done += windows.push(ramp(FRAME, start), start / RATE)
    return done


def test_every_second_is_one_window_from_whole_second_to_whole_second() -> None:
    """A hundred frames are two windows, and the third is not over."""
    windows = Windows()
    done = frames(windows, 2.5)

    assert [window.at_s for window in done] == [0.0, 1.0]
    assert done[1].samples.tobytes() == ramp(RATE, RATE)
    (last,) = windows.flush()
    assert last.at_s == 2.0 and last.samples.tobytes() == ramp(RATE // 2, 2 * RATE) + bytes(RATE)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_pieces_of_any_size_make_the_same_windows(sizes: list[int]) -> None:
    """Frames of 20 ms, chunks of 200, a whole sentence."""
    windows, done, at = Windows(), [], 0
    for size in sizes:
        done += windows.push(ramp(size, at), at / RATE)
        at += size
    done += windows.flush()
    whole = b"".join(window.samples.tobytes() for window in done)

    assert [window.at_s for window in done] == list(range(len(done)))
    assert whole[: 2 * at] == ramp(at) and not any(whole[2 * at :])


def test_a_gap_is_silence_and_a_silent_second_no_window() -> None:
    """An agent says something now and then."""
    windows = Windows()
    done = [*windows.push(ramp(800), 0.2), *windows.push(ramp(800), 0.6), *windows.push(ramp(800), 5.5)]
    done += windows.flush()

    assert [window.at_s for window in done] == [0.0, 5.0]
    assert np.flatnonzero(done[0].samples).tolist() == [*range(1600, 2400), *range(4800, 5600)]


def test_what_comes_for_a_window_that_is_over_is_left_out() -> None:
    """It was analysed already, once."""
    windows = Windows()
    frames(windows, 1.5)
    done = [*windows.push(ramp(8000), 0.5), *windows.flush()]

    assert [window.at_s for window in done] == [1.0]


def test_what_was_not_heard_is_not_in_the_window() -> None:
    """An interruption, before the second was over."""
    windows = Windows()
    windows.push(ramp(7200), 0.0)
    windows.clear(0.5)
    (window,) = windows.flush()

    assert np.flatnonzero(window.samples)[-1] == 3999
