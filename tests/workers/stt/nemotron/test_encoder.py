"""A step for calls of any age gives each of them what the package gives it alone, in one pass."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.workers.stt.nemotron.encoder import StreamingEncoder
from backend.workers.stt.nemotron.model import NemotronModel
from tests.fakes.nemotron_fixture import speech
from tests.workers.stt.nemotron.hearing import LOOKAHEADS, TOLERANCE, mel_chunks, package_encodes, package_streams

SECONDS = 9.0
"""The left context is 5.6 seconds: the cache goes round."""


def sound(number: int, seconds: float = SECONDS) -> np.ndarray:
    return speech(seconds, seed=number) / np.float32(32768)


def step(encoder: StreamingEncoder, slots: list[int], ages: list[int], mels: list[torch.Tensor]) -> torch.Tensor:
    return encoder.step(torch.tensor(slots), torch.tensor(ages), torch.stack(mels))


def alone(model: NemotronModel, number: int, slots: int = 1, slot: int = 0) -> torch.Tensor:
    """[encoder frames, width] of one call with nobody beside it."""
    encoder = StreamingEncoder(model, slots)
    return torch.cat(
        [step(encoder, [slot], [age], [mel])[0] for age, mel in enumerate(mel_chunks(model, sound(number)))]
    )


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_streaming_is_the_packages_pass_over_the_whole_and_its_own_streaming(
    load: Callable[[int], NemotronModel], lookahead: int
) -> None:
    """At every lookahead, longer than the left context."""
    model = load(lookahead)
    whole = package_encodes(model, sound(3))

    streamed = alone(model, 3)

    assert len(streamed) > 100
    assert (streamed - whole[: len(streamed)]).abs().max() <= TOLERANCE
    assert (streamed - package_streams(model, sound(3))).abs().max() <= TOLERANCE
    assert whole.std() > 0.5


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_calls_that_join_and_leave_are_what_they_are_alone(
    load: Callable[[int], NemotronModel], lookahead: int
) -> None:
    """Twelve calls through five slots, each step with whoever happens to be ready."""
    model, rng = load(lookahead), random.Random(lookahead)
    encoder = StreamingEncoder(model, 5)
    waiting, free = list(range(12)), list(range(5))
    mels = {number: mel_chunks(model, sound(number, 4.0 + number % 5)) for number in waiting}
    slots: dict[int, int] = {}
    heard: dict[int, list[torch.Tensor]] = {number: [] for number in waiting}
    heights = set()
    while waiting or slots:
        while waiting and free and rng.random() < 0.7:
            slots[waiting.pop(0)] = free.pop(rng.randrange(len(free)))
        ready = [number for number in slots if rng.random() < 0.7]
        rng.shuffle(ready)
        if ready:
            ages = [len(heard[number]) for number in ready]
            heights.add((len(ready), len(set(ages))))
            out = step(encoder, [slots[n] for n in ready], ages, [mels[n][len(heard[n])] for n in ready])
            for number, encoded in zip(ready, out, strict=True):
                heard[number].append(encoded)
        for number in [n for n in slots if len(heard[n]) == len(mels[n])]:
            encoder.clear(slots[number])
            free.append(slots.pop(number))

    assert max(different for _, different in heights) >= 4, "calls of different ages were in one step"
    for number, chunks in heard.items():
        streamed, whole = torch.cat(chunks), package_encodes(model, sound(number, 4.0 + number % 5))
        assert (streamed - whole[: len(streamed)]).abs().max() <= TOLERANCE


def test_a_slot_is_new_after_whoever_had_it(model: NemotronModel) -> None:
    """Nothing of the old call is left in it, not even numbers that are none."""
    encoder = StreamingEncoder(model, 2)
    for cache in encoder.caches:
        cache.fill_(float("nan"))

    encoder.clear(1)
    streamed = torch.cat([step(encoder, [1], [n], [mel])[0] for n, mel in enumerate(mel_chunks(model, sound(5)))])

    assert torch.equal(streamed, alone(model, 5, slots=2, slot=1))


def test_a_broken_row_does_not_touch_the_others(model: NemotronModel) -> None:
    """Numbers that are none stay where they are."""
    encoder = StreamingEncoder(model, 2)
    mels = [mel_chunks(model, sound(number)) for number in (1, 2)]
    heard = []
    for age in range(20):
        if age == 5:
            encoder.caches[0][:, 0] = float("nan")
        heard.append(step(encoder, [0, 1], [age, age], [mels[0][age], mels[1][age]]))

    assert not heard[-1][0].isfinite().any()
    assert (torch.cat([pair[1] for pair in heard]) - alone(model, 2)[:40]).abs().max() <= TOLERANCE


def test_memory_is_taken_once(model: NemotronModel) -> None:
    """Every cache keeps its size and its address."""
    encoder = StreamingEncoder(model, 3)
    addresses = [(cache.data_ptr(), cache.shape) for cache in encoder.caches]

    for age, mel in enumerate(mel_chunks(model, sound(1))):
        step(encoder, [age % 3], [age // 3], [mel])

    assert [(cache.data_ptr(), cache.shape) for cache in encoder.caches] == addresses
