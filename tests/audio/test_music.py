"""backend/audio/music.py. Many more takes: `python -m tests.bench sounds`."""

import numpy as np
import pytest

from backend.audio import g711
from backend.audio.music import LEAST_S, MOST_S, RATE, is_music
from backend.audio.silence import Samples
from backend.rehearsal.sounds import SoundName, make_sound
from tests.engines.speech import SENTENCES, spoken

COUNT = round(MOST_S * RATE)


def over_hiss(pcm: bytes) -> Samples:
    samples = np.frombuffer(pcm, np.int16) + np.random.default_rng(0).normal(0, 32, len(pcm) // 2)
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(samples, -32000, 32000).astype(np.int16)))


def windows(samples: Samples) -> list[Samples]:
    return [samples[start : start + COUNT] for start in range(0, len(samples) - COUNT, 800)]


@pytest.mark.parametrize("name", ["hold_music", "tune", "busy"])
@pytest.mark.parametrize("level_dbfs", [-15.0, -30.0])
def test_music_and_tones_are_music_wherever_one_listens(name: SoundName, level_dbfs: float) -> None:
    """Across changes of the chord, too."""
    heard = [is_music(window) for window in windows(over_hiss(make_sound(name, 4, level_dbfs, seed=3)))]

    assert len(heard) > 30 and all(heard)


@pytest.mark.parametrize("text", SENTENCES)
def test_a_voice_is_not_music(text: str) -> None:
    """Anywhere in a sentence."""
    assert not any(is_music(window) for window in windows(over_hiss(spoken(text))))


@pytest.mark.parametrize("name", ["noise", "cough", "throaty_cough"])
def test_noise_and_coughs_are_not_music(name: SoundName) -> None:
    """Nothing stands out of them."""
    assert not any(is_music(window) for window in windows(over_hiss(make_sound(name, 2))))


def test_silence_and_too_little_sound_are_not_music() -> None:
    """A tone is, from `LEAST_S` on."""
    tone = over_hiss(make_sound("ringback", 1))
    least = round(LEAST_S * RATE)

    assert not is_music(np.zeros(COUNT, np.int16))
    assert is_music(tone[:least]) and not is_music(tone[: least - 1])
