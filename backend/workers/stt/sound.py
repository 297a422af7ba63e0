"""How speech sounds, as few numbers: what the scripted recogniser compares. Pure.

A frame is 10 ms further than the last and looks at 32 ms. Its sixteen numbers are the shape of the spectrum (the cube root
of the energy in sixteen bands, less its mean, with a length of one) times the square root of how audible the frame is, 0
to 1. So a silent frame is all zeros, the product of two frames is how much they have in common, and the product of a frame
with itself is how much there was to have in common. Twice the first over the sum of the second is `likeness`: 1 for the
same sound, whatever its gain, near 0 for sound against silence, and silence against silence says nothing at all.

A line's own noise is silence too: what is less than ABOVE_NOISE_DB louder than the quietest frame of the last NOISE_WITHIN
is not audible. The quietest frame counts up to LOUDEST_NOISE_DB only, or the first word on a line would hide itself.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from backend.workers.stt.recogniser import Samples

RATE = 8000
HOP = 80
WINDOW = 256
BANDS = 16
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 3700.0
_SILENT_DB, _FULL_DB = 36.0, 56.0
"""Of the int16 scale: an RMS of 63 is silence, of 631 is fully audible."""
NOISE_WITHIN = 200
"""Frames: two seconds of speech have a gap."""
ABOVE_NOISE_DB = 8.0
LOUDEST_NOISE_DB = 46.0

Frames = NDArray[np.float32]
"""[frames, BANDS]"""


def _band_matrix() -> Frames:
    """[bins, BANDS]: which part of each bin of the spectrum belongs to which band; triangles, evenly spaced in octaves."""
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, BANDS + 2)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    # A low band is narrower than a bin: it still takes its share of the nearest one.
    return np.maximum(np.minimum(rising, falling), 1e-3).astype(np.float32)


_MATRIX = _band_matrix()
_SHAPE = np.hanning(WINDOW).astype(np.float32)


class Framer:
    """One stream's samples, of any number at a time, as frames."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._levels = np.full(NOISE_WITHIN - 1, LOUDEST_NOISE_DB, np.float32)
        """In dB, of the frames before."""

    def process(self, samples: Samples) -> Frames:
        """The frames that these samples complete."""
        buffer = np.concatenate((self._rest, samples), dtype=np.float32)
        count = max(0, (len(buffer) - WINDOW) // HOP + 1)
        self._rest = buffer[count * HOP :]
        if not count:
            return np.zeros((0, BANDS), np.float32)
        windows: Frames = np.ndarray((count, WINDOW), np.float32, buffer, strides=(4 * HOP, 4))
        level = 10 * np.log10(np.mean(windows * windows, axis=1) + 1e-9)
        levels = np.concatenate((self._levels, level), dtype=np.float32)
        self._levels = levels[-(NOISE_WITHIN - 1) :]
        quietest = sliding_window_view(levels, NOISE_WITHIN).min(axis=1)
        return _describe(windows, level, np.maximum(_SILENT_DB, quietest + ABOVE_NOISE_DB))


def _describe(windows: Frames, level: NDArray[np.float32], silent: NDArray[np.float32]) -> Frames:
    audible = np.clip((level - silent) / (_FULL_DB - _SILENT_DB), 0.0, 1.0)
    spectrum = np.fft.rfft(windows * _SHAPE, axis=1)
    energy = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _MATRIX
    shape = np.cbrt(energy)
    shape -= shape.mean(axis=1, keepdims=True)
    length = np.linalg.norm(shape, axis=1) + 1e-9
    frames: Frames = (shape * (np.sqrt(audible) / length)[:, None]).astype(np.float32)
    return frames


def frames_of(samples: Samples) -> Frames:
    """A whole clip, with as much silence round it that its edges are seen."""
    silence = np.zeros(WINDOW - HOP, np.int16)
    return Framer().process(np.concatenate((silence, samples, silence)))


def audibility(frames: Frames) -> NDArray[np.float32]:
    """Of each frame, 0 to 1."""
    found: NDArray[np.float32] = np.einsum("fb,fb->f", frames, frames)
    return found
