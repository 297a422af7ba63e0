"""The sounds of a caller's line."""

import numpy as np
import pytest

from backend.rehearsal.sounds import make_sound

NAMES = ["noise", "hold_music", "tune", "ringback", "busy", "dtmf", "cough", "throaty_cough"]


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_has_the_length_and_the_level_that_were_asked_for(name: str) -> None:
    """8 kHz s16le; the level is the RMS of the whole."""
    samples = np.frombuffer(make_sound(name, 1.0, -30.0), dtype="<i2").astype(float)

    assert len(samples) == 8000
    assert 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768) == pytest.approx(-30.0, abs=0.5)


def test_the_same_seed_gives_the_same_noise() -> None:
    """A rehearsal can be repeated exactly."""
    assert make_sound("noise", 0.1, seed=3) == make_sound("noise", 0.1, seed=3)
    assert make_sound("noise", 0.1, seed=3) != make_sound("noise", 0.1, seed=4)


@pytest.mark.parametrize("name", ["noise", "tune", "dtmf", "cough", "throaty_cough"])
def test_each_seed_is_another_take(name: str) -> None:
    """And the same one every time."""
    assert make_sound(name, 1.0, seed=3) == make_sound(name, 1.0, seed=3)
    assert make_sound(name, 1.0, seed=3) != make_sound(name, 1.0, seed=4)


@pytest.mark.parametrize(("name", "frequencies"), [("ringback", (440, 480)), ("busy", (480, 620))])
def test_tones_have_their_frequencies(name: str, frequencies: tuple[int, int]) -> None:
    """The two strongest lines of the spectrum."""
    samples = np.frombuffer(make_sound(name, 0.5, -20.0), dtype="<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8000))

    assert all(spectrum[each] > 0.8 * spectrum.max() for each in frequencies)
    assert np.sum(spectrum > 0.5 * spectrum.max()) <= 12
