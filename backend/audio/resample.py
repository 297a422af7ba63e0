"""Change the sample rate of a stream, evenly and with a short delay.

Decides how a stream of int16 samples at one rate becomes one at another rate: a windowed-sinc low-pass, cut into
phases, so that only the samples that are really wanted are computed. Twenty milliseconds in give twenty milliseconds
out, every time (library resamplers we measured hold back 60 to 120 ms and then give it all at once). The price is a
constant delay of `Resampler.delay_s`, 1.5 ms between the telephone's rates. Not decided here: framing, gain, encoding.

The form. With from:to reduced to M:L, output sample n sits at input position n*M/L. Every L outputs use up M inputs
and all of them lie under one window of the input, so a chunk is one matrix product: (windows, each M samples further
than the last) x (window length, L). That is one BLAS call for all the ratios of 8, 16, 24 and 48 kHz. The ratios with
22.05 kHz have L in the hundreds; there each output gathers its own window and its own row of taps.
"""

from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

RATES = (8000, 16000, 22050, 24000, 48000)

_TAPS_AT_THE_SLOWER_RATE = 24
"""Filter length in samples of the slower of the two rates: 3 ms at 8 kHz, hence 1.5 ms of delay."""
_KAISER_BETA = 7.0
"""Shape of the window: about 70 dB of stop-band."""
_CUTOFF = 0.475
"""Half-power point as a part of the slower rate: 3.8 kHz at 8 kHz."""
_MOST_GROUPED_PHASES = 8
"""Above this many phases the one-product form would hold mostly zeros and would give its output in lumps."""

Samples = NDArray[np.int16]
Taps = NDArray[np.float32]


class Resampler:
    """One stream's resampler. `process` any number of chunks of any length, then `flush` once."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        for rate in (from_rate, to_rate):
            if rate not in RATES:
                raise ValueError(f"cannot resample {rate} Hz: known rates are {', '.join(map(str, RATES))}")
        divisor = gcd(from_rate, to_rate)
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._up = to_rate // divisor
        self._down = from_rate // divisor
        self._is_identity = from_rate == to_rate
        self._taps = 2 * ceil(_TAPS_AT_THE_SLOWER_RATE * max(1.0, from_rate / to_rate) / 2)
        self.delay_s = 0.0 if self._is_identity else self._taps / 2 / from_rate
        """Seconds by which the output lags the input; `flush` gives this much at the end."""
        self._phases = _phases(self._taps, self._up, from_rate, to_rate)
        self._is_grouped = self._up <= _MOST_GROUPED_PHASES
        self._window, self._matrix = _grouped(self._phases, self._down)
        self._reset()

    def _reset(self) -> None:
        self._buffer: NDArray[np.float32] = np.zeros(self._taps - 1, np.float32)
        self._position = 0
        self._taken = 0
        self._given = 0

    def process(self, samples: Samples) -> Samples:
        """The output that these samples complete. Chunks of 20 ms give chunks of 20 ms."""
        if self._is_identity:
            return samples
        self._taken += len(samples)
        self._buffer = np.concatenate((self._buffer, samples), dtype=np.float32)
        out = self._run_grouped() if self._is_grouped else self._run_gathered()
        self._given += len(out)
        return _to_int16(out)

    def flush(self) -> Samples:
        """The last `delay_s` of output. Afterwards the resampler is as new."""
        if self._is_identity or self._taken == 0:
            self._reset()
            return np.zeros(0, np.int16)
        wanted = ceil((self._taken + self._taps // 2) * self._up / self._down) - self._given
        tail = self.process(np.zeros(self._taps // 2 + 2 * self._down, np.int16))
        self._reset()
        return tail[:wanted]

    def _run_grouped(self) -> Taps:
        buffer = self._buffer
        groups = (len(buffer) - self._window) // self._down + 1
        if groups <= 0:
            return np.zeros(0, np.float32)
        # A view (as_strided says the same at ten times the cost), then a copy: BLAS does not take overlapping rows.
        windows: Taps = np.ndarray((groups, self._window), np.float32, buffer, strides=(4 * self._down, 4))
        out: Taps = (windows.copy() @ self._matrix).reshape(-1)
        self._buffer = buffer[groups * self._down :]
        return out

    def _run_gathered(self) -> Taps:
        buffer = self._buffer
        last_start = len(buffer) - self._taps
        if last_start < 0:
            return np.zeros(0, np.float32)
        count = max(0, ((last_start + 1) * self._up - 1 - self._position) // self._down + 1)
        positions = self._position + self._down * np.arange(count)
        starts, phases = np.divmod(positions, self._up)
        windows: Taps = np.ndarray((last_start + 1, self._taps), np.float32, buffer, strides=(4, 4))
        out: Taps = np.einsum("nt,nt->n", windows[starts], self._phases[phases])
        position = self._position + self._down * count
        used = min(position // self._up, len(buffer))
        self._position = position - used * self._up
        self._buffer = buffer[used:]
        return out


def _phases(taps: int, up: int, from_rate: int, to_rate: int) -> Taps:
    """The filter as [up, taps], each row oldest sample first and with a sum of one, so that DC keeps its level."""
    length = taps * up
    place = np.arange(length) - length / 2
    cutoff = _CUTOFF * min(from_rate, to_rate) / (from_rate * up)
    prototype = np.sinc(2 * cutoff * place) * np.kaiser(length + 1, _KAISER_BETA)[:length]
    rows = prototype.reshape(taps, up).T[:, ::-1]
    return np.ascontiguousarray(rows / rows.sum(axis=1, keepdims=True), np.float32)


def _grouped(phases: Taps, down: int) -> tuple[int, Taps]:
    """The phases laid out under one window: its length, and the [window, up] matrix."""
    up, taps = phases.shape
    if up > _MOST_GROUPED_PHASES:
        return 0, np.zeros((0, 0), np.float32)
    window = taps + (up - 1) * down // up
    matrix = np.zeros((window, up), np.float32)
    for output in range(up):
        start, phase = divmod(output * down, up)
        matrix[start : start + taps, output] = phases[phase]
    return window, matrix


def _to_int16(values: Taps) -> Samples:
    np.rint(values, out=values)
    np.minimum(values, 32767.0, out=values)
    np.maximum(values, -32768.0, out=values)
    return values.astype(np.int16)
