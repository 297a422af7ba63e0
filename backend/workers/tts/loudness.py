"""Bring every voice to the same loudness, as it speaks, without being heard at it.

Pure; runs in the thread that computes, between the engine and the resampler. Engines differ by 20 dB and more; the caller
should not notice which one speaks. Not decided here: what is silence (frames.py), what a voice says (the adapters).

    level      RMS of what is speech: windows of 20 ms above -50 dBFS and not more than 15 dB below the level so far
    wanted     -20 dBFS, reached by a gain between -20 and +18 dB
    gain       one per voice, remembered, so that the first frame is right; a text that is louder or softer than its voice
               usually is pulls slowly, never faster than 6 dB/s, so that words keep their stress (no pumping)
    limiter    no sample beyond -2 dBFS: the gain bends down within 5 ms before a peak and returns at 40 dB/s

All of it works on blocks of 5 ms counted from the stream's beginning, and the limiter looks one block ahead, so the output
lags by at most 10 ms of audio and, energies being exact sums, is the same to the bit however the stream was cut
into pieces.
"""

from collections import OrderedDict
from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

TARGET_DBFS = -20.0
LEAST_GAIN_DB, MOST_GAIN_DB = -20.0, 18.0
CEILING = 32768 * 10 ** (-2 / 20)
"""The resampler behind us may overshoot what it is given by about a decibel."""
GATE_DBFS = -50.0
GATE_BELOW_DB = 15.0
OUTLIER_DB = 10.0
"""A window that is louder by more counts as this much louder: a crack is not how loud a voice is."""
BLOCK_MS = 5
BLOCKS_PER_WINDOW = 4
SLOWEST_DB_PER_S, FASTEST_DB_PER_S = 6.0, 40.0
"""How fast the gain of a known voice may move, and that of one that was never heard."""
RELEASE_DB_PER_S = 40.0
KNOWN_AFTER_S = 10.0
"""Seconds of speech after which a voice's level is settled: it then stays as it is, and equal texts give equal bits."""
MOST_VOICES = 1000

_FULL_SCALE_SQUARED = 32768.0**2
_BLOCK_S = BLOCK_MS / 1000
_WINDOW_S = _BLOCK_S * BLOCKS_PER_WINDOW
_GATE = 10 ** (GATE_DBFS / 10)
_OUTLIER = 10 ** (OUTLIER_DB / 10)
_GATE_BELOW = 10 ** (-GATE_BELOW_DB / 10)


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a voice is by itself. `seconds` of its speech were measured; 0 says nothing is known."""

    power: float = 0.0
    """Mean square, full scale = 1."""
    seconds: float = 0.0

    @property
    def gain_db(self) -> float:
        """What brings it to the target."""
        if self.seconds <= 0 or self.power <= 0:
            return 0.0
        return min(MOST_GAIN_DB, max(LEAST_GAIN_DB, TARGET_DBFS - _db(self.power)))

    def with_more(self, power: float, seconds: float) -> "Level":
        """The level over what was known and this."""
        total = self.seconds + seconds
        return Level((self.power * self.seconds + power * seconds) / total, total) if total > 0 else self


class VoiceLevels:
    """What was learnt about each voice of this process. Any thread may ask and tell."""

    def __init__(self) -> None:
        self._levels: OrderedDict[tuple[str, str], Level] = OrderedDict()

    def level(self, engine: str, voice: str) -> Level:
        """What is known. A voice never heard begins at the level of its engine's other voices, without weight."""
        known = self._levels.get((engine, voice))
        if known is not None:
            return known
        # list() of a dict is one step; a for loop over it would not be while another thread writes.
        others = [level.power for (name, _), level in list(self._levels.items()) if name == engine]
        return Level(sum(others) / len(others), 0.1) if others else Level()

    def learn(self, engine: str, voice: str, measured: Level) -> None:
        """Add what one text has shown. A settled voice stays as it is."""
        if measured.seconds <= 0:
            return
        known = self._levels.get((engine, voice), Level())
        if known.seconds < KNOWN_AFTER_S:
            self._levels[engine, voice] = known.with_more(measured.power, measured.seconds)
            while len(self._levels) > MOST_VOICES:
                self._levels.popitem(last=False)


