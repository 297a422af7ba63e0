"""One session's way through the compute thread."""

import numpy as np

from backend.workers.stt.lane import Flush, Flushed, Heard, Lane, Output, Reset
from tests.workers.stt.fake_recogniser import FIRST, PIECE, FakeRecogniser, FakeState
from tests.workers.stt.sidecars import audio


def lane_at(rate: int = 16000) -> tuple[Lane[FakeState], FakeRecogniser]:
    recogniser = FakeRecogniser()
    return Lane(recogniser, recogniser.open("en"), rate), recogniser


def work(lane: Lane[FakeState], recogniser: FakeRecogniser) -> list[Output]:
    """All steps that there are to do, alone."""
    lane.collect()
    while (piece := lane.next_piece()) is not None:
        (words,) = recogniser.step([piece])
        assert isinstance(words, list)
        lane.took(piece, words)
    return lane.outputs()


def test_pieces_have_exactly_the_size_that_the_recogniser_wants() -> None:
    """Whatever the sizes of the client's messages: the first piece is longer, the rest waits."""
    lane, recogniser = lane_at()
    for size in (100, 1, 3000, 7):
        lane.push(audio(samples=size))
    work(lane, recogniser)

    assert recogniser.steps == [[FIRST], [PIECE], [PIECE]]
    assert lane.recognised_s == (FIRST + 2 * PIECE) / 16000


def test_readiness_is_known_without_asking_the_recogniser() -> None:
    """Enough audio, or a flush, or a reset; and not one sample earlier."""
    lane, recogniser = lane_at()
    lane.push(audio(samples=FIRST - 1))
    assert not lane.is_ready()
    lane.push(audio(samples=1))
    assert lane.is_ready()
    work(lane, recogniser)
    assert not lane.is_ready()
    lane.push(Flush(1))
    assert lane.is_ready()
    work(lane, recogniser)
    lane.push(Reset())
    assert lane.is_ready()
    work(lane, recogniser)
    assert not lane.is_ready()


def test_a_flush_brings_the_last_words_then_its_number() -> None:
    """What is left goes into one last, shorter piece."""
    lane, recogniser = lane_at()
    lane.push(audio(samples=FIRST + 100))
    lane.push(Flush(7))

    outputs = work(lane, recogniser)

    assert recogniser.steps == [[FIRST], [100]]
    end = (FIRST + 100) / 16000
    assert outputs == [
        Heard("w1", False, 1, 0.0, FIRST / 16000),
        Heard("w1 w2", True, 1, 0.0, end),
        Flushed(7),
    ]


def test_a_flush_right_behind_a_piece_ends_with_an_empty_one() -> None:
    """The recogniser must be told, even if there is no audio left to tell it with."""
    lane, recogniser = lane_at()
    lane.push(audio(samples=FIRST))
    lane.push(Flush(1))

    outputs = work(lane, recogniser)

    assert recogniser.steps == [[FIRST], [0]]
    assert [output.is_final for output in outputs if isinstance(output, Heard)] == [False, True]
    assert outputs[-1] == Flushed(1)


def test_a_flush_where_nothing_was_heard_costs_no_step() -> None:
    """At the start, and twice in a row."""
    lane, recogniser = lane_at()
    lane.push(Flush(1))
    lane.push(audio(samples=FIRST))
    lane.push(Flush(2))
    lane.push(Flush(3))

    outputs = work(lane, recogniser)

    assert recogniser.steps == [[FIRST], [0]]
    assert [output.id for output in outputs if isinstance(output, Flushed)] == [1, 2, 3]


def test_utterances_are_counted_from_one_and_every_final_begins_the_next() -> None:
    """Also a reset that made a told text void; one that made nothing void counts for nothing."""
    lane, recogniser = lane_at()
    for mark in (Flush(1), Reset(), Reset(), Flush(2)):
        lane.push(audio(samples=FIRST))
        lane.push(mark)
    lane.push(Reset())
    lane.push(audio(samples=FIRST))

    heard = [output for output in work(lane, recogniser) if isinstance(output, Heard)]

    assert [(words.utterance, words.is_final) for words in heard] == [
        (1, False), (1, True), (2, False), (3, False), (4, False), (4, True), (5, False),
    ]  # fmt: skip


def test_a_reset_forgets_what_is_not_final_but_not_the_seconds() -> None:
    """Audio that never filled a piece is counted, too."""
    lane, recogniser = lane_at()
    lane.push(audio(samples=FIRST + 320))
    lane.push(Reset())
    lane.push(audio(samples=FIRST))

    outputs = work(lane, recogniser)

    assert recogniser.resets == 1
    assert outputs[-1] == Heard("w1", False, 2, (FIRST + 320) / 16000, (2 * FIRST + 320) / 16000)
    assert lane.recognised_s == (2 * FIRST + 320) / 16000


def test_seconds_do_not_drift_with_the_upsampler_s_delay() -> None:
    """Each flush gives the filter's 1.5 ms at its end; after a hundred of them words still stand where they were said."""
    lane, recogniser = lane_at(8000)
    outputs: list[Output] = []
    for number in range(100):
        lane.push(np.full(1600, 2000, "<i2").tobytes())
        lane.push(Flush(number))
        outputs += work(lane, recogniser)

    last = [output for output in outputs if isinstance(output, Heard)][-1]
    assert abs(last.start_s - 99 * 0.2) < 0.002
    assert last.end_s == 20.0
    assert lane.recognised_s == 20.0


def test_audio_at_telephone_rate_comes_out_evenly() -> None:
    """Twenty milliseconds in, twenty milliseconds further: no lumps of a library's resampler."""
    lane, recogniser = lane_at(8000)
    steps = []
    for _ in range(50):
        lane.push(np.full(160, 2000, "<i2").tobytes())
        work(lane, recogniser)
        steps.append(sum(map(sum, recogniser.steps)))

    assert max(b - a for a, b in zip(steps, steps[1:], strict=False)) <= FIRST
    assert steps[-1] >= 50 * 320 - PIECE - 48


def test_what_waits_is_known_in_seconds() -> None:
    """For the client that sends too fast: until it is given to the recogniser, not only until it is looked at."""
    lane, recogniser = lane_at()
    lane.push(audio(samples=16000))
    assert lane.waiting_s == 1.0
    lane.collect()
    assert lane.next_piece() is not None
    assert lane.waiting_s == 1.0
    lane, recogniser = lane_at()
    lane.push(audio(samples=16000))
    work(lane, recogniser)
    assert lane.waiting_s == 0.0
