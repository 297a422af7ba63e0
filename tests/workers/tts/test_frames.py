"""Cutting a voice's stream into frames."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.workers.tts.frames import AUDIBLE, LEAD_MS, LONGEST_PAUSE_MS, Frame, FrameCutter, Samples


def sound(ms: float, rate: int = 8000) -> Samples:
    return np.full(int(rate * ms / 1000), 1000, np.int16)


def silence(ms: float, rate: int = 8000) -> Samples:
    return np.zeros(int(rate * ms / 1000), np.int16)


def cut(chunks: list[Any], rate: int = 8000, frame_ms: int = 100, first_ms: int = 20) -> list[Frame]:
    cutter = FrameCutter(rate, frame_ms, first_ms)
    frames = [frame for chunk in chunks for frame in cutter.push(chunk)]
    return [*frames, cutter.flush()]


def test_the_first_frame_is_short_and_the_next_ones_grow_to_what_was_asked() -> None:
    """Early sound first, then few messages; the final one is what is left."""
    frames = cut([sound(350)])

    assert [len(frame.pcm) for frame in frames] == [320, 640, 1280, 1600, 1600, 160]
    assert [frame.duration_ms for frame in frames] == [20, 40, 80, 100, 100, 10]
    assert [frame.sequence_number for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert [frame.is_final for frame in frames] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("first_ms", "frame_ms", "lengths_ms"),
    [(20, 200, [20, 40, 80, 160, 200, 200]), (20, 20, [20] * 6), (30, 100, [30, 60, 100, 100]), (200, 20, [200, 20])],
)
def test_lengths_double_until_they_are_as_asked(first_ms: int, frame_ms: int, lengths_ms: list[int]) -> None:
    """A first frame that is longer than the others stays one."""
    frames = cut([sound(1000)], first_ms=first_ms, frame_ms=frame_ms)

    assert [frame.duration_ms for frame in frames][: len(lengths_ms)] == lengths_ms


@pytest.mark.parametrize("speed", [2.0, 2.5, 10.0])
def test_a_voice_of_twice_real_time_never_falls_behind_its_own_beginning(speed: float) -> None:
    """Each frame is there before those before it have been heard, at any length of frames; made in steps of 5 ms."""
    cutter, made_s, plays_until_s = FrameCutter(8000, 200, 20), 0.0, None
    for _ in range(400):
        made_s += 0.005 / speed
        for frame in cutter.push(sound(5)):
            assert plays_until_s is None or made_s <= plays_until_s + 0.005
            plays_until_s = (made_s if plays_until_s is None else plays_until_s) + frame.duration_ms / 1000


def test_the_default_frame_of_the_wire_is_1920_bytes() -> None:
    """20 ms at 48 kHz."""
    frames = cut([sound(60, 48000)], rate=48000, frame_ms=20)

    assert [len(frame.pcm) for frame in frames] == [1920, 1920, 1920]


def test_a_frame_leaves_as_soon_as_one_more_sample_is_known() -> None:
    """D3: one frame ahead at most, the utterance is never collected."""
    cutter = FrameCutter(8000, 100, 20)

    assert cutter.push(sound(20)) == []
    assert [frame.sequence_number for frame in cutter.push(np.array([1000], np.int16))] == [0]


def test_a_length_that_is_a_whole_number_of_frames_still_ends_with_audio() -> None:
    """The final frame is a data frame, never an empty one."""
    frames = cut([sound(140)])

    assert [len(frame.pcm) for frame in frames] == [320, 640, 1280]
    assert frames[-1].is_final


def test_the_silence_that_a_voice_appends_is_not_sent() -> None:
    """B2: the last sample sent is the last audible one."""
    frames = cut([sound(150), silence(150), silence(200)])

    assert sum(len(frame.pcm) for frame in frames) == len(sound(150)) * 2


def test_a_pause_is_sent_once_something_audible_follows() -> None:
    """Silence within a text belongs to it."""
    cutter = FrameCutter(8000, 100, 20)

    cutter.push(sound(30))
    assert cutter.push(silence(400)) == []
    pcm = b"".join(frame.pcm for frame in [*cutter.push(sound(50)), cutter.flush()])
    assert len(pcm) >= 2 * (len(silence(400)) + len(sound(50)))


def test_a_pause_without_end_is_neither_kept_nor_sent_whole() -> None:
    """A voice that falls silent for a minute and goes on costs two seconds of memory and of dead air."""
    chunks = [sound(100), *[silence(1000)] * 60, sound(100)]
    frames = cut(chunks)

    assert sum(len(frame.pcm) for frame in frames) == 2 * 8 * (200 + LONGEST_PAUSE_MS)


def test_leading_silence_is_cut_to_a_breath() -> None:
    """A soft onset keeps 10 ms before it, in whatever pieces the silence came."""
    frames = cut([silence(300), silence(3), np.concatenate((silence(2), sound(100)))])

    assert sum(len(frame.pcm) for frame in frames) == 2 * 8 * (LEAD_MS + 100)


def test_a_text_of_which_nothing_is_audible_gives_one_final_frame_of_silence() -> None:
    """Every synthesis ends with exactly one final frame that has audio."""
    for chunks in ([], [silence(500)], [np.full(4000, AUDIBLE, np.int16)]):
        (frame,) = cut(chunks)

        assert frame.is_final
        assert frame.pcm == bytes(320)


def test_the_loudest_negative_sample_is_audible() -> None:
    """-32768 has no positive twin in 16 bits."""
    (frame,) = cut([np.array([-32768], np.int16)])

    assert frame.pcm == b"\x00\x80"


PIECES = st.lists(st.tuples(st.booleans(), st.integers(0, 700)), max_size=12)


@given(PIECES, st.sampled_from([20, 60, 200]), st.integers(1, 900))
def test_frames_do_not_depend_on_how_the_voice_cuts_its_stream(pieces: list[Any], frame_ms: int, step: int) -> None:
    """The same audio in other chunks gives the same frames; one is final, all have audio, none has too much."""
    parts = [np.full(count, 500 if is_loud else 0, np.int16) for is_loud, count in pieces]
    whole = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    frames = cut(parts, frame_ms=frame_ms)

    assert frames == cut([whole[at : at + step] for at in range(0, len(whole), step)], frame_ms=frame_ms)
    assert [frame.is_final for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert all(0 < len(frame.pcm) <= frame_ms * 16 for frame in frames[1:])
    loud = np.flatnonzero(whole)
    if len(loud):
        sent = np.frombuffer(b"".join(frame.pcm for frame in frames), np.int16)
        first = max(0, int(loud[0]) - 80)
        assert np.array_equal(sent, whole[first : loud[-1] + 1])


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_every_rate_gives_frames_of_the_asked_duration(rate: int) -> None:
    """Bytes = rate × duration × 2."""
    frames = cut([sound(500, rate)], rate=rate, frame_ms=40)

    assert {len(frame.pcm) for frame in frames[1:-1]} == {rate * 40 // 1000 * 2}
