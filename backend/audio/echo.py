"""Is what we hear from the caller only our own voice, sent back by the line?

Decides: whether the last quarter of a second of caller audio is explained by what we played. Says nothing of speech (voice
activity finds that) and of what follows: `session/ear.py` runs it while the agent is audible and there is speech, and
does not tell a speech's beginning as long as it is echo. So the core gets a fact, “the caller began to speak”, later or
never; nothing in `call/` knows of echoes. Pure: time comes in, seconds on one monotonic clock.

An echo is our audio after an unknown delay (line, carrier, handset: 0 to `LONGEST_DELAY_S`), softer, filtered, through two
codecs. Two questions are asked of a window of `WINDOW_S`:

1. Where? The cross-correlation with all we played lately, every frequency with the same weight (a voice's own periods would
   give as many false peaks), at 4 kHz. Its peak is the delay. While a known delay explains the window this is not asked.
2. How much? Both sides as short spectra (32 ms every 16 ms), ours shifted by the delay. If the caller's side is ours through
   any fixed filter, the two keep their relation in each frequency over the whole window (coherence). `explained` is the
   part of the caller's energy for which that holds: 0.5 to 1 for an echo, below 0.3 for another voice, and in between when
   both are heard. The louder the caller is above the echo, the sooner it falls.

| explained                                     | verdict                                                                 |
|-----------------------------------------------|-------------------------------------------------------------------------|
| ≥ `ECHO`, or ≥ `KNOWN_ECHO` at a known delay  | echo; the second time at the same delay in a row that delay is known    |
| less, no louder than the echo so far made us  | echo (a room's long tail is explained badly, but it is never louder)    |
| expect, at a known delay                      |                                                                         |
| less, twice in a row (`UNCLEAR` or more:      | the caller speaks                                                       |
| three times)                                  |                                                                         |
| less, for the first time                      | unsure: ask again with more audio                                       |
| we played nothing that could still be heard   | the caller speaks: nothing is computed                                  |

Cost: see `python -m tests.bench echo`. Not built for echoes whose delay wanders within a window, or that a codec has made
anew from parameters; those are taken for a caller, as without this file.
"""

import enum

import numpy as np
from numpy.typing import NDArray

from backend.audio.silence import rms

RATE = 8000
LONGEST_DELAY_S = 0.75
WINDOW_S = 0.256
LEAST_S = 0.096
"""So much speech must have been heard before anything is said about it."""

ECHO = 0.45
KNOWN_ECHO = 0.35
TAIL_ECHO = UNCLEAR = 0.25
LEAST_RMS = 120.0
"""-49 dBFS in int16 units: what is not explained but softer than this is the line's noise, not a caller."""
LOUDER_DB = 1.5
"""By how much an echo may be louder than the loudest so far, relative to what was played."""

_WINDOW = round(WINDOW_S * RATE)
_LONGEST_DELAY = round(LONGEST_DELAY_S * RATE)
_KEPT = 1 << 15
"""Samples of ours that are kept: 4 s, of which up to 1.5 s are still to be played."""
_JOINED_S = 0.01
"""Pieces that follow each other closer than this were sent as one: sample behind sample."""
_DRIFT_S = 0.08
_OVER_S = 0.1
"""Voice activity goes on for so long after the last sound."""
_FRAME, _HOP = 256, 128
_BINS = slice(8, 112)
"""250 to 3500 Hz: what a telephone line lets through."""
_HANN = np.hanning(_FRAME).astype(np.float32)
_FFT = 4096
_SAME_DELAY = 40
"""Samples, 5 ms: what the delay may differ between two windows."""
_EARLIER = 24
"""Samples by which ours is shifted less than the peak says: a filter rings before its peak, too."""

Wave = NDArray[np.float32]


class Verdict(enum.Enum):
    ECHO = "echo"
    CALLER = "caller"
    UNSURE = "unsure"