class Loudness:
    """One text's stream: `process` any number of pieces, `flush` once. `measured` is what it has shown so far."""

    def __init__(self, sample_rate: int, known: Level) -> None:
        self._block = round(sample_rate * _BLOCK_S)
        self._known = self._level = known
        self._gain_db = known.gain_db
        self._gain = 10 ** (self._gain_db / 20)
        self._limit_db = 0.0
        """What the limiter takes off at this moment."""
        self._node = self._gain
        """The gain at the end of the blocks given so far; each block's gain is a straight line from node to node."""
        self._rest = np.zeros(0, np.int16)
        self._waiting: Samples | None = None
        """The block that waits for the one after it."""
        self._waiting_allows = float("inf")
        self._window: list[float] = []
        self._energy, self._windows = 0.0, 0
        self._ramp = np.arange(1, self._block + 1, dtype=np.float32) / np.float32(self._block)

    @property
    def measured(self) -> Level:
        return Level(self._energy / self._windows, self._windows * _WINDOW_S) if self._windows else Level()

    def process(self, samples: Samples) -> Samples:
        """The samples, louder or softer, that are certain by now."""
        samples = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        whole = len(samples) // self._block
        self._rest = samples[whole * self._block :]
        if whole == 0:
            return np.zeros(0, np.int16)
        return self._run(samples[: whole * self._block].reshape(whole, self._block))

    def flush(self) -> Samples:
        """What was held back, to the last sample."""
        rest, self._rest = self._rest, np.zeros(0, np.int16)
        parts = []
        if len(rest):
            padded = np.zeros(self._block, np.int16)
            padded[: len(rest)] = rest
            parts.append(self._run(padded.reshape(1, -1)))
        if self._waiting is not None:
            parts.append(self._run(np.zeros((1, self._block), np.int16)))
            self._waiting = None
        if not parts:
            return np.zeros(0, np.int16)
        out = np.concatenate(parts)
        return out[: len(out) - (self._block - len(rest))] if len(rest) else out

    def _run(self, blocks: Samples) -> Samples:
        """Take whole blocks in; give the one that waited and all of these but the last."""
        wide = blocks.astype(np.float64)
        # Whole numbers below 2**53: exact, in whatever order they are added.
        energies = np.einsum("ij,ij->i", wide, wide).tolist()
        peaks = np.maximum(wide.max(axis=1), -wide.min(axis=1)).tolist()
        nodes = [self._node]
        for energy, peak in zip(energies, peaks, strict=True):
            allowed = CEILING / peak if peak else float("inf")
            nodes.append(self._next_node(allowed))
            self._measure(energy)
            self._waiting_allows = allowed
        first = blocks if self._waiting is None else np.concatenate((self._waiting[None, :], blocks))
        if self._waiting is None:
            nodes = nodes[1:]  # the very first block only sets where its line begins
        self._waiting = first[-1].copy()
        self._node = nodes[-1]
        return self._apply(first[:-1], nodes)

    def _next_node(self, allowed: float) -> float:
        """The gain at the border between the block that waited and the one that allows this much."""
        most = min(allowed, self._waiting_allows)
        if self._limit_db == 0.0 and self._gain <= most:
            return self._gain  # nearly always
        self._limit_db = min(0.0, self._limit_db + RELEASE_DB_PER_S * _BLOCK_S)
        if self._gain * 10 ** (self._limit_db / 20) > most:
            self._limit_db = 20 * log10(most / self._gain)
        return min(self._gain * 10 ** (self._limit_db / 20), most)

    def _measure(self, energy: float) -> None:
        """Once per window: is it speech, and where should the gain be?"""
        self._window.append(energy)
        if len(self._window) < BLOCKS_PER_WINDOW:
            return
        power = sum(self._window) / (BLOCKS_PER_WINDOW * self._block * _FULL_SCALE_SQUARED)
        self._window.clear()
        if power <= _GATE or power <= self._level.power * _GATE_BELOW:
            return
        if self._level.seconds > 1.0:
            power = min(power, self._level.power * _OUTLIER)
        self._energy += power
        self._windows += 1
        level = self._level = self._known.with_more(self.measured.power, self.measured.seconds)
        # A voice never heard finds its level within its first syllables; a known one is hardly moved.
        doubt = max(0.0, 1.0 - level.seconds)
        most = _WINDOW_S * (SLOWEST_DB_PER_S + (FASTEST_DB_PER_S - SLOWEST_DB_PER_S) * doubt)
        self._gain_db += min(most, max(-most, level.gain_db - self._gain_db))
        self._gain = 10 ** (self._gain_db / 20)

    def _apply(self, blocks: Samples, nodes: list[float]) -> Samples:
        if len(blocks) == 0:
            return np.zeros(0, np.int16)
        at = np.array(nodes, np.float32)
        gains = at[:-1, None] + (at[1:, None] - at[:-1, None]) * self._ramp
        out: Samples = np.clip(np.rint(blocks * gains), -32768, 32767).astype(np.int16).reshape(-1)
        return out


def _db(power: float) -> float:
    return 10 * log10(max(power, 1e-12))
