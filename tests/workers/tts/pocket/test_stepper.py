"""The thread that owns the model: frames out, cancels in, failures contained. Time runs fifty times as fast."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from backend.workers.tts.adapter import EngineBroken, Samples
from backend.workers.tts.pocket.batch import Batch
from backend.workers.tts.pocket.model import PocketModel
from backend.workers.tts.pocket.pieces import Cutter, Piece
from backend.workers.tts.pocket.scheduler import Limits, Scheduler
from backend.workers.tts.pocket.stepper import Speech, Stepper, to_pcm

SPEED = 50.0
SLOTS = 4
SOON_S = 10.0


class WatchedBatch:
    """A batch that notes which seeds were in each step, and fails when told to."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.slots = batch.slots
        self._seeds: dict[int, int] = {}
        self.steps: list[frozenset[int]] = []
        self.fails_for: set[int] = set()
        self.fails_to_join = False
        self.step_s = 0.0

    @property
    def free_slots(self) -> int:
        return self._batch.free_slots

    def join(self, starts: Any) -> list[int]:
        if self.fails_to_join:
            raise torch.OutOfMemoryError("no room")
        slots = self._batch.join(starts)
        self._seeds |= {slot: start.seed for slot, start in zip(slots, starts, strict=True)}
        return slots

    def step(self, slots: Any) -> Any:
        seeds = frozenset(self._seeds[slot] for slot in slots)
        self.steps.append(seeds)
        time.sleep(self.step_s)
        if seeds & self.fails_for:
            raise RuntimeError("a bug in somebody's kernel")
        return self._batch.step(slots)

    def leave(self, slot: int) -> None:
        self._batch.leave(slot)


