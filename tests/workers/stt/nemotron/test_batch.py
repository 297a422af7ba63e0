"""Slots, chunks and silence: a call is what it is alone, whoever comes and goes beside it."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from backend.workers.stt.nemotron.batch import Batch, BatchFull, Call, Part
from backend.workers.stt.nemotron.model import NemotronModel
from tests.fakes.nemotron_fixture import speech
from tests.workers.stt.nemotron.hearing import TOLERANCE, package_tokens

NOTHING = np.zeros(0, np.int16)


class Line:
    """A call's sound, taken chunk by chunk, and the tokens that came."""

    def __init__(self, batch: Batch, sound: NDArray[np.int16]) -> None:
        self.batch, self.rest, self.call = batch, sound, batch.join()
        self.tokens: list[tuple[int, int]] = []

    @property
    def is_over(self) -> bool:
        return len(self.rest) < self.batch.wants(self.call)

    def part(self) -> Part:
        wanted = self.batch.wants(self.call)
        piece, self.rest = self.rest[:wanted], self.rest[wanted:]
        return Part(self.call, piece)


def step(lines: list[Line]) -> None:
    for line, result in zip(lines, lines[0].batch.step([line.part() for line in lines]), strict=True):
        assert result.is_sane
        line.tokens += [(token.number, token.frame) for token in result.tokens]


def hear_alone(model: NemotronModel, sound: NDArray[np.int16]) -> list[tuple[int, int]]:
    line = Line(Batch(model, 1), sound)
    while not line.is_over:
        step([line])
    return line.tokens


def state(batch: Batch, call: Call) -> list[torch.Tensor]:
    return [cache[:, call.slot] if place < 3 else cache[call.slot] for place, cache in enumerate(batch.caches)]


def test_a_call_in_chunks_is_the_packages_pass_over_the_whole(model: NemotronModel) -> None:
    """int16 in, tokens out; the frames count from the beginning of the call."""
    sound = speech(7.0, seed=9)
    heard = hear_alone(model, sound)

    expected = package_tokens(model, sound / np.float32(32768))

    assert [number for number, _ in heard] == expected[: len(heard)]
    assert heard[-1][1] * 0.08 > 5.0


@pytest.mark.parametrize("lookahead", [1, 6])
def test_company_changes_nothing(load: Callable[[int], NemotronModel], lookahead: int) -> None:
    """Calls of all ages join, fall behind, catch up and leave; tokens are the same, and so is what is kept of them."""
    model, rng = load(lookahead), random.Random(lookahead)
    batch = Batch(model, 6)
    sounds = [speech(3.0 + number % 7, seed=number) for number in range(14)]
    waiting, here, heights = list(range(14)), dict[int, Line](), set()
    while waiting or here:
        while waiting and batch.slots_used < 6 and rng.random() < 0.5:
            number = waiting.pop(0)
            here[number] = Line(batch, sounds[number])
        ready = [line for line in here.values() if rng.random() < 0.7]
        if ready:
            heights.add(len({line.call.age for line in ready}))
            step(ready)
        for number in [number for number, line in here.items() if line.is_over]:
            line, alone = here.pop(number), Line(Batch(model, 1), sounds[number])
            while not alone.is_over:
                step([alone])
            kept = zip(state(batch, line.call), state(alone.batch, alone.call), strict=True)
            assert line.tokens == alone.tokens and line.tokens
            assert max(float((here - there).abs().max()) for here, there in kept) <= TOLERANCE
            batch.leave(line.call)

    assert max(heights) >= 4


def test_who_is_late_is_not_waited_for(model: NemotronModel) -> None:
    """A call that gives nothing keeps its state and its place, however long."""
    batch = Batch(model, 2)
    sound = speech(4.0, seed=3)
    late, other = Line(batch, sound), Line(batch, speech(6.0, seed=4))
    for _ in range(5):
        step([late])
    while not other.is_over:
        step([other])

    while not late.is_over:
        step([late])

    assert late.tokens == hear_alone(model, sound)


