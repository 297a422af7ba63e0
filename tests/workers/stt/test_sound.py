"""How speech sounds, as few numbers."""

import numpy as np
import pytest

from backend.workers.stt.phrase_book import Phrase
from backend.workers.stt.recogniser import Samples
from backend.workers.stt.scripted import _sound
from backend.workers.stt.sound import BANDS, HOP, WINDOW, Framer, Frames, audibility, frames_of


def likeness(one: Frames, other: Frames) -> float:
    count = min(len(one), len(other))
    common = float((one[:count] * other[:count]).sum())
    return 2 * common / float(audibility(one[:count]).sum() + audibility(other[:count]).sum())


def said(text: str) -> Samples:
    return _sound(text, Phrase(text))


@pytest.mark.parametrize("size", [1, 79, 80, 160, 641, 100_000])
def test_frames_do_not_depend_on_how_the_audio_is_cut(size: int) -> None:
    """One sample at a time or all at once."""
    samples = said("Tell me a story.")
    framer = Framer()
    pieces = [framer.process(samples[at : at + size]) for at in range(0, len(samples), size)]

    assert np.allclose(np.concatenate(pieces), Framer().process(samples), atol=1e-5)
    assert sum(map(len, pieces)) == (len(samples) - WINDOW) // HOP + 1


def test_silence_says_nothing_and_loud_speech_all() -> None:
    """A frame's product with itself is how audible it is."""
    assert not frames_of(np.zeros(8000, np.int16)).any()
    loud = audibility(frames_of(said("Tell me a story.")))
    assert 0.99 < loud.max() <= 1.001 and loud[0] < 0.6
    assert frames_of(said("Tell me a story.")).shape[1] == BANDS


@pytest.mark.parametrize("dbfs", [-60.0, -50.0, -45.0])
def test_the_noise_of_a_line_is_silence_and_speech_on_it_is_not(dbfs: float) -> None:
    """From the first second on, at whatever level it is; the words on it are as alike as on a quiet line."""
    story = said("Tell me a story.")
    noise = np.random.default_rng(1).normal(size=40_000) * 32768 * 10 ** (dbfs / 20)
    noise[16_000 : 16_000 + len(story)] = story
    frames = Framer().process(noise.astype(np.int16))
    first, last = 16_000 // HOP, (16_000 + len(story)) // HOP

    assert float(audibility(frames[: first - 3]).max()) < 0.05
    assert float(audibility(frames[last + 3 :]).max()) < 0.05
    assert likeness(frames[first:last], Framer().process(story)) > 0.9


def test_the_same_words_are_alike_and_others_are_not() -> None:
    """Also at half and at twice the volume; noise and tones are like no words."""
    story, other = said("Tell me a story."), said("Please hold on, somebody rings.")
    frames = frames_of(story)
    noise = (np.random.default_rng(1).normal(size=len(story)) * 3000).astype(np.int16)

    assert likeness(frames, frames_of(story)) > 0.999
    assert likeness(frames, frames_of((story // 2).astype(np.int16))) > 0.95
    assert likeness(frames, frames_of(np.clip(story.astype(int) * 2, -32768, 32767).astype(np.int16))) > 0.95
    assert likeness(frames, frames_of(other)) < 0.5
    assert likeness(frames, frames_of(noise)) < 0.4
    assert likeness(frames, frames_of(np.zeros(len(story), np.int16))) == 0.0
