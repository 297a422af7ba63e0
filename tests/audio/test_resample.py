"""The resampler: evenness, delay, level, aliases, and that the cut of the chunks does not matter."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio.resample import RATES, Resampler

PAIRS = list(itertools.permutations(RATES, 2))
FAST_PAIRS = [(a, b) for a, b in PAIRS if 22050 not in (a, b)]


def tone(rate: int, frequency: float, seconds: float = 0.5, amplitude: float = 10000) -> NDArray[np.int16]:
    samples = np.arange(int(rate * seconds))
    return np.rint(amplitude * np.sin(2 * np.pi * frequency * samples / rate)).astype(np.int16)


def in_chunks(resampler: Resampler, samples: NDArray[np.int16], length: int) -> list[NDArray[np.int16]]:
    return [resampler.process(samples[i : i + length]) for i in range(0, len(samples), length)]


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_a_tone_comes_out_as_itself_later_by_the_stated_delay(from_rate: int, to_rate: int) -> None:
    """Output equals the ideal tone, shifted by delay_s, within 0.1 % of its amplitude."""
    resampler = Resampler(from_rate, to_rate)

    out = np.concatenate([*in_chunks(resampler, tone(from_rate, 1000), from_rate // 50), resampler.flush()])

    times = np.arange(len(out)) / to_rate - resampler.delay_s
    middle = slice(to_rate // 20, to_rate * 9 // 20)
    assert np.abs(10000 * np.sin(2 * np.pi * 1000 * times) - out)[middle].max() < 10


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_twenty_milliseconds_in_give_twenty_milliseconds_out(from_rate: int, to_rate: int) -> None:
    """Every chunk has exactly its share of output: nothing is held back and then released in a burst."""
    chunks = in_chunks(Resampler(from_rate, to_rate), tone(from_rate, 440), from_rate // 50)

    assert {to_rate // 50} == {len(chunk) for chunk in chunks}


@pytest.mark.parametrize(("from_rate", "to_rate"), FAST_PAIRS)
def test_the_fast_ratios_delay_by_less_than_two_milliseconds(from_rate: int, to_rate: int) -> None:
    """A caller cannot hear the resampler's delay."""
    assert Resampler(from_rate, to_rate).delay_s <= 0.002


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
@pytest.mark.parametrize("length", [7, 441, 100_000])
def test_how_the_input_is_cut_does_not_change_the_output(from_rate: int, to_rate: int, length: int) -> None:
    """Tiny, odd and huge chunks give the same samples (one step of rounding allowed)."""
    samples = tone(from_rate, 700, 0.2)
    whole, cut = Resampler(from_rate, to_rate), Resampler(from_rate, to_rate)
    expected = np.concatenate([whole.process(samples), whole.flush()]).astype(int)

    actual = np.concatenate([*in_chunks(cut, samples, length), cut.flush()]).astype(int)

    assert len(expected) == len(actual)
    assert np.abs(expected - actual).max() <= 1


@pytest.mark.parametrize("from_rate", [16000, 22050, 24000, 48000])
def test_what_the_lower_rate_cannot_hold_is_not_folded_back(from_rate: int) -> None:
    """A 5 kHz tone disappears on the way to 8 kHz instead of returning as 3 kHz."""
    out = Resampler(from_rate, 8000).process(tone(from_rate, 5000))

    assert np.abs(out[400:]).max() <= 10


def test_speech_frequencies_pass_at_their_level() -> None:
    """3.2 kHz, the upper end of the telephone band, keeps at least 0.85 of its amplitude on the way down."""
    out = Resampler(16000, 8000).process(tone(16000, 3200))

    assert 8500 <= np.abs(out[400:-400]).max() <= 10100


def test_a_loud_square_wave_is_clipped_and_does_not_wrap() -> None:
    """Overshoot at full scale stays at the rail."""
    samples = np.repeat(np.array([32767, -32768] * 20, np.int16), 40)

    out = Resampler(8000, 16000).process(samples).astype(int)

    assert np.sign(out[60:-60:80]).all()
    assert np.abs(np.diff(out)).max() < 50000


def test_equal_rates_pass_through_untouched() -> None:
    """Nothing is filtered, delayed or kept."""
    resampler = Resampler(8000, 8000)
    samples = tone(8000, 300)

    assert np.array_equal(samples, resampler.process(samples))
    assert len(resampler.flush()) == 0
    assert resampler.delay_s == 0.0


def test_flush_gives_the_delayed_end_and_leaves_a_new_resampler() -> None:
    """After flush the same object gives the same output again."""
    resampler = Resampler(8000, 24000)
    samples = tone(8000, 500, 0.1)

    first = np.concatenate([resampler.process(samples), resampler.flush()])
    again = np.concatenate([resampler.process(samples), resampler.flush()])

    assert 3 * (len(samples) + 12) == len(first)
    assert np.array_equal(first, again)
    assert len(resampler.flush()) == 0


def test_an_empty_chunk_is_nothing() -> None:
    """No samples in, none out, and the stream goes on."""
    resampler = Resampler(8000, 16000)

    assert len(resampler.process(np.zeros(0, np.int16))) == 0
    assert len(resampler.process(np.zeros(160, np.int16))) == 320


def test_an_unknown_rate_is_refused() -> None:
    """A rate outside the list is a programming error, told at once."""
    with pytest.raises(ValueError, match="11025"):
        Resampler(11025, 8000)
