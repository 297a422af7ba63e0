"""backend/engines/vad_tracks.py"""

import numpy as np
import pytest

from backend.engines.base import SpeechEdge
from backend.engines.vad_tracks import BLOCKS, CHUNK_S, GATE_HOLD, ON_RUN, YOUNG_S, Tracks

SLOT = np.array([3])


class Line:
    """One stream among others, chunk by chunk."""

    def __init__(self) -> None:
        self.tracks = Tracks(8, min_gap_s=0.2)
        self.edges: list[SpeechEdge] = []
        self.opened: list[bool] = []

    def chunks(self, count: int, level: float, probability: float) -> "Line":
        """`probability` is what the model says when it is asked."""
        for _ in range(count):
            is_open = self.tracks.gate(SLOT, np.full((1, BLOCKS), level, np.float32))
            self.opened.append(bool(is_open[0]))
            said = np.array([probability if is_open[0] else 0.0], np.float32)
            self.edges += [edge for slot, edge in self.tracks.take(SLOT, said) if slot == 3]
        return self


def test_speech_begins_and_ends_with_its_sound() -> None:
    """Told at the sound's own borders, whatever the model's delay."""
    line = Line().chunks(20, 5, 0.0).chunks(1, 3000, 0.2).chunks(10, 3000, 0.9).chunks(2, 5, 0.6).chunks(12, 5, 0.0)

    assert line.edges == [
        SpeechEdge(True, pytest.approx(20 * CHUNK_S)),
        SpeechEdge(False, pytest.approx(31 * CHUNK_S)),
    ]


def test_one_likely_chunk_is_a_click() -> None:
    """Two in a row are needed."""
    line = Line().chunks(20, 5, 0.0)
    for _ in range(4):
        line.chunks(1, 3000, 0.9).chunks(4, 5, 0.1)
    assert line.edges == [] and ON_RUN == 2


def test_a_gap_shorter_than_the_least_does_not_end_speech() -> None:
    """0.16 s inside a word."""
    line = Line().chunks(20, 5, 0.0).chunks(8, 3000, 0.9).chunks(5, 5, 0.1).chunks(8, 3000, 0.9).chunks(10, 5, 0.0)

    assert [edge.is_speech for edge in line.edges] == [True, False]


def test_the_gate_holds_on_after_the_last_loud_chunk() -> None:
    """So that the model itself sees the release; then it shuts."""
    line = Line().chunks(20, 5, 0.0).chunks(3, 3000, 0.9).chunks(20, 5, 0.0)

    assert not any(line.opened[:20]) and all(line.opened[20 : 23 + GATE_HOLD - 1])
    assert not any(line.opened[23 + GATE_HOLD - 1 :])


def test_the_gate_learns_a_lines_hiss_and_opens_above_it() -> None:
    """A hiss of -46 dBFS opens it at first, not for ever; 6 dB above it does again."""
    line = Line().chunks(60, 160, 0.02)
    assert line.opened[0] and not any(line.opened[20:])

    assert line.chunks(1, 320, 0.02).opened[-1]


def test_a_call_that_begins_in_the_middle_of_a_word_is_heard() -> None:
    """The first chunks are not taken for the line's background, however loud they are."""
    line = Line().chunks(4, 6000, 0.05).chunks(30, 3000, 0.9)

    assert all(line.opened) and line.edges[0].is_speech


def test_speech_is_never_taken_for_background() -> None:
    """A minute of it does not raise the gate."""
    line = Line().chunks(10, 5, 0.0).chunks(2000, 3000, 0.9).chunks(30, 5, 0.0).chunks(1, 100, 0.0)

    assert line.opened[-1]


def test_a_row_that_begins_anew_remembers_nothing() -> None:
    """The next caller in the same slot."""
    line = Line().chunks(20, 5, 0.0).chunks(8, 3000, 0.9)
    assert line.tracks.speech_until_s(3) == pytest.approx(28 * CHUNK_S)
    line.tracks.forget(3)

    assert line.tracks.speech_until_s(3) is None
    line.edges.clear()
    assert line.chunks(8, 3000, 0.9).edges == [SpeechEdge(True, 0.0)]


def test_lost_chunks_count_in_time() -> None:
    """The clock stays right."""
    line = Line().chunks(20, 5, 0.0)
    line.tracks.skip(3, 100)
    line.chunks(5, 5, 0.0).chunks(4, 3000, 0.9)

    assert line.edges[0].at_s == pytest.approx(125 * CHUNK_S)


def test_a_sound_is_beginning_from_its_first_loud_chunk_until_it_is_speech_for_some_time() -> None:
    """And not in silence, nor later."""
    line = Line().chunks(20, 5, 0.0)
    assert not line.tracks.is_beginning(3)
    line.chunks(1, 3000, 0.2)
    assert line.tracks.is_beginning(3)
    line.chunks(round(YOUNG_S / CHUNK_S) - 2, 3000, 0.9)
    assert line.edges and line.tracks.is_beginning(3)
    line.chunks(3, 3000, 0.9)

    assert not line.tracks.is_beginning(3)
