"""The sounds of a caller's line."""

import numpy as np
import pytest

from backend.rehearsal.sounds import make_sound


@pytest.mark.parametrize("name", ["noise", "hold_music", "ringback", "cough"])
def test_a_sound_has_the_length_and_the_level_that_were_asked_for(name: str) -> None:
    """8 kHz s16le; the level is the RMS of the whole."""
    samples = np.frombuffer(make_sound(name, 1.0, -30.0), dtype="<i2").astype(float)

    assert len(samples) == 8000
    assert 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768) == pytest.approx(-30.0, abs=0.5)


def test_the_same_seed_gives_the_same_noise() -> None:
    """A rehearsal can be repeated exactly."""
    assert make_sound("noise", 0.1, seed=3) == make_sound("noise", 0.1, seed=3)
    assert make_sound("noise", 0.1, seed=3) != make_sound("noise", 0.1, seed=4)
