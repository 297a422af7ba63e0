"""What else is on the line: hold music, a queue with its announcements, noise, silence. Second by second, told on change.

Decides by how the spectrum behaves, not by what is said:

| kind       | each second                                                                    | told when                  |
|------------|--------------------------------------------------------------------------------|----------------------------|
| hold_music | tones that stand still on the same frequencies from one eighth to the next     | 3 of the last 4 seconds    |
| queue      | speech of 2 to 15 s between hold music and hold music                          | the music goes on          |
| noise      | loud, no tone stands out, level steady                                         | 4 of the last 5 seconds    |
| silence    | softer than -50 dBFS                                                           | 6 seconds in a row         |
| ""         | speech or anything else: nothing special                                       | 3 of the last 4 seconds    |

A caller who sings long notes is taken for music, a fan that hums for neither. `confidence` is the share of the last seconds
that agree. Pure.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 8000
SILENT_DBFS = -50.0
QUEUE_SPEECH_S = (2, 15)

_FRAME, _HOP = 1024, 512
_PEAKS = 6
_BINS = slice(24, 448)
"""190 to 3500 Hz."""
_HANN = np.hanning(_FRAME).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one second is made of."""

    level_dbfs: float
    steadiness: float
    """Of the strongest frequencies, how many are still among the strongest a sixteenth of a second later; 0 to 1."""
    flatness: float
    """Of the spectrum, 0 (tones) to 1 (noise)."""
    spread_db: float
    """Between the softest and the loudest parts."""

    @property
    def kind(self) -> str:
        """hold_music, noise, silence, or "" for speech and everything else."""
        if self.level_dbfs < SILENT_DBFS:
            return "silence"
        if self.flatness > 0.3 and self.spread_db < 8:
            return "noise"
        if self.steadiness > 0.62 and self.flatness < 0.2:
            return "hold_music"
        return ""


@dataclass(frozen=True, slots=True)
class Environment:
    """A change. `kind` "" means that it is over."""

    kind: str
    confidence: float


def look(samples: NDArray[np.int16]) -> Scene:
    """A second of 8 kHz audio; some 1 ms."""
    values = samples.astype(np.float32) / 32768
    level = 10 * np.log10(float(np.mean(values**2)) + 1e-12)
    if level < SILENT_DBFS or len(values) < 2 * _FRAME:
        return Scene(level, 0.0, 0.0, 0.0)
    frames = np.lib.stride_tricks.sliding_window_view(values, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(frames * _HANN)[:, _BINS]) ** 2 + 1e-12
    loudness = 10 * np.log10(power.sum(axis=1))
    is_loud = loudness > loudness.max() - 25
    flat = np.exp(np.mean(np.log(power[is_loud]), axis=1)) / np.mean(power[is_loud], axis=1)
    return Scene(level, _steadiness(power), float(np.median(flat)), float(loudness.max() - loudness.min()))


class Surroundings:
    """One line's last seconds."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=6)
        self._told = ""
        self._speech_s = 0
        """Since the music stopped; counted while there was music before."""
        self._had_music = False

    def hear(self, scene: Scene) -> Environment | None:
        """What has changed with this second, if anything."""
        kind = scene.kind
        self._last.append(kind)
        is_queue = self._is_queue(kind)
        if is_queue:
            return self._tell("queue", 3)
        for wanted, of, within in (("silence", 6, 6), ("noise", 4, 5), ("hold_music", 3, 4), ("", 3, 4)):
            recent = list(self._last)[-within:]
            if recent.count(wanted) >= of:
                if wanted == "hold_music" and self._told == "queue":
                    return None  # it goes on
                return self._tell(wanted, within)
        return None

    def _is_queue(self, kind: str) -> bool:
        """An announcement has just ended in music."""
        if kind == "hold_music":
            shortest, longest = QUEUE_SPEECH_S
            was_announcement = self._had_music and shortest <= self._speech_s <= longest
            is_sure = self._last.count("hold_music") >= 1 and self._told in ("hold_music", "queue", "")
            self._had_music = self._had_music or list(self._last)[-4:].count("hold_music") >= 3
            self._speech_s = 0
            return was_announcement and is_sure and self._told != "queue"
        if kind == "":
            self._speech_s += 1
            if self._speech_s > QUEUE_SPEECH_S[1]:
                self._had_music = False
        return False

    def _tell(self, kind: str, within: int) -> Environment | None:
        if kind == self._told:
            return None
        self._told = kind
        agree = "hold_music" if kind == "queue" else kind
        recent = list(self._last)[-within:]
        return Environment(kind, round(max(0.34, recent.count(agree) / len(recent)), 2))


def _steadiness(power: NDArray[np.floating[Any]]) -> float:
    """Frame by frame: of the peaks of one, how many lie where the next one has its peaks."""
    inner = power[:, 1:-1]
    is_peak = (inner > power[:, :-2]) & (inner >= power[:, 2:])
    peaks = np.where(is_peak, inner, 0.0)
    strongest = np.argpartition(peaks, -_PEAKS, axis=1)[:, -_PEAKS:]
    marks = np.zeros(peaks.shape, bool)
    np.put_along_axis(marks, strongest, True, axis=1)
    marks &= peaks > peaks.max(axis=1, keepdims=True) * 1e-3
    shared = (marks[:-1] & marks[1:]).sum(axis=1) / np.maximum(1, marks[:-1].sum(axis=1))
    return float(np.mean(shared)) if len(shared) else 0.0
