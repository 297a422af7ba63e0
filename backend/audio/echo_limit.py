"""How loud can our own voice come back on this line, at most?

Decides: whether a sound of the caller's is louder than anything the line has given back of ours so far. Then it cannot be an
echo, and nobody has to wait until `echo.py` knows the caller by their voice. Most lines have no echo at all; on these a
caller is known as soon as voice activity finds them. Says nothing of a sound that is softer: that may be an echo or not.
Pure; `EchoGuard` feeds it and asks it.

While we are audible, what comes back of us cannot be louder than all that comes. So for each delay the power of theirs,
divided by the power of ours that long before, is a limit of the line's echo at that delay, whatever else is in theirs. Over
one second (`PIECE_S`), counted where ours is loud:

| in that second                          | the limit at that delay                                   |
|-----------------------------------------|-----------------------------------------------------------|
| ours, so long before, was hardly loud   | as it was: the echo had nothing to come from              |
| the caller, or noise, or an echo        | as it was, or that ratio if it is less: it proves nothing |
| nothing                                 | that ratio: the line's hiss against our voice             |

The limit of the line is the greatest of these, so it is known once we have been loud for as long before every possible
delay. It grows by `AGES` with each second in which we are audible: a line that was silent long ago proves little now.

A sound is no echo if it is louder than that limit makes of our loudest at any delay, by `MARGIN`: a line's filter favours
some sounds, and a second may have been one that it does not let through.

Not seen: a line that begins to echo. That is for `EchoGuard.is_plainly_ours`, which has what was learned here forgotten.
"""

import numpy as np
from numpy.typing import NDArray

from backend.audio.silence import Samples

PIECE_S = 1.0
MARGIN = 16.0
"""12 dB."""
AGES = 1.26
"""1 dB."""
LOUD_RMS = 330.0
"""-40 dBFS: ours below this says little of what comes back of it."""

LEAST_RMS = 10.0
"""-70 dBFS: a line that sends nothing at all is taken for one that hisses like this, so that this knowledge ages, too."""

_BLOCK = 200
"""Samples, 25 ms: delays are told apart by this much."""
_PIECE = round(PIECE_S * 8000) // _BLOCK
_LEAST_LOUD = 12
"""Blocks, 0.3 s."""

Powers = NDArray[np.float32]


class EchoLimit:
    """One call's line. Delays go from `shortest` to `longest`, in samples at 8 kHz."""

    piece = _PIECE * _BLOCK
    """Samples of theirs that `take` wants."""

    def __init__(self, longest: int, shortest: int) -> None:
        self._delays = (longest - shortest) // _BLOCK + 1
        self._limits = np.full(self._delays, np.inf, np.float32)
        self._gain = float("inf")

    @property
    def gain(self) -> float:
        """What the line gives back of ours at most, as a ratio of powers; infinite: not known."""
        return self._gain

    @property
    def is_known(self) -> bool:
        return self._gain < float("inf")

    def forget(self) -> None:
        """The line echoes, as it turned out."""
        self._limits[:] = np.inf
        self._gain = float("inf")

    def take(self, theirs: Samples, ours: Samples) -> None:
        """`piece` samples of theirs, and ours from `longest` before its first to `shortest` before its last."""
        played = _powers(ours)[: self._delays + _PIECE - 1]
        loud = (played >= LOUD_RMS**2).astype(np.float32)
        each = np.ones(_PIECE, np.float32)
        enough = np.correlate(loud, each) >= _LEAST_LOUD
        if not enough.any():
            return
        back, out = np.correlate(loud, np.maximum(_powers(theirs), LEAST_RMS**2)), np.correlate(loud * played, each)
        ratios = back[enough] / out[enough]
        self._limits[enough] = np.minimum(self._limits[enough] * np.float32(AGES), ratios)
        self._gain = float(self._limits.max())

    def is_above(self, theirs: Samples, ours: Samples) -> bool:
        """A sound, and ours from `longest` before its first sample to `shortest` before its last: no echo can be so loud."""
        if not self.is_known or len(theirs) < _BLOCK:
            return False
        length = len(theirs) // _BLOCK
        sums = np.concatenate(([0.0], np.cumsum(_powers(ours))))
        loudest = float((sums[length:] - sums[:-length]).max()) / length
        return float(_powers(theirs).mean()) > MARGIN * self.gain * loudest


def _powers(samples: Samples) -> Powers:
    """Of each block; what is over at the beginning is left out."""
    blocks = samples[len(samples) % _BLOCK :].astype(np.float32).reshape(-1, _BLOCK)
    powers: Powers = np.einsum("ij,ij->i", blocks, blocks) / _BLOCK
    return powers
