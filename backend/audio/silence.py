"""Where in a piece of audio something can be heard.

Decides audibility by level alone: RMS over 2 ms, against a threshold in int16 units. Not decided here: whether it is
speech (that is voice activity's question). Used to measure real pauses and to say where
the caller's last sound was. A voice's own silence is held back by workers/tts/frames.py.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

AUDIBLE_RMS = 104.0
"""-50 dBFS: 16 dB under soft telephone speech, well above μ-law's own idle noise."""
_BLOCK_S = 0.002


def rms(samples: Samples) -> float:
    """Root mean square in int16 units; 0 for no samples."""
    if len(samples) == 0:
        return 0.0
    values = samples.astype(np.float32)
    return float(np.sqrt(values.dot(values) / len(values)))


def dbfs(level: float) -> float:
    """An RMS in int16 units as decibels under full scale; silence is -120."""
    return max(-120.0, 20 * float(np.log10(max(level, 1e-9) / 32768)))


def block_levels(samples: Samples, block: int) -> NDArray[np.float32]:
    """RMS of each `block` samples; a shorter last block counts with its own length."""
    whole = len(samples) // block * block
    values = samples.astype(np.float32)
    head = values[:whole].reshape(-1, block)
    levels: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", head, head) / block)
    if whole == len(samples):
        return levels
    tail = values[whole:]
    return np.append(levels, np.float32(np.sqrt(tail.dot(tail) / len(tail))))


def audible_span(samples: Samples, sample_rate: int, threshold: float = AUDIBLE_RMS) -> tuple[int, int] | None:
    """First audible sample and the one after the last, to 2 ms; None when nothing can be heard."""
    block = max(1, int(sample_rate * _BLOCK_S))
    loud = np.flatnonzero(block_levels(samples, block) >= threshold)
    if len(loud) == 0:
        return None
    return int(loud[0]) * block, min(len(samples), (int(loud[-1]) + 1) * block)
