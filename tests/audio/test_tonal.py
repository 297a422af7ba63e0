"""backend/audio/tonal.py. Many more takes: `python -m tests.bench sounds`."""

import numpy as np
import pytest

from backend.audio import g711
from backend.audio.tonal import RATE, WINDOW_S, is_tonal
from backend.rehearsal.sounds import make_sound
from tests.engines.speech import SENTENCES, spoken

COUNT = round(WINDOW_S * RATE)


def over_hiss(pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    samples = np.frombuffer(pcm, np.int16) + np.random.default_rng(0).normal(0, 32, len(pcm) // 2)
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(samples, -32000, 32000).astype(np.int16)))


@pytest.mark.parametrize("name", ["hold_music", "ringback"])
@pytest.mark.parametrize("level_dbfs", [-15.0, -30.0])
def test_music_and_tones_are_tonal_wherever_one_listens(name: str, level_dbfs: float) -> None:
    """Across changes of the chord, too."""
    samples = over_hiss(make_sound(name, 2, level_dbfs))
    heard = [is_tonal(samples[start : start + COUNT]) for start in range(0, len(samples) - COUNT, 160)]

    assert np.mean(heard) > 0.98


@pytest.mark.parametrize("text", SENTENCES)
def test_the_beginning_of_a_sentence_is_not_tonal(text: str) -> None:
    """When voice activity has found it, up to 0.2 s of it have been heard."""
    samples = over_hiss(bytes(2 * COUNT) + spoken(text))

    assert not any(is_tonal(samples[: COUNT + heard]) for heard in range(480, 1600, 160))


@pytest.mark.parametrize("text", SENTENCES)
def test_a_voice_is_never_tonal_for_long(text: str) -> None:
    """What is withheld for its sake is told within half a second."""
    samples = over_hiss(spoken(text))
    longest = run = 0
    for start in range(0, len(samples) - COUNT, 160):
        run = run + 1 if is_tonal(samples[start : start + COUNT]) else 0
        longest = max(longest, run)

    assert longest * 0.02 < 0.5


def test_noise_silence_and_too_little_sound_are_not_tonal() -> None:
    """Nothing stands out of them."""
    noise = np.random.default_rng(1).normal(0, 3000, COUNT).astype(np.int16)
    tone = over_hiss(make_sound("ringback", 1))

    assert not is_tonal(noise)
    assert not is_tonal(np.zeros(COUNT, np.int16))
    assert is_tonal(tone[:COUNT]) and not is_tonal(tone[: COUNT - 1])
