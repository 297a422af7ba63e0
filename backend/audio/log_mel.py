"""Speech as a picture: how much energy each band of hearing has, every 10 ms, on a logarithmic scale.

The form that models of the Whisper family take. For 16 kHz audio:

    audio → mean 0, variance 1 → mirrored by half a window at both ends
          → a frame of 400 samples every 160, under a periodic Hann window → power spectrum, 201 bins of 40 Hz
          → 80 triangles, even in mels from 0 to 8000 Hz, each of the same area (Slaney's scale: linear up to 1 kHz, then
            27 steps per factor of 6.4)
          → log10, at most 8 below the loudest → (x + 4) / 4

The last frame is left out, so that 128,000 samples (8 s) give 800. Computed in float64: in float32 the quiet bands, eight
powers of ten below the loudest, would be wrong in the third digit. Not decided here: which audio, and what a model makes
of it.
"""

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
BANDS = 80
HOP = 160
_FRAME = 400
_LEAST_VARIANCE = 1e-7
_LEAST_POWER = 1e-10
_RANGE = 8.0
_PIECE = 16
"""Frames per matrix product: so small that the BLAS library does not share it among threads, which then spin and would cost
more than the whole of the rest (measured: 25 ms of CPU against 8)."""
_LINEAR_MELS = 15.0
_HZ_PER_LINEAR_MEL = 200.0 / 3.0
_LINEAR_UP_TO_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0

Float64s = NDArray[np.float64]


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """[80, len(samples) // 160] from mono audio at 16 kHz. At least 400 samples, else ValueError."""
    if samples.ndim != 1 or len(samples) < _FRAME:
        raise ValueError(f"wanted: at least {_FRAME} samples in one row; given: {samples.shape}")
    even = (samples - samples.mean()) / np.sqrt(samples.var() + _LEAST_VARIANCE)
    mirrored = np.pad(even.astype(np.float64), _FRAME // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(mirrored, _FRAME)[::HOP][:-1]
    spectrum = np.fft.rfft(frames * _WINDOW, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    pieces = [power[at : at + _PIECE] @ _BAND_WEIGHTS for at in range(0, len(power), _PIECE)]
    bands = np.log10(np.maximum(np.concatenate(pieces), _LEAST_POWER))
    bands = np.maximum(bands, bands.max() - _RANGE)
    return np.ascontiguousarray(((bands + 4.0) / 4.0).T, dtype=np.float32)


def _hz(mels: Float64s) -> Float64s:
    linear = mels * _HZ_PER_LINEAR_MEL
    above: Float64s = _LINEAR_UP_TO_HZ * np.exp(_LOG_STEP * np.maximum(mels - _LINEAR_MELS, 0.0))
    return np.where(mels < _LINEAR_MELS, linear, above)


def _band_weights() -> Float64s:
    """[201, 80]: how much each bin of the spectrum counts in each band."""
    highest = _LINEAR_MELS + np.log(SAMPLE_RATE / 2 / _LINEAR_UP_TO_HZ) / _LOG_STEP
    corners = _hz(np.linspace(0.0, highest, BANDS + 2))
    low, top, high = corners[:-2], corners[1:-1], corners[2:]
    bins = np.linspace(0.0, SAMPLE_RATE / 2, _FRAME // 2 + 1)[:, None]
    triangles = np.maximum(0.0, np.minimum((bins - low) / (top - low), (high - bins) / (high - top)))
    weights: Float64s = triangles * (2.0 / (high - low))
    return weights


_WINDOW = np.hanning(_FRAME + 1)[:-1]
_BAND_WEIGHTS = _band_weights()
