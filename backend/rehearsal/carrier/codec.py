"""Telephone audio as tables: G.711 both laws, one lookup per sample. Pure; used by the playout and the media stream.

The carrier keeps its own tables, built from the definition of the codec, so that a mistake in the product's own
`backend.audio` cannot cancel itself out here.
"""

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

RATE = 8000
FRAME_S = 0.02
FRAME_SAMPLES = 160

SILENCE: Pcm = np.zeros(FRAME_SAMPLES, dtype=np.int16)


def _ulaw_values() -> Pcm:
    """The 256 amplitudes of mu-law: sign, three bits of segment, four of step, all sent inverted."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_values() -> Pcm:
    """The 256 amplitudes of A-law: every second bit inverted, sign bit set means positive."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code >> 4) & 7
    low = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, low, (low + 0x100) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest(values: Pcm) -> NDArray[np.uint8]:
    """For each 16-bit sample, taken as unsigned index, the code of the nearest amplitude."""
    order = np.argsort(values, kind="stable")
    ranked = values[order].astype(np.int32)
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    right = np.clip(np.searchsorted(ranked, samples, side="right"), 1, 255)
    nearest = np.where(samples - ranked[right - 1] < ranked[right] - samples, right - 1, right)
    return order[nearest].astype(np.uint8)


_DECODE = {"PCMU": _ulaw_values(), "PCMA": _alaw_values()}
_ENCODE = {name: _nearest(values) for name, values in _DECODE.items()}


def decode(codec: str, encoded: bytes) -> Pcm:
    """One byte per sample in, 16-bit samples out."""
    return _DECODE[codec][np.frombuffer(encoded, dtype=np.uint8)]


def encode(codec: str, pcm: Pcm) -> bytes:
    """16-bit samples in, one byte per sample out."""
    return _ENCODE[codec][pcm.view(np.uint16)].tobytes()


def mix(one: Pcm | None, other: Pcm | None) -> Pcm | None:
    """Both at once, clipped; None is nothing at all."""
    if one is None or other is None:
        return one if other is None else other
    total: Pcm = np.clip(one.astype(np.int32) + other, -32768, 32767).astype(np.int16)
    return total
