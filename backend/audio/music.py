"""Is a sound that goes on for a while music or a tone rather than a voice?

Decides: whether `LEAST_S` to `MOST_S` of sound are made of a few frequencies that stay where they are. Hold music, ringing
and busy tones are; a voice's pitch moves, and its sound changes from syllable to syllable. Pure. `session/ear.py` asks when
a sound has lasted long enough to stop the agent by its length alone. That is the best part of a second of it, so that no
voice waits for the answer, and enough to tell the two apart: with a quarter of a second, one voice in sixteen was taken for
a tone, with 0.6 s one in a hundred. (Voice activity itself finds no beginning in steady music, unless somebody spoke
shortly before it.)

| medians over spectra of 64 ms, in 0.95 s of sound           | music         | tones, keys   | voices         |
|-------------------------------------------------------------|---------------|---------------|----------------|
| energy in the strongest `_STRONGEST` of 220 frequencies, of | 0.92 to 1     | 0.98 to 1     | 0.33 to 0.96   |
| 0.26 s                                                      |               |               |                |
| likeness of two spectra 64 ms apart (cosine of amplitudes)  | 0.84 to 1     | 0.53 to 1     | 0.39 to 0.81   |

Both `_GATHERED` and `_ALIKE`, or by itself `_ONLY_LINES`: 0 of 837 takes of synthetic voices, and of 551 others. Not told
from a voice: singing over music, and music with drums. A held or hummed note is taken for music: its words interrupt, if
there are any.
"""

import numpy as np
from numpy.typing import NDArray

from backend.audio.silence import Samples

RATE = 8000
LEAST_S = 0.8
MOST_S = 0.95

_STRONGEST = 20
_GATHERED, _ALIKE = 0.9, 0.8
_ONLY_LINES = 0.975
_FRAME, _HOP, _APART = 512, 128, 4
_SPAN = 13
"""Spectra over which energy is added up: 0.26 s."""
_BINS = slice(10, 230)
"""156 to 3600 Hz."""
_HANN = np.hanning(_FRAME).astype(np.float32)


def is_music(samples: Samples) -> bool:
    """The newest `MOST_S` of them, at `RATE`; False for less than `LEAST_S`."""
    if len(samples) < round(LEAST_S * RATE):
        return False
    wave = samples[-round(MOST_S * RATE) :].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FRAME)[::_HOP]
    amplitudes = np.abs(np.fft.rfft(frames * _HANN, axis=1)[:, _BINS]).astype(np.float32)
    gathered = _middle(_gathered(amplitudes**2))
    if gathered >= _ONLY_LINES:
        return True
    shapes = amplitudes / (np.linalg.norm(amplitudes, axis=1, keepdims=True) + 1)
    return gathered >= _GATHERED and _middle(np.sum(shapes[_APART:] * shapes[:-_APART], axis=1)) >= _ALIKE


def _gathered(energies: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each `_SPAN` spectra in a row, the part of their energy that lies in the strongest frequencies."""
    sums = np.concatenate((np.zeros((1, energies.shape[1])), np.cumsum(energies, axis=0, dtype=np.float64)))
    spans = (sums[_SPAN:] - sums[:-_SPAN])[::2]
    strongest = np.partition(spans, -_STRONGEST, axis=1)[:, -_STRONGEST:].sum(axis=1)
    parts: NDArray[np.float32] = (strongest / (spans.sum(axis=1) + 1)).astype(np.float32)
    return parts


def _middle(values: NDArray[np.float32]) -> float:
    """The median; numpy's imports masked arrays on its first call, 15 ms of a call's audio."""
    return float(np.sort(values)[len(values) // 2])
