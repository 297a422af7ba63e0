"""backend/audio/two_tracks.py"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.audio.g711 import decode_ulaw, encode_ulaw
from backend.audio.two_tracks import FURTHEST_S, LEFT, RATE, RIGHT, Late, TwoTracks

LOUD, SOFT = 7932, 988
"""Both are values of μ-law, so they come back as they are."""


def tone(value: int, seconds: float) -> bytes:
    return np.full(round(seconds * RATE), value, np.int16).tobytes()


def sides(stereo: bytes) -> tuple[list[int], list[int]]:
    """One value per 10 ms of each side."""
    both = decode_ulaw(stereo).reshape(-1, 2)[::80]
    return both[:, 0].tolist(), both[:, 1].tolist()


def test_each_side_lies_where_it_was_heard_with_silence_between() -> None:
    """Left the caller, right the agent."""
    tracks = TwoTracks()
    tracks.put(RIGHT, tone(SOFT, 0.02), 0.03)
    tracks.put(LEFT, tone(LOUD, 0.02), 0.0)

    assert sides(tracks.take(0.06)) == ([LOUD, LOUD, 0, 0, 0, 0], [0, 0, 0, SOFT, SOFT, 0])
    assert tracks.taken == 480 and tracks.take(0.06) == b""


def test_what_was_sent_ahead_and_not_heard_is_gone() -> None:
    """The other side stays."""
    tracks = TwoTracks()
    tracks.put(RIGHT, tone(SOFT, 0.05), 0.0)
    tracks.put(LEFT, tone(LOUD, 0.05), 0.0)
    tracks.clear(RIGHT, 0.02)

    assert sides(tracks.take(0.05)) == ([LOUD] * 5, [SOFT, SOFT, 0, 0, 0]) and tracks.until_s == 0.05


def test_what_comes_too_late_is_handed_out_by_itself() -> None:
    """The rest of the piece takes its place."""
    tracks = TwoTracks()
    tracks.take(0.04)
    tracks.put(RIGHT, tone(SOFT, 0.04), 0.02)

    assert tracks.take_late() == [Late(RIGHT, 160, encode_ulaw(tone(SOFT, 0.02)))] and tracks.take_late() == []
    assert sides(tracks.take(0.07)) == ([0, 0, 0], [SOFT, SOFT, 0])


def test_what_lies_before_the_beginning_or_beyond_all_measure_is_left_out() -> None:
    """Recording began later than the stream; a wrong clock must not fill the memory."""
    tracks = TwoTracks()
    tracks.put(LEFT, tone(LOUD, 0.03), -0.02)
    tracks.put(LEFT, tone(LOUD, 0.03), -5.0)
    tracks.put(RIGHT, tone(SOFT, 0.01), FURTHEST_S + 1)

    assert tracks.until_s == 0.01 and tracks.take_late() == []


@given(
    st.lists(
        st.tuples(st.sampled_from([LEFT, RIGHT]), st.integers(-50, 300), st.integers(0, 60), st.integers(0, 200)),
        max_size=12,
    )
)
def test_late_or_in_time_every_piece_ends_up_where_it_was_heard(pieces: list[tuple[int, int, int, int]]) -> None:
    """Whenever stretches are taken: the file with what was put in afterwards is the same. Units are 10 ms."""
    tracks, whole = TwoTracks(), np.zeros((700, 2), int)
    written = b""
    for number, (side, at, length, taken) in enumerate(pieces):
        written += tracks.take(max(taken / 100, tracks.taken / RATE))
        value = decode_ulaw(bytes([number])).item()
        tracks.put(side, tone(value, length / 100), at / 100)
        whole[max(0, at) : max(0, at + length), side] = value
    written = bytearray(written + tracks.take(7.0))
    for late in tracks.take_late():
        # The order among late pieces, and of late pieces against others, is that in which they came.
        written[2 * late.frame + late.side : 2 * (late.frame + len(late.encoded)) : 2] = late.encoded

    assert [list(side) for side in sides(bytes(written))] == [whole[:, LEFT].tolist(), whole[:, RIGHT].tolist()]
