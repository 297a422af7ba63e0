"""The log-mel features: the values another extractor gave, and what they mean."""

import numpy as np
import pytest

from backend.audio.log_mel import BANDS, log_mel
from tests.engines.turn_sounds import EVERY, NO_WHEEL, RECORDED, sweep, wheels_features


def test_the_recorded_values_come_out() -> None:
    """Those of the wheel that carries the model, to 1e-4."""
    features = log_mel(sweep())

    assert (features.shape, features.dtype) == ((BANDS, 800), np.float32)
    assert np.abs(features[:, ::EVERY] - np.load(RECORDED)).max() <= 1e-4


@pytest.mark.parametrize("sound", ["sweep", "silence", "noise", "full scale"])
def test_the_wheels_own_extractor_agrees(sound: str) -> None:
    """The whole picture, for several sounds."""
    steps = np.arange(128000, dtype=np.int64)
    sounds = {
        "sweep": sweep(),
        "silence": np.zeros(128000),
        "noise": ((steps * 1103515245 + 12345) % 65537) / 65537 - 0.5,
        "full scale": np.where(steps // 40 % 2, 1.0, -1.0),
    }
    samples = sounds[sound].astype(np.float32)
    theirs = wheels_features(samples)
    if theirs is None:
        pytest.skip(NO_WHEEL)

    assert np.abs(log_mel(samples) - theirs).max() <= 1e-4


def test_a_tone_lies_in_its_band_and_loudness_does_not_matter() -> None:
    """440 Hz is 6.6 mels of the lowest 15: low bands; ten times louder looks the same."""
    tone = 0.05 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)

    quiet, loud = log_mel(tone), log_mel(10 * tone)

    loudest = quiet[:, 50].argmax()
    assert 8 <= loudest <= 14
    assert np.abs(quiet - loud).max() < 1e-3
    assert quiet.max() - quiet.min() <= 2.0 + 1e-6


@pytest.mark.parametrize("samples", [np.zeros(399, np.float32), np.zeros((2, 400), np.float32)])
def test_too_little_or_too_much(samples: np.ndarray) -> None:
    """One row of at least one window."""
    with pytest.raises(ValueError, match="at least 400 samples"):
        log_mel(samples)
