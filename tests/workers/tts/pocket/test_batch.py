"""Each row of a batch is what it would be alone, and alone it is what the package itself makes."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backend.workers.tts.pocket.batch import Batch, Start
from backend.workers.tts.pocket.model import PocketModel

TOLERANCE = 1e-5
FRAMES = 24
"""Of a row: the decoder looks back over two and a half frames here, its ring holds four."""

Audio = NDArray[np.float32]


def new_batch(model: PocketModel, slots: int) -> Batch:
    return Batch(model, slots, most_tokens=50, most_frames=100)


def start(model: PocketModel, number: int) -> Start:
    """Texts, voices and noises that differ."""
    voice = model.voices["anna" if number % 2 else "bob"]
    tokens = [1 + (7 * number + 3 * place) % 60 for place in range(4 + 5 * (number % 9))]
    return Start(voice, tokens, seed=number, most_frames=FRAMES)


def speak_alone(model: PocketModel, begin: Start, frames: int = FRAMES) -> Audio:
    batch = new_batch(model, 1)
    (slot,) = batch.join([begin])
    return np.concatenate([batch.step([slot])[0][0].numpy().copy() for _ in range(frames)])


@pytest.fixture(scope="module")
def alone(model: PocketModel) -> list[Audio]:
    """By number: what that row is alone."""
    return [speak_alone(model, start(model, number)) for number in range(6)]


class Stage:
    """A batch, and what each row has said so far."""

    def __init__(self, model: PocketModel, slots: int) -> None:
        self.model, self.batch = model, new_batch(model, slots)
        self.slots: dict[int, int] = {}
        self.said: dict[int, list[Audio]] = {}

    def join(self, *numbers: int) -> None:
        for number, slot in zip(numbers, self.batch.join([start(self.model, n) for n in numbers]), strict=True):
            self.slots[number], self.said[number] = slot, []

    def step(self, *numbers: int) -> None:
        audio, _ = self.batch.step([self.slots[number] for number in numbers])
        for number, row in zip(numbers, audio.numpy(), strict=True):
            self.said[number].append(row.copy())

    def leave(self, number: int) -> None:
        self.batch.leave(self.slots.pop(number))

    def difference(self, alone: list[Audio]) -> float:
        return max(
            float(np.abs(np.concatenate(said) - alone[number][: len(said) * self.batch.frame_samples]).max())
            for number, said in self.said.items()
            if said
        )


@pytest.fixture
def same_noise(model: PocketModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A start, and the package made to draw that start's noise."""
    tts = model.tts
    text = tts.flow_lm.conditioner.tokenizer.encode("Hello there.")
    begin = Start(model.voices["anna"], text, seed=5, most_frames=tts._estimate_max_gen_len(len(text)))
    generator = torch.Generator().manual_seed(begin.seed)
    noise = torch.randn(begin.most_frames, tts.flow_lm.ldim, generator=generator)
    draws = count(-1)  # the first is for reading the text, and nobody uses it

    def draw(tensor: torch.Tensor, mean: float, std: float) -> None:
        number = next(draws)
        tensor.copy_(noise[max(0, number)][None] * std)

    monkeypatch.setattr(torch.nn.init, "normal_", draw)
    yield begin