class EchoGuard:
    """One call's line."""

    def __init__(self) -> None:
        self._ours = np.zeros(_KEPT, np.int16)
        """A ring: the sample played at second t stands at round(t * RATE) % _KEPT."""
        self._ours_until = 0
        self._is_sounding_until = -1.0
        self._theirs = bytearray()
        self._theirs_s = 0.0
        self._theirs_began_at: float | None = None
        self._delay: int | None = None
        self._candidate: int | None = None
        self._loudest_db = -200.0
        """Echo over ours, the loudest window that was well explained."""
        self._doubts = 0
        self._level = 0.0
        self.explained = 0.0
        """The last window's, for tests and measurements."""
        self.searches = 0

    @property
    def delay_s(self) -> float | None:
        """The line's delay, once it is known."""
        return None if self._delay is None else self._delay / RATE

    # --- what is fed ---

    def played(self, pcm: bytes, at: float) -> None:
        """Ours, s16le at 8 kHz: will be played from `at` on. In the order of playing; up to 1.5 s ahead."""
        samples = np.frombuffer(pcm, np.int16)[-_KEPT // 2 :]
        start = round(at * RATE)
        if abs(start - self._ours_until) <= _JOINED_S * RATE:
            start = self._ours_until
        elif start > self._ours_until:
            self._fill(max(self._ours_until, start - _KEPT), start)
        self._put(start, samples)
        self._ours_until = start + len(samples)
        self._is_sounding_until = self._ours_until / RATE

    def cleared(self, at: float) -> None:
        """What was to be played after `at` will not be."""
        place = round(at * RATE)
        if place < self._ours_until:
            self._fill(place, self._ours_until)
            self._ours_until = place
            self._is_sounding_until = min(self._is_sounding_until, at)

    def heard(self, pcm: bytes, at: float) -> None:
        """Theirs, s16le at 8 kHz; its last sample came at `at`. Counted in samples: a burst does not shift it."""
        self._theirs += pcm
        if len(self._theirs) > 4 * _WINDOW:
            del self._theirs[: len(self._theirs) - 2 * _WINDOW]
        self._theirs_s += len(pcm) / 2 / RATE
        began_at = at - self._theirs_s
        if self._theirs_began_at is None or abs(began_at - self._theirs_began_at) > _DRIFT_S:
            self._theirs_began_at = began_at

    # --- what is asked ---

    def may_echo(self, now: float) -> bool:
        """We played something that could still come back."""
        return now < self._is_sounding_until + LONGEST_DELAY_S + WINDOW_S

    def speech_began(self) -> None:
        """Voice activity found the beginning of a speech: what was said of an earlier one does not count."""
        self._doubts = 0

    def judge(self, speech_from: float, speech_until: float, now: float) -> Verdict:
        """Theirs, in a speech that began at `speech_from` and went on until `speech_until` as far as is known. Looks at the
        newest `WINDOW_S`; when the speech is over there, there is nothing to be said of it."""
        if not self.may_echo(now) or self._theirs_began_at is None:
            return Verdict.CALLER
        heard_at = self._theirs_began_at + self._theirs_s
        speech_s = heard_at - speech_from
        if speech_s < LEAST_S or heard_at - speech_until > _OVER_S:
            return Verdict.UNSURE
        theirs = self._window(speech_s)
        end = round(heard_at * RATE)
        if self._delay is not None and self._explains(self._delay, theirs, end, KNOWN_ECHO):
            return self._echo()
        ours = _emphasise(self._take(end - _LONGEST_DELAY - len(theirs) - 1, end))
        if ours.any():
            self.searches += 1
            delay = _search(theirs, ours)
            is_again = self._candidate is not None and abs(delay - self._candidate) <= _SAME_DELAY
            if self._explains(delay, theirs, end, KNOWN_ECHO if is_again else ECHO):
                self._learn(delay)
                return self._echo()
            self._candidate = delay
        self._doubts += 1
        is_clear = self.explained < UNCLEAR
        return Verdict.CALLER if self._doubts >= (2 if is_clear else 3) else Verdict.UNSURE

    # --- how ---

    def _echo(self) -> Verdict:
        self._doubts = 0
        return Verdict.ECHO

    def _learn(self, delay: int) -> None:
        if self._candidate is not None and abs(delay - self._candidate) <= _SAME_DELAY:
            if self._delay is None or abs(delay - self._delay) > _SAME_DELAY:
                self._loudest_db = -200.0
            self._delay = delay
        self._candidate = delay

    def _explains(self, delay: int, theirs: Wave, end: int, least: float) -> bool:
        """Whether ours, `delay` samples later, is what theirs consists of."""
        until = end - max(0, delay - _EARLIER)
        self.explained, gain_db = _coherence(theirs, _emphasise(self._take(until - len(theirs) - 1, until)))
        if self.explained >= least:
            if self.explained >= ECHO and self._delay is not None:
                self._loudest_db = max(self._loudest_db, gain_db)
            return True
        if self._level * (1 - self.explained) ** 0.5 < LEAST_RMS:
            return True
        return (
            self._delay is not None
            and abs(delay - self._delay) <= _SAME_DELAY
            and self.explained >= TAIL_ECHO
            and gain_db <= self._loudest_db + LOUDER_DB
        )

    def _window(self, speech_s: float) -> Wave:
        """The newest of theirs, at most a window, not much before the speech began."""
        wanted = min(_WINDOW, max(2 * _FRAME, round((speech_s + 0.05) * RATE)))
        samples = np.frombuffer(bytes(self._theirs[-2 * wanted :]), np.int16)
        self._level = rms(samples)
        return _emphasise(samples)

    def _take(self, start: int, end: int) -> NDArray[np.int16]:
        """Ours from `start` to `end`, in samples of the clock; silence where nothing was played (yet)."""
        first, last = start % _KEPT, end % _KEPT
        taken = (
            self._ours[first:last].copy() if first < last else np.concatenate((self._ours[first:], self._ours[:last]))
        )
        if end > self._ours_until:
            taken[max(0, self._ours_until - start) :] = 0
        return taken

    def _put(self, start: int, samples: NDArray[np.int16]) -> None:
        place = start % _KEPT
        first = min(len(samples), _KEPT - place)
        self._ours[place : place + first] = samples[:first]
        self._ours[: len(samples) - first] = samples[first:]

    def _fill(self, start: int, end: int) -> None:
        self._put(start, np.zeros(min(end - start, _KEPT), np.int16))


def _emphasise(samples: NDArray[np.int16]) -> Wave:
    """First differences: a voice's highs weigh as much as its lows. One sample fewer."""
    values = samples.astype(np.float32)
    return values[1:] - values[:-1]


def _search(theirs: Wave, ours: Wave) -> int:
    """The delay in samples at which ours resembles theirs most."""
    slow_theirs, slow_ours = _halve(theirs), _halve(ours)
    cross = np.fft.rfft(slow_theirs, _FFT) * np.conj(np.fft.rfft(slow_ours, _FFT))
    size = np.abs(cross)
    correlation = np.abs(np.fft.irfft(cross / (size + 1e-3 * size.max() + 1e-9), _FFT))
    span = len(slow_ours) - len(slow_theirs)
    # Lag k: theirs is ours from sample `span - k` on, which the transform shows at -(span - k).
    delays = np.arange(span + 1)
    return 2 * int(np.argmax(correlation[(delays - span) % _FFT]))


def _halve(wave: Wave) -> Wave:
    """Every second sample of the smoothed wave: plain halving would tell an odd delay from none."""
    return (wave[:-2] + 2 * wave[1:-1] + wave[2:])[::2]


def _coherence(theirs: Wave, ours: Wave) -> tuple[float, float]:
    """Part of their energy that is ours through a fixed filter; their energy over ours in decibels."""
    one, other = _spectra(theirs), _spectra(ours)
    own, source = _power(one), _power(other)
    sums = np.add.reduce(one * other.conj(), axis=0)
    cross = sums.real**2 + sums.imag**2
    total, played = float(own.sum()), float(source.sum())
    if total <= 0 or played <= 0:
        return 0.0, 200.0
    explained = float((cross / (source + 1e-3 * source.mean())).sum())
    return explained / total, 10 * float(np.log10(total / played))


def _power(spectra: NDArray[np.complex64]) -> Wave:
    power: Wave = np.add.reduce(spectra.real**2 + spectra.imag**2, axis=0)
    return power


def _spectra(wave: Wave) -> NDArray[np.complex64]:
    count = (len(wave) - _FRAME) // _HOP + 1
    frames: Wave = np.ndarray((count, _FRAME), np.float32, np.ascontiguousarray(wave), strides=(4 * _HOP, 4))
    spectra = np.fft.rfft(frames * _HANN, axis=1)[:, _BINS]
    return spectra.astype(np.complex64, copy=False)
