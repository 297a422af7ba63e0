"""The engine as the worker uses it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.workers.tts.adapter import EngineBroken
from backend.workers.tts.pocket.adapter import Pocket, PocketSettings


@pytest.fixture(scope="module")
def pocket(brief_directory: Path) -> Iterator[Pocket]:
    engine = Pocket(PocketSettings(brief_directory, slots=3, language="en", device="cpu"))
    engine.load()
    yield engine
    engine.unload()


def test_it_lists_its_voices_with_the_models_language(pocket: Pocket) -> None:
    """By file name, in the order of the alphabet."""
    assert [(voice.name, voice.language) for voice in pocket.voices()] == [("anna", "en"), ("bob", "en")]
    assert pocket.has_voice("bob")
    assert not pocket.has_voice("carl")
    assert pocket.native_sample_rate == 24000


def test_it_speaks_in_frames_of_80_ms(pocket: Pocket) -> None:
    """This model ends six frames and a few after it began, per piece."""
    frames = list(pocket.synthesize("Hello there.", "anna", bool))

    assert {len(frame) for frame in frames} == {1920}
    assert 9 <= len(frames) <= 11
    assert np.abs(np.concatenate(frames)).max() > 1000


def test_the_same_words_sound_the_same(pocket: Pocket) -> None:
    """In one voice; the other is another."""
    anna, again, bob = (np.concatenate(list(pocket.synthesize("Hi.", name, bool))) for name in ("anna", "anna", "bob"))

    assert np.abs(anna.astype(int) - again).max() <= 1
    assert np.abs(anna[: len(bob)].astype(int) - bob[: len(anna)]).max() > 300


@pytest.mark.parametrize("text", ["...", "🙂", "\x00", " "])
def test_nothing_to_say_is_no_frame_and_no_error(pocket: Pocket, text: str) -> None:
    """The worker makes the final frame."""
    assert list(pocket.synthesize(text, "anna", bool)) == []


@pytest.mark.parametrize("text", ["x" * 80, "🙂 Hello 🙂", "<b>not markup</b>", "日本語。", "1,000.5", "a\tb\nc"])
def test_odd_texts_are_spoken(pocket: Pocket, text: str) -> None:
    """Unknown characters are unknown tokens."""
    assert list(pocket.synthesize(text, "anna", bool))


def test_it_stops_when_told_and_when_left(pocket: Pocket) -> None:
    """D8: the slot is free at once in both cases."""
    stepper = pocket.stepper
    assert stepper is not None
    stop = threading.Event()
    told: Iterator[object] = pocket.synthesize("A long text. " * 100, "anna", stop.is_set)
    left = pocket.synthesize("A long text. " * 100, "bob", bool)
    next(told)
    next(left)
    assert stepper.slots_used == 2
    stop.set()
    assert len(list(told)) <= 14
    left.close()  # type: ignore[attr-defined]  # a generator

    give_up_at = time.monotonic() + 5.0
    while stepper.slots_used:
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def test_what_is_cancelled_before_it_begins_is_not_begun(pocket: Pocket) -> None:
    """Not a single step."""
    assert list(pocket.synthesize("Hello.", "anna", lambda: True)) == []


def test_it_can_be_unloaded_and_loaded_again(brief_directory: Path) -> None:
    """Both twice; between them it refuses; its thread goes with it."""
    engine = Pocket(PocketSettings(brief_directory, slots=1, language="en", device="cpu"))
    before = threading.active_count()
    for _ in range(2):
        engine.load()
        engine.load()
        assert list(engine.synthesize("Hi.", "anna", bool))
        engine.unload()
        engine.unload()
        assert threading.active_count() == before
        assert not engine.voices()
        with pytest.raises(EngineBroken):
            list(engine.synthesize("Hi.", "anna", bool))


def test_a_directory_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    """E4, for files."""
    with pytest.raises(EngineBroken, match=r"config\.yaml is missing"):
        Pocket(PocketSettings(tmp_path)).load()