def test_missing_samples_are_silence_from_then_on(model: NemotronModel) -> None:
    """As if the line had been silent for so long; it is counted, so that times can be told without it."""
    batch = Batch(model, 1)
    sound = speech(2.0, seed=5)
    line = Line(batch, sound)
    while not line.is_over:
        step([line])
    wanted, rest = batch.wants(line.call), line.rest

    step([line])
    line.rest = speech(1.0, seed=6)
    while not line.is_over:
        step([line])

    silence = np.zeros(wanted - len(rest), np.int16)
    assert line.call.silence == len(silence)
    assert line.tokens == hear_alone(model, np.concatenate([sound, silence, speech(1.0, seed=6)]))


def test_the_first_chunk_is_complete_sooner(model: NemotronModel) -> None:
    """92.5 ms, then 160 ms each."""
    batch = Batch(model, 1)
    call = batch.join()
    wanted = []
    for _ in range(4):
        wanted.append(batch.wants(call))
        batch.step([Part(call, np.zeros(wanted[-1], np.int16))])

    assert wanted == [1480, 2560, 2560, 2560]


def test_more_than_it_wants_is_an_error_of_ours(model: NemotronModel) -> None:
    """Nothing is dropped in silence."""
    batch = Batch(model, 1)

    with pytest.raises(ValueError, match="1481 samples where 1480 complete the chunk"):
        batch.step([Part(batch.join(), np.zeros(1481, np.int16))])


def test_a_step_of_nobody_is_nothing(model: NemotronModel) -> None:
    """No shape of zero rows reaches the model."""
    assert Batch(model, 1).step([]) == []


def test_a_call_that_was_reset_is_a_new_one(model: NemotronModel) -> None:
    """In the same slot."""
    batch = Batch(model, 1)
    line = Line(batch, speech(3.0, seed=7))
    while not line.is_over:
        step([line])

    batch.reset(line.call)
    line.rest, line.tokens = speech(4.0, seed=8), []
    while not line.is_over:
        step([line])

    assert line.tokens == hear_alone(model, speech(4.0, seed=8))


def test_slots_run_out_and_come_back(model: NemotronModel) -> None:
    """Leaving twice gives back one."""
    batch = Batch(model, 2)
    first, _ = batch.join(), batch.join()
    with pytest.raises(BatchFull, match="all 2 slots"):
        batch.join()

    batch.leave(first)
    batch.leave(first)

    assert batch.slots_used == 1
    batch.join()
    with pytest.raises(BatchFull):
        batch.join()


def test_nothing_of_a_call_stays_behind(model: NemotronModel) -> None:
    """Its slot is zeros once it has left, and warming up leaves nothing either."""
    batch = Batch(model, 3)
    batch.warm_up()
    assert not any(cache.any() for cache in batch.caches) and batch.slots_used == 0
    lines = [Line(batch, speech(2.0, seed=number)) for number in range(3)]
    while not lines[0].is_over:
        step(lines)
    assert all(cache.any() for cache in batch.caches)

    for line in lines:
        batch.leave(line.call)

    assert not any(cache.any() for cache in batch.caches)


def test_numbers_out_of_range_lose_one_call(model: NemotronModel) -> None:
    """And it is told; the neighbour is what it is alone."""
    batch = Batch(model, 2)
    broken, sound = batch.join(), speech(2.0, seed=2)
    line = Line(batch, sound)
    batch.step([Part(broken, NOTHING)])
    batch.caches[1][:, broken.slot] = float("inf")

    while not line.is_over:
        lost, kept = batch.step([Part(broken, NOTHING), line.part()])
        assert (lost.is_sane, kept.is_sane) == (False, True)
        line.tokens += [(token.number, token.frame) for token in kept.tokens]

    assert line.tokens == hear_alone(model, sound)
