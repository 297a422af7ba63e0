"""How a voice sounds in one second, against how the same voice sounded before: pitch, loudness, pace, pauses.

The labels are acoustic. They say what a listener with a measuring device would say, not what anybody feels: a caller who is
`tense` here speaks higher and louder than before, for whatever reason (a train came in). A voice is only compared with
itself; until `LEARNED` seconds of it are known the confidence stays low, because nothing is known of what is usual for it.

| label    | against what is usual for this voice                                                          |
|----------|-----------------------------------------------------------------------------------------------|
| calm     | nothing is out of its usual range                                                             |
| lively   | the pitch moves more, the voice is louder and quicker                                         |
| tense    | higher and louder, without moving more                                                        |
| subdued  | softer, the pitch moves less                                                                  |
| hesitant | more than half of the second is pause, between pieces of speech                               |

`confidence` is how far the best label is ahead of the next, times how much speech there was and how well the voice is
known; it is no probability. Pure: numpy, no model, no state but the voice's own past.
"""

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 8000
LABELS = ("calm", "lively", "tense", "subdued", "hesitant")
LEARNED = 8
LEAST_SPEECH_S = 0.2
SURE = 0.4
"""From this confidence on a label that is new for two of three seconds counts as a shift."""

_FRAME, _HOP = 320, 160
_FFT = 512
"""Longer than a frame and the longest period together: nothing wraps around."""
_SHORTEST, _LONGEST = RATE // 400, RATE // 70
_VOICED = 0.45
_SILENT_DBFS = -45.0
_BELOW_PEAK_DB = 25.0
_CALM = 0.35
"""What another label must reach to be one."""
_KEPT = 30
_HANN = np.hanning(_FRAME).astype(np.float32)
_OF_HANN = np.fft.irfft(np.abs(np.fft.rfft(_HANN, _FFT)) ** 2)[: _LONGEST + 1]


@dataclass(frozen=True, slots=True)
class Prosody:
    """One second of a voice. Pitch figures are None without a voiced sound."""

    speech_s: float
    level_dbfs: float
    """Of the speech in it."""
    pause_share: float
    """Of the time between the first and the last speech."""
    pitch_st: float | None
    """Median, in semitones above 55 Hz."""
    pitch_moves_st: float | None
    """How far the pitch moves: between its 10th and 90th percentile, in semitones."""
    rate: float
    """Loud centres of syllables per second of speech."""


@dataclass(frozen=True, slots=True)
class Tone:
    """What one second sounded like."""

    label: str
    confidence: float
    is_shift: bool = False


def measure(samples: NDArray[np.int16]) -> Prosody:
    """A second of 8 kHz audio; some 2 ms."""
    values = samples.astype(np.float32) / 32768
    if len(values) < _FRAME:
        return Prosody(0.0, -120.0, 1.0, None, None, 0.0)
    frames = np.lib.stride_tricks.sliding_window_view(values, _FRAME)[::_HOP]
    levels = 10 * np.log10(np.einsum("ij,ij->i", frames, frames) / _FRAME + 1e-12)
    is_loud = levels > max(_SILENT_DBFS, float(levels.max()) - _BELOW_PEAK_DB)
    loud = np.flatnonzero(is_loud)
    if not len(loud):
        return Prosody(0.0, -120.0, 1.0, None, None, 0.0)
    step_s = _HOP / RATE
    pitches = _pitches(frames[is_loud])
    speech_s = len(loud) * step_s
    semitones = 12 * np.log2(pitches / 55.0)
    moves = np.percentile(semitones, [10, 50, 90]) if len(semitones) >= 5 else None
    # A noise without any voiced sound is no speech, however loud.
    is_speech = len(pitches) * step_s >= 0.25 * speech_s
    return Prosody(
        speech_s=speech_s if is_speech else 0.0,
        level_dbfs=float(10 * np.log10(np.mean(10 ** (levels[is_loud] / 10)))),
        pause_share=float(1 - len(loud) / (loud[-1] - loud[0] + 1)),
        pitch_st=None if moves is None else float(moves[1]),
        pitch_moves_st=None if moves is None else float(moves[2] - moves[0]),
        rate=_syllables(levels, is_loud) / speech_s,
    )


