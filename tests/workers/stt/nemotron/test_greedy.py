"""The decoding loop of many calls against the package's own of one."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.workers.stt.nemotron.encoder import StreamingEncoder
from backend.workers.stt.nemotron.greedy import GreedyDecoder
from backend.workers.stt.nemotron.model import NemotronModel
from tests.fakes.nemotron_fixture import speech
from tests.workers.stt.nemotron.hearing import LOOKAHEADS, mel_chunks, package_encodes, package_tokens


def sound(number: int) -> np.ndarray:
    return speech(6.0, seed=number) / np.float32(32768)


def tokens(decoder: GreedyDecoder, slot: int, encoded: torch.Tensor) -> list[int]:
    return [token.number for token in decoder.step(torch.tensor([slot]), encoded[None])[0]]


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_it_decodes_as_the_package_does(load: Callable[[int], NemotronModel], lookahead: int) -> None:
    """Chunk by chunk, against one pass over the whole."""
    model = load(lookahead)
    encoder, decoder = StreamingEncoder(model, 1), GreedyDecoder(model, 1)
    heard: list[int] = []
    for age, mel in enumerate(mel_chunks(model, sound(1))):
        heard += tokens(decoder, 0, encoder.step(torch.tensor([0]), torch.tensor([age]), mel[None])[0])

    expected = package_tokens(model, sound(1))

    assert len(heard) > 5 and len(set(heard)) > 3
    assert heard == expected[: len(heard)] and len(expected) - len(heard) < 8


def test_a_call_is_decoded_as_if_it_were_alone(model: NemotronModel) -> None:
    """Rows that are done wait for the others with their state untouched."""
    numbers = range(6)
    encoded = torch.stack([package_encodes(model, sound(number))[:72] for number in numbers])
    together, apart = GreedyDecoder(model, 6), GreedyDecoder(model, 1)
    slots = torch.tensor([3, 0, 5, 1, 4, 2])

    heard: list[list[int]] = [[] for _ in numbers]
    for begin in range(0, 72, 2):
        for row, own in zip(heard, together.step(slots, encoded[:, begin : begin + 2]), strict=True):
            row += [token.number for token in own]

    for number in numbers:
        apart.clear(0)
        assert heard[number] == tokens(apart, 0, encoded[number])
    assert len({tuple(row) for row in heard}) == 6


def test_tokens_know_their_frame_and_are_never_too_many_for_one(model: NemotronModel) -> None:
    """`max_symbols_per_step` is what ends a frame that never gives the blank."""
    decoder = GreedyDecoder(model, 1)
    encoded = package_encodes(model, sound(2))

    (heard,) = decoder.step(torch.tensor([0]), encoded[None])
    frames = [token.frame for token in heard]

    assert frames == sorted(frames) and max(frames) < len(encoded)
    assert max(frames.count(frame) for frame in frames) == model.net.max_symbols_per_step


def test_a_cleared_slot_is_a_new_call(model: NemotronModel) -> None:
    """What was said before does not change what is heard."""
    decoder = GreedyDecoder(model, 2)
    encoded = package_encodes(model, sound(4))
    first = tokens(decoder, 1, encoded)

    decoder.clear(1)

    assert tokens(decoder, 1, encoded) == first
