"""What a line makes of what we play: where ours is found in theirs, how much of theirs it explains, what is foretold of it.

Decides nothing; `echo.py` asks, and says which of it means what. Pure functions on short spectra (32 ms every 16 ms) and one
thing that learns, `LineFilter`. Everything is 8 kHz, `theirs` and `ours` are spectra in step with each other.
"""

import numpy as np
from numpy.typing import NDArray

FRAME, HOP = 256, 128
NEWEST = 6
_BINS = slice(8, 112)
"""250 to 3500 Hz: what a telephone line lets through."""
_HANN = np.hanning(FRAME).astype(np.float32)
_FFT = 4608
_FORETOLD = np.float32(0.8)
"""So much of what was foretold may be wrong before it counts."""
_TRAINED = 8
"""Windows of echo, 40 ms apart, from which a filter may be trusted."""
_FORGET = np.float32(0.93)
"""Of what was learned so much is left by the next window, some 40 ms later."""
_DIES_AWAY = np.float32(10 ** (-2.0 / 10))
"""2 dB for each `HOP`: an echo's power falls no faster in a room with a reverberation time of half a second."""

Wave = NDArray[np.float32]
Spectra = NDArray[np.complex64]
"""A row for each `HOP`."""


class LineFilter:
    """What the line makes of ours, in each frequency: how it answers to one spectrum, learned from those before."""

    def __init__(self) -> None:
        self._cross = np.zeros(_BINS.stop - _BINS.start, np.complex64)
        self._source = np.zeros(len(self._cross), np.float32)
        self._windows = 0

    @property
    def is_trained(self) -> bool:
        return self._windows >= _TRAINED

    def learn(self, theirs: Spectra, ours: Spectra) -> None:
        """A window that is echo and nothing else."""
        self._cross = self._cross * _FORGET + np.add.reduce(theirs * ours.conj(), axis=0)
        self._source = self._source * _FORGET + _power(ours)
        self._windows += 1

    def fresh(self, theirs: Spectra, ours: Spectra) -> float:
        """The part of the energy of the newest of theirs that is more than ours explains: neither foretold, nor within what
        was foretold as it dies away."""
        echo = ours * (self._cross / (self._source + 1e-3 * self._source.mean() + 1e-9))
        power = _squares(echo)
        falls = _DIES_AWAY ** np.arange(len(power), dtype=np.float32)[:, None]
        power = np.maximum.accumulate(power / falls, axis=0) * falls
        newest, echo, power = theirs[-NEWEST:], echo[-NEWEST:], power[-NEWEST:]
        total = _squares(newest)
        rest = np.minimum(total, _squares(newest - echo)) - _FORETOLD * power
        return float(np.maximum(rest, 0).sum() / (total.sum() + 1e-9))


def emphasise(samples: NDArray[np.int16]) -> Wave:
    """First differences: a voice's highs weigh as much as its lows. One sample fewer."""
    values = samples.astype(np.float32)
    return values[1:] - values[:-1]


def search(theirs: Wave, ours: Wave) -> int:
    """The delay in samples at which ours resembles theirs most."""
    slow_theirs, slow_ours = _halve(theirs), _halve(ours)
    cross = np.fft.rfft(slow_theirs, _FFT) * np.conj(np.fft.rfft(slow_ours, _FFT))
    size = np.abs(cross)
    correlation = np.abs(np.fft.irfft(cross / (size + 1e-3 * size.max() + 1e-9), _FFT))
    span = len(slow_ours) - len(slow_theirs)
    # Lag k: theirs is ours from sample `span - k` on, which the transform shows at -(span - k).
    delays = np.arange(span + 1)
    return 2 * int(np.argmax(correlation[(delays - span) % _FFT]))


def _halve(wave: Wave) -> Wave:
    """Every second sample of the smoothed wave: plain halving would tell an odd delay from none."""
    return (wave[:-2] + 2 * wave[1:-1] + wave[2:])[::2]


def coherence(theirs: Spectra, ours: Spectra) -> float:
    """Part of their energy that is ours through a fixed filter."""
    source = _power(ours)
    total, played = float(_squares(theirs).sum()), float(source.sum())
    if total <= 0 or played <= 0:
        return 0.0
    cross = _squares(np.add.reduce(theirs * ours.conj(), axis=0))
    return float((cross / (source + 1e-3 * source.mean())).sum()) / total


def _squares(values: Spectra) -> Wave:
    squares: Wave = values.real**2 + values.imag**2
    return squares


def _power(values: Spectra) -> Wave:
    power: Wave = np.add.reduce(_squares(values), axis=0)
    return power


def spectra(wave: Wave) -> Spectra:
    count = (len(wave) - FRAME) // HOP + 1
    skipped = len(wave) - (count - 1) * HOP - FRAME
    wave = np.ascontiguousarray(wave[skipped:])
    frames: Wave = np.ndarray((count, FRAME), np.float32, wave, strides=(4 * HOP, 4))
    found = np.fft.rfft(frames * _HANN, axis=1)[:, _BINS]
    return found.astype(np.complex64, copy=False)