def test_a_row_alone_is_what_the_package_makes(
    model: PocketModel, model_directory: Path, same_noise: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own generation, with its own caches and threads, over a whole text: six seconds, to its own guard."""
    monkeypatch.setattr(model.tts, "max_decoder_frames_per_call", 1)
    state = model.tts.get_state_for_audio_prompt(model_directory / "voices" / "anna.safetensors")
    packaged = model.tts.generate_audio(state, "Hello there.").numpy()
    ours = speak_alone(model, same_noise, same_noise.most_frames)

    assert len(packaged) == len(ours)
    assert np.abs(packaged).max() > 0.1
    assert np.abs(packaged - ours).max() < TOLERANCE


def test_rows_that_join_and_leave_at_different_frames_are_as_if_alone(model: PocketModel, alone: list[Audio]) -> None:
    """Joins at frames 0, 3 and 5, one leaving at 7, another taking its slot at once."""
    stage = Stage(model, 3)
    stage.join(0)
    for _ in range(3):
        stage.step(0)
    stage.join(1)
    stage.step(0, 1)
    stage.step(0, 1)
    stage.join(2)
    stage.step(1, 0, 2)
    stage.step(0, 2, 1)
    freed = stage.slots[0]
    stage.leave(0)
    stage.join(3)
    assert stage.slots[3] == freed
    for _ in range(FRAMES - 4):
        stage.step(1, 2, 3)

    assert stage.difference(alone) < TOLERANCE


def test_rows_that_join_together_are_read_together(model: PocketModel, alone: list[Audio]) -> None:
    """Short and long texts in one pass: the filling of the short ones leaves nothing behind."""
    stage = Stage(model, 6)
    stage.join(0, 1, 2, 3, 4, 5)
    for _ in range(FRAMES):
        stage.step(5, 4, 3, 2, 1, 0)

    assert stage.difference(alone) < TOLERANCE


def test_a_row_that_pauses_goes_on_as_if_it_had_not(model: PocketModel, alone: list[Audio]) -> None:
    """Ten steps of others in between, one of them joining in its neighbourhood."""
    stage = Stage(model, 4)
    stage.join(0, 1)
    stage.step(0, 1)
    stage.join(2)
    for _ in range(10):
        stage.step(0, 2)
    for _ in range(10):
        stage.step(1)

    assert stage.difference(alone) < TOLERANCE


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_order_of_joins_pauses_and_leaves_changes_nothing(data: st.DataObject) -> None:
    """Random traffic in three slots."""
    model, alone = _shared["model"], _shared["alone"]
    stage = Stage(model, 3)
    for _ in range(25):
        joinable = [number for number in range(6) if number not in stage.said]
        if joinable and stage.batch.free_slots and data.draw(st.booleans()):
            stage.join(*joinable[: data.draw(st.integers(1, stage.batch.free_slots))])
        running = [number for number in stage.slots if len(stage.said[number]) < FRAMES]
        if running and data.draw(st.integers(0, 9)) == 0:
            stage.leave(running.pop())
        chosen = data.draw(st.permutations(running))[: data.draw(st.integers(1, 3))]
        if chosen:
            stage.step(*chosen)

    if any(stage.said.values()):
        assert stage.difference(alone) < TOLERANCE


_shared: dict[str, Any] = {}


@pytest.fixture(autouse=True, scope="module")
def _share(model: PocketModel, alone: list[Audio]) -> None:
    """Hypothesis wants no fixtures in a test it runs many times."""
    _shared.update(model=model, alone=alone)


def test_a_slot_used_many_times_remembers_nothing(model: PocketModel, alone: list[Audio]) -> None:
    """Long rows before short ones: what lies behind a row's own positions is never read."""
    stage = Stage(model, 1)
    for number in (5, 0, 4, 1, 3, 2):
        stage.join(number)
        for _ in range(FRAMES):
            stage.step(number)
        stage.leave(number)

    assert stage.difference(alone) < TOLERANCE


def test_rows_said_to_be_neighbours_are_read_in_place_and_others_are_gathered(
    model: PocketModel, alone: list[Audio]
) -> None:
    """Both ways give the same."""
    stage = Stage(model, 4)
    stage.join(0, 1, 2, 3)
    for _ in range(4):
        stage.step(0, 1, 2, 3)
        stage.step(3, 1)
        stage.step(2, 0)

    assert stage.difference(alone) < TOLERANCE


def test_rows_that_nobody_owns_change_nothing(model: PocketModel, alone: list[Audio]) -> None:
    """As on a GPU: five rows step as eight, texts are read as if longer; every shape was met before."""
    stage = Stage(model, 5)
    stage.batch = Batch(model, 5, most_tokens=50, most_frames=100, fills_up=True)
    stage.batch.warm_up(start(model, 3))
    assert stage.batch.free_slots == 5
    stage.join(0, 1, 2)
    stage.step(0, 1, 2)
    stage.join(3, 4)
    for _ in range(6):
        stage.step(4, 3, 2, 1, 0)
        stage.step(1, 0, 3)

    assert stage.difference(alone) < TOLERANCE


def test_the_same_seed_is_the_same_sound_and_another_is_another(model: PocketModel) -> None:
    """Bit by bit, alone."""
    begin = start(model, 1)
    other = Start(begin.voice, begin.tokens, begin.seed + 1, begin.most_frames)

    assert np.array_equal(speak_alone(model, begin, 4), speak_alone(model, begin, 4))
    assert np.abs(speak_alone(model, begin, 4) - speak_alone(model, other, 4)).max() > 0.001


def test_the_voice_is_heard(model: PocketModel) -> None:
    """The same words and noise with another prefix sound different."""
    begin = start(model, 1)
    other = Start(model.voices["bob"], begin.tokens, begin.seed, begin.most_frames)

    assert np.abs(speak_alone(model, begin, 4) - speak_alone(model, other, 4)).max() > 0.001


def test_a_full_batch_takes_nobody_and_a_failed_join_keeps_no_slot(
    model: PocketModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slots are given back whatever happens."""
    batch = new_batch(model, 2)
    with pytest.raises(IndexError, match="3 rows for 2"):
        batch.join([start(model, number) for number in range(3)])
    monkeypatch.setattr(batch, "_read_text", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        batch.join([start(model, 0)])

    assert batch.free_slots == 2


def test_memory_is_taken_once(model: PocketModel) -> None:
    """Rows come and go in the same storage."""
    stage = Stage(model, 2)
    before = [tensor.data_ptr() for tensor in (stage.batch._lm_cache, stage.batch._mimi_cache, stage.batch._noise)]
    for number in range(6):
        stage.join(number)
        stage.step(number)
        stage.leave(number)

    assert before == [t.data_ptr() for t in (stage.batch._lm_cache, stage.batch._mimi_cache, stage.batch._noise)]
    assert stage.batch.free_slots == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here: the same is tested on the CPU above")
def test_on_a_gpu_rows_are_as_if_alone_too(model_directory: Path, alone: list[Audio]) -> None:
    """Against the CPU's audio: other kernels, the same numbers to 1e-3; against the GPU's alone: 1e-5."""
    from backend.workers.tts.pocket.model import load_model

    model = load_model(model_directory, "cuda")
    here = [speak_alone_on_gpu(model, number) for number in range(4)]
    stage = Stage(model, 4)
    stage.join(0, 1, 2)
    said: dict[int, list[Audio]] = {number: [] for number in range(3)}
    for step in range(2 * FRAMES):
        chosen = [n for n in range(3) if len(said[n]) < FRAMES and (step + n) % 3]
        if chosen:
            for number, row in zip(chosen, stage.batch.step([stage.slots[n] for n in chosen])[0].cpu(), strict=True):
                said[number].append(row.numpy())

    for number, frames in said.items():
        assert np.abs(np.concatenate(frames) - here[number][: 1920 * len(frames)]).max() < TOLERANCE
        assert np.abs(here[number] - alone[number]).max() < 1e-3


def speak_alone_on_gpu(model: PocketModel, number: int) -> Audio:
    batch = new_batch(model, 1)
    (slot,) = batch.join([start(model, number)])
    return np.concatenate([batch.step([slot])[0][0].cpu().numpy() for _ in range(FRAMES)])