class Stage:
    def __init__(self, model: PocketModel) -> None:
        self.model = model
        self.cutter = Cutter(model.tts, "en")
        self.batch = WatchedBatch(Batch(model, SLOTS, most_tokens=50, most_frames=self.cutter.most_frames))
        self.scheduler = Scheduler(Limits(SLOTS))
        self.stepper = Stepper(
            self.batch,  # type: ignore[arg-type]  # watched
            self.scheduler,
            self.cutter.ending,
            clock=lambda: SPEED * time.monotonic(),
        )

    def pieces(self, text: str) -> list[Piece]:
        return self.cutter.pieces(text, self.model.voices["anna"])

    def speak(self, text: str, should_stop: Callable[[], bool] = bool) -> Speech:
        return self.stepper.speak(self.pieces(text), should_stop)

    def until(self, is_so: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + SOON_S
        while not is_so():
            assert time.monotonic() < give_up_at
            time.sleep(0.002)

    def is_idle(self) -> bool:
        return self.stepper.slots_used == 0 and not self.scheduler.streams and not self.stepper._speeches


@pytest.fixture
def stage(model: PocketModel) -> Iterator[Stage]:
    stage = Stage(model)
    yield stage
    stage.stepper.close()


def hear(speech: Speech) -> list[Samples]:
    frames = []
    while (frame := speech.next_frame()) is not None:
        frames.append(frame)
    return frames


def test_a_speech_is_its_pieces_frames_and_an_end(stage: Stage) -> None:
    """Each piece runs to its guard here; the slot is free with the last frame."""
    text = "This sentence takes most of one piece already. This one does not fit any more."
    frames = hear(stage.speak(text))

    assert len(frames) == sum(piece.start.most_frames for piece in stage.pieces(text))
    assert {(len(frame), frame.dtype) for frame in frames} == {(1920, np.dtype(np.int16))}
    assert np.abs(np.concatenate(frames)).max() > 1000
    stage.until(stage.is_idle)


def test_more_speeches_than_slots_are_all_spoken_and_each_as_if_alone(stage: Stage) -> None:
    """Eight texts, four slots."""
    texts = [f"Number {number}." for number in range(8)]
    alone = {text: np.concatenate(hear(stage.speak(text))) for text in texts[::5]}
    speeches = {text: stage.speak(text) for text in texts}
    heard: dict[str, Samples] = {}

    def listen(text: str) -> None:
        heard[text] = np.concatenate(hear(speeches[text]))

    threads = [threading.Thread(target=listen, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON_S)

    assert len(heard) == 8
    for text, audio in alone.items():
        assert np.abs(heard[text].astype(int) - audio).max() <= 1
    assert max(map(len, stage.batch.steps)) == SLOTS


def test_each_speech_is_told_its_share_of_a_step(stage: Stage) -> None:
    """Together they cost what the thread was busy; nobody pays for another's row, or for the time between two steps."""
    stage.batch.step_s = 0.01
    spent: list[list[float]] = [[] for _ in range(SLOTS)]
    speeches = [stage.stepper.speak(stage.pieces("Hello there."), bool, one.append) for one in spent]
    for speech in speeches:
        hear(speech)
    stage.until(lambda: len(stage.stepper.figures.step_s) == len(stage.batch.steps))

    total = sum(map(sum, spent))
    assert total == pytest.approx(sum(stage.stepper.figures.step_s), rel=0.1)
    assert max(map(sum, spent)) < 0.6 * total


def test_a_cancelled_speech_is_in_one_step_more_at_most(stage: Stage) -> None:
    """D8: the step that was being made when it was cancelled; then its slot is free. The others go on."""
    other = stage.speak("Somebody else who goes on for a while.")
    stop = threading.Event()
    speech = stage.speak("Hello there.", stop.is_set)
    seed = stage.pieces("Hello there.")[0].start.seed
    for _ in range(3):
        assert speech.next_frame() is not None
    begun = len(stage.batch.steps)
    stop.set()
    hear(speech)

    stage.until(lambda: stage.stepper.slots_used == 1)
    assert not any(seed in step for step in stage.batch.steps[begun + 1 :])
    assert len(hear(other)) == stage.pieces("Somebody else who goes on for a while.")[0].start.most_frames


def test_five_hundred_cancels_leave_slots_threads_and_memory_as_they_were(stage: Stage) -> None:
    """At any moment of a speech: before its first frame, in the middle, between its pieces; by word or by going away."""
    rng = random.Random(4)
    hear(stage.speak("Hello."))
    threads, memory = threading.active_count(), resident_mb()
    late: list[int] = []

    def cancel_many(count: int) -> None:
        for number in range(count):
            stop = threading.Event()
            text = f"{rng.choice('abcdefghijkl')}{number} to be stopped. And then some more of it, if it is let."
            seeds = {piece.start.seed for piece in stage.pieces(text)}
            speech = stage.speak(text, stop.is_set)
            for _ in range(rng.choice((0, 0, 1, 2, 5))):
                speech.next_frame()
            begun = len(stage.batch.steps)
            if rng.random() < 0.8:
                stop.set()
                hear(speech)
            else:
                speech.abandon()
            late.extend(1 for step in stage.batch.steps[begun + 2 :] if step & seeds)

    listeners = [threading.Thread(target=cancel_many, args=(100,)) for _ in range(5)]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join(60)

    stage.until(stage.is_idle)
    assert not late
    assert threading.active_count() == threads
    assert resident_mb() - memory < 20
    assert hear(stage.speak("Hello."))


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_step_that_fails_costs_those_in_it_and_nobody_else(stage: Stage) -> None:
    """They end with an error that names the engine and none of the words; the next text is spoken."""
    stage.batch.fails_for = {stage.pieces("Poison.")[0].start.seed}
    with capture_logs() as lines, pytest.raises(EngineBroken, match="pocket-tts failed: RuntimeError"):
        hear(stage.speak("Poison."))

    stage.until(stage.is_idle)
    assert [(line["event"], line["speeches"]) for line in lines] == [("pocket.step_failed", 1)]
    assert hear(stage.speak("Hello."))


def test_memory_that_runs_out_on_joining_is_one_speechs_misfortune(stage: Stage) -> None:
    """No slot is lost to it."""
    stage.batch.fails_to_join = True
    for _ in range(2 * SLOTS):
        with capture_logs(), pytest.raises(EngineBroken, match="OutOfMemoryError"):
            hear(stage.speak("Hello."))
    stage.batch.fails_to_join = False

    assert hear(stage.speak("Hello."))
    stage.until(stage.is_idle)


def test_a_consumer_that_takes_nothing_is_not_computed_for(stage: Stage) -> None:
    """Twelve frames wait for it, no more; a cancel still reaches it, and others speak meanwhile."""
    stop = threading.Event()
    slow = stage.speak("A text that nobody takes.", stop.is_set)
    seed = stage.pieces("A text that nobody takes.")[0].start.seed
    assert hear(stage.speak("Hello."))
    assert hear(stage.speak("Hello again."))

    assert sum(seed in step for step in stage.batch.steps) == 12
    stop.set()
    stage.until(stage.is_idle)
    assert len(hear(slow)) == 12


def test_an_idle_thread_does_nothing(stage: Stage) -> None:
    """It waits to be woken."""
    hear(stage.speak("Hello."))
    stage.until(stage.is_idle)
    made, cpu = len(stage.batch.steps), time.process_time()
    time.sleep(0.2)

    assert len(stage.batch.steps) == made
    assert time.process_time() - cpu < 0.05


def test_closing_ends_what_still_speaks(model: PocketModel) -> None:
    """With an error, never in silence; nothing is taken afterwards."""
    stage = Stage(model)
    stage.batch.step_s = 0.02
    speech = stage.speak("Hello there, this goes on.")
    speech.next_frame()
    stage.stepper.close()

    with pytest.raises(EngineBroken, match="unloaded"):
        hear(speech)
    with pytest.raises(EngineBroken, match="not loaded"):
        stage.speak("Hello.")


def test_samples_are_rounded_and_clipped() -> None:
    """Full scale is full scale, beyond it nothing wraps around; each row is an array of its own."""
    audio = torch.tensor([[0.0, 1.0, -1.0, 1.5, -1.5], [0.5, 1e-5, 2e-5, -2e-5, float("nan")]])
    first, second = to_pcm(audio)

    assert first.tolist() == [0, 32767, -32767, 32767, -32767]
    assert second.tolist() == [16384, 0, 1, -1, 0]
    assert first.base is None
