"""Where audio can be heard."""

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio.silence import audible_span, block_levels, dbfs, rms


def silence(samples: int) -> NDArray[np.int16]:
    return np.zeros(samples, np.int16)


def sound(samples: int) -> NDArray[np.int16]:
    return np.full(samples, 3000, np.int16)


def test_the_span_is_found_to_two_milliseconds() -> None:
    """16 samples at 8 kHz is the grain."""
    samples = np.concatenate([silence(805), sound(1000), silence(333)])

    span = audible_span(samples, 8000)

    assert span is not None
    assert abs(span[0] - 805) <= 16
    assert abs(span[1] - 1805) <= 16


def test_nothing_audible_has_no_span() -> None:
    """Silence, hiss under the threshold and no samples at all."""
    assert audible_span(silence(800), 8000) is None
    assert audible_span(np.full(800, 40, np.int16), 8000) is None
    assert audible_span(silence(0), 8000) is None


def test_levels_are_rms_and_decibels() -> None:
    """A constant's RMS is itself; full scale is 0 dBFS."""
    assert rms(sound(100)) == pytest.approx(3000)
    assert rms(silence(0)) == 0.0
    assert dbfs(32768) == pytest.approx(0)
    assert dbfs(0) == -120.0
    assert block_levels(np.concatenate([silence(10), sound(5)]), 10).tolist() == pytest.approx([0, 3000])
