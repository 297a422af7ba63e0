"""backend/audio/line_filter.py: on a line that gives noise back through a filter of three taps."""

import numpy as np
import pytest

from backend.audio.line_filter import LineFilter, Spectra, coherence, emphasise, search, spectra
from backend.audio.silence import Samples

OURS = np.random.default_rng(1).normal(0, 4000, 16000).astype(np.int16)
THEIRS = np.convolve(OURS, (0.3, -0.2, 0.1))[: len(OURS)].astype(np.int16)
OTHERS = np.random.default_rng(2).normal(0, 4000, 16000).astype(np.int16)


def seen(samples: Samples, start: int) -> Spectra:
    return spectra(emphasise(samples[start : start + 2048]))


def test_ours_through_a_filter_is_explained_and_another_sound_is_not() -> None:
    """Nearly all of it, hardly any of it."""
    assert coherence(seen(THEIRS, 4000), seen(OURS, 4000)) > 0.95
    assert coherence(seen(OTHERS, 4000), seen(OURS, 4000)) < 0.25
    assert coherence(seen(OTHERS, 4000), seen(np.zeros(16000, np.int16), 4000)) == 0.0


@pytest.mark.parametrize("place", [0, 1000, 4750])
def test_what_came_back_is_found_where_it_was_played(place: int) -> None:
    """To a sample or two: how much later than it the end of ours lies."""
    ours = emphasise(OURS[: 6800 + 2048])
    theirs = emphasise(THEIRS[6800 - place : 6800 - place + 2048])

    assert search(theirs, ours) == pytest.approx(place, abs=4)


def test_a_filter_that_was_learned_foretells_the_echo_and_not_the_caller_in_it() -> None:
    """What is fresh is the caller's part."""
    line = LineFilter()
    for start in range(0, 8 * 320, 320):
        assert not line.is_trained
        line.learn(seen(THEIRS, start), seen(OURS, start))
    both = (THEIRS.astype(np.int32) + OTHERS).astype(np.int16)

    assert line.is_trained
    assert line.fresh(seen(THEIRS, 9000), seen(OURS, 9000)) < 0.1
    assert line.fresh(seen(both, 9000), seen(OURS, 9000)) > 0.4
