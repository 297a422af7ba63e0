"""Cutting a stream into 20 ms frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.audio.framing import Framer, frame_bytes


@given(st.lists(st.binary(max_size=700), max_size=20))
def test_no_byte_is_lost_or_invented_whatever_the_pieces(chunks: list[bytes]) -> None:
    """Frames joined are the stream, plus silence up to a whole frame."""
    framer = Framer(160, b"\xff")

    frames = [frame for chunk in chunks for frame in framer.push(chunk)]
    if last := framer.flush():
        frames.append(last)

    stream = b"".join(chunks)
    assert all(len(frame) == 160 for frame in frames)
    assert stream + b"\xff" * (-len(stream) % 160) == b"".join(frames)


def test_clear_forgets_the_rest() -> None:
    """After a barge-in the old tail does not start the next answer."""
    framer = Framer(4)
    framer.push(b"abcdef")

    framer.clear()

    assert framer.flush() == b""
    assert framer.push(b"1234") == [b"1234"]


def test_silence_of_two_bytes_keeps_its_place_when_the_rest_is_odd() -> None:
    """The pattern is laid from the frame's start, not from the cut."""
    framer = Framer(6, b"\x01\x02")
    framer.push(b"a")

    assert framer.flush() == b"a\x02\x01\x02\x01\x02"


def test_frame_sizes_are_those_of_the_telephone() -> None:
    """160 bytes of PCMU, 320 of s16le at 8 kHz, 640 at 16 kHz."""
    assert [frame_bytes(8000, 1), frame_bytes(8000, 2), frame_bytes(16000, 2)] == [160, 320, 640]


def test_a_rate_or_size_that_does_not_divide_is_refused() -> None:
    """11025 Hz has no whole 20 ms frame; 5 bytes no whole number of samples."""
    with pytest.raises(ValueError):
        frame_bytes(11025, 1)
    with pytest.raises(ValueError):
        Framer(5, b"\x00\x00")


def test_what_is_left_can_be_taken_as_it_is() -> None:
    """For a receiver of any length; once."""
    framer = Framer(4)
    framer.push(b"abcdef")

    assert (framer.take(), framer.take(), framer.push(b"ghij")) == (b"ef", b"", [b"ghij"])