class Voice:
    """One speaker's past, and what a new second is against it."""

    def __init__(self) -> None:
        self._past: deque[Prosody] = deque(maxlen=_KEPT)
        self._last: deque[str] = deque(maxlen=3)
        self._told = ""

    def hear(self, heard: Prosody) -> Tone | None:
        """None: there was no speech in it."""
        if heard.speech_s < LEAST_SPEECH_S or heard.pitch_st is None:
            return None
        label, confidence = self._judge(heard)
        self._past.append(heard)
        return self.told(label, confidence)

    def told(self, label: str, confidence: float) -> Tone:
        """Somebody's judgement, ours or an external analyser's: is it a shift?"""
        self._last.append(label)
        is_new = label != self._told and (not self._told or Counter(self._last)[label] >= 2)
        is_shift = is_new and confidence >= SURE and bool(self._told)
        if is_shift or not self._told:
            self._told = label
        return Tone(label, round(confidence, 2), is_shift)

    def _judge(self, heard: Prosody) -> tuple[str, float]:
        known = min(1.0, len(self._past) / LEARNED)
        scores = {"calm": _CALM, "hesitant": max(0.0, (heard.pause_share - 0.3) / 0.4)}
        if len(self._past) >= 3:
            scores |= self._against_past(heard)
        (label, best), (_, second) = sorted(scores.items(), key=lambda item: -item[1])[:2]
        quality = min(1.0, heard.speech_s / 0.5) * (0.3 + 0.7 * known)
        return label, quality * best / (best + max(second, 0.1))

    def _against_past(self, heard: Prosody) -> dict[str, float]:
        level = heard.level_dbfs - float(np.median([past.level_dbfs for past in self._past]))
        pitch = (heard.pitch_st or 0.0) - float(np.median([past.pitch_st or 0.0 for past in self._past]))
        moves = (heard.pitch_moves_st or 0.0) - float(np.median([past.pitch_moves_st or 0.0 for past in self._past]))
        rate = heard.rate - float(np.median([past.rate for past in self._past]))
        return {
            "lively": 0.5 * _over(moves, 3.0) + 0.3 * _over(level, 6.0) + 0.2 * _over(rate, 2.0),
            "tense": 0.5 * _over(pitch, 3.0) + 0.4 * _over(level, 6.0) - 0.4 * _over(moves, 3.0),
            "subdued": 0.6 * _over(-level, 6.0) + 0.3 * _over(-moves, 3.0),
        }


def _over(difference: float, much: float) -> float:
    return min(2.0, max(0.0, difference / much))


def _pitches(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Hz of each frame that is voiced, by its autocorrelation."""
    spectra = np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * _HANN, _FFT)
    found = np.fft.irfft(spectra.real**2 + spectra.imag**2)[:, : _LONGEST + 1]
    # The window itself makes long periods look weaker than they are.
    relative = found / (found[:, :1] + 1e-9) / (_OF_HANN / _OF_HANN[0])
    best = relative[:, _SHORTEST:].argmax(axis=1) + _SHORTEST
    strength = relative[np.arange(len(best)), best]
    # The shortest period that is nearly as good: else half of the true pitch is found as often as the pitch.
    for _ in range(2):
        near_half = np.maximum(best // 2, _SHORTEST)[:, None] + np.array([-1, 0, 1])
        at_half = np.take_along_axis(relative, near_half, axis=1)
        is_half = (best >= 2 * _SHORTEST) & (at_half.max(axis=1) > 0.85 * strength)
        best = np.where(is_half, near_half[np.arange(len(best)), at_half.argmax(axis=1)], best)
    periods: NDArray[np.float64] = RATE / best[strength > _VOICED].astype(np.float64)
    return periods


def _syllables(levels: NDArray[np.float64] | NDArray[np.float32], is_loud: NDArray[np.bool_]) -> int:
    """Peaks of the loudness, smoothed over 60 ms, 2 dB above what lies between them."""
    smooth = np.convolve(levels, np.ones(3) / 3, mode="same")
    count, low, high = 0, float(smooth[0]), -120.0
    is_rising = False
    for level, loud in zip(smooth.tolist(), is_loud.tolist(), strict=True):
        if is_rising:
            high = max(high, level)
            if level < high - 2.0:
                count, is_rising, low = count + 1, False, level
        else:
            low = min(low, level)
            if loud and level > low + 2.0:
                is_rising, high = True, level
    return count + is_rising
