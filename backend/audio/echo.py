"""Is what we hear from the caller only our own voice, sent back by the line?

Decides: whether the last quarter of a second of caller audio is explained by what we played. Says nothing of speech (voice
activity finds that) and of what follows: `session/ear.py` runs it while the agent is audible and there is speech, and
does not tell a speech's beginning as long as it is echo. So the core gets a fact, “the caller began to speak”, later or
never; nothing in `call/` knows of echoes. Pure: time comes in, seconds on one monotonic clock.

An echo is our audio after an unknown delay (line, carrier, handset: 0 to `LONGEST_DELAY_S`), softer, filtered, through two
codecs. Three questions are asked of the newest sound:

1. Where? The cross-correlation with all we played lately, every frequency with the same weight (a voice's own periods would
   give as many false peaks), at 4 kHz. Its peak is the delay. While a known delay explains the sound this is not asked.
2. Is it ours at all? Both sides of `WINDOW_S` as short spectra (32 ms every 16 ms), ours shifted by the delay. If theirs is
   ours through any fixed filter, the two keep their relation in each frequency over the whole window (coherence).
   `explained` is the part of their energy for which that holds: 0.5 to 1 for an echo, below 0.3 for another voice.
3. Is there more? From windows that were echo the filter is learned. Then an echo can be foretold, with its dying away. The
   part of the newest `_NEWEST` spectra (112 ms) that is more than that, `fresh`, stays below `LEAN` for an echo; a caller
   makes it 0.6 to 1 within 60 to 200 ms, because the filter was learned before they spoke.

| the line so far               | the sound                                                        | verdict                |
|-------------------------------|------------------------------------------------------------------|------------------------|
| we played nothing lately      |                                                                  | the caller speaks      |
| the filter is learned         | `fresh` below `LEAN`, or softer than `LEAST_RMS`                 | echo; learned from     |
|                               | more, but less than half as much some whole frames earlier       | echo, at that delay:   |
|                               | or later                                                         | frames were lost       |
|                               | more, added up to `LIMIT`, but `PLAINLY` explained elsewhere     | echo, learned anew     |
|                               | more, added up to `LIMIT` (until then: unsure)                   | the caller speaks      |
| it is not: not yet `_TRAINED` | explained by `ECHO`, or `KNOWN_ECHO` at the delay of last time   | echo; learned from     |
| windows of echo               | the rest of it is softer than `LEAST_RMS`                        | echo                   |
|                               | less, `DOUBTS` times in a row (until then: unsure)               | the caller speaks      |
| either                        | is over and was never known for an echo: asked once more         | as above, never unsure |

Who was taken for a caller may have been an echo that the line changed (the handset's loudspeaker was switched on): the
filter is learned anew from then on.

Known limits: frames lost within the first tenth of a second of the first echo make it a caller; a caller who is just as loud
as the echo, in the same frequencies at the same time, is heard late. Not built for echoes whose delay wanders within a
window, or that a codec has made anew from parameters; those are taken for a caller, as without this file.

Cost: see `python -m tests.bench echo`.
"""

import enum

import numpy as np
from numpy.typing import NDArray

from backend.audio.silence import rms

RATE = 8000
LONGEST_DELAY_S = 0.75
SHORTEST_DELAY_S = -0.1
"""Below 0 when frames were lost: what they hear is counted in samples, until it is off by `_DRIFT_S`."""
WINDOW_S = 0.256
LEAST_S = 0.096
"""So much speech must have been heard before anything is said about it, unless it is over."""

ECHO = 0.45
KNOWN_ECHO = 0.35
PLAINLY = 0.8
"""Of `explained`, for another delay than the one whose filter is learned."""
FRESH = 0.7
LEAN = 0.5
LIMIT = 0.45
"""What `fresh` is above `LEAN` (less what it is below) adds up from one question to the next: here it is a caller."""
DOUBTS = 3
LEAST_RMS = 120.0
"""-49 dBFS in int16 units: what is not explained but softer than this is the line's noise, not a caller."""

_WINDOW = round(WINDOW_S * RATE)
_LONGEST_DELAY, _SHORTEST_DELAY = round(LONGEST_DELAY_S * RATE), round(SHORTEST_DELAY_S * RATE)
_KEPT = 1 << 15
"""Samples of ours that are kept: 4 s, of which up to 1.5 s are still to be played."""
_KEPT_THEIRS = 4 * _WINDOW
"""Samples of theirs: the end of a sound is known up to half a second later."""
_JOINED_S = 0.01
"""Pieces that follow each other closer than this were sent as one: sample behind sample."""
_DRIFT_S = 0.08
_OVER_S = 0.1
"""Voice activity goes on for so long after the last sound."""
_FRAME, _HOP = 256, 128
_NEWEST = 6
_BINS = slice(8, 112)
"""250 to 3500 Hz: what a telephone line lets through."""
_HANN = np.hanning(_FRAME).astype(np.float32)
_FFT = 4608
_SAME_DELAY = 40
"""Samples, 5 ms: what the delay may differ between two windows."""
_EARLIER = 24
"""Samples by which ours is shifted less than the peak says: a filter rings before its peak, too."""
_FORETOLD = np.float32(0.8)
"""So much of what was foretold may be wrong before it counts."""
_JUMPS = tuple(160 * frames for frames in (-1, -2, -3, -4, 1, 2, 3, 4))
"""Samples by which a delay changes when whole frames are lost, and when that is noticed."""
_TRAINED = 8
"""Windows of echo, 40 ms apart, from which a filter may be trusted."""
_FORGET = np.float32(0.93)
"""Of what was learned so much is left by the next window, some 40 ms later."""
_DIES_AWAY = np.float32(10 ** (-2.0 / 10))
"""2 dB for each `_HOP`: an echo's power falls no faster in a room with a reverberation time of half a second."""

Wave = NDArray[np.float32]
Spectra = NDArray[np.complex64]
"""A row for each `_HOP`."""


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
        self._filter = _Filter()
        self._doubts = 0
        self._evidence = 0.0
        self.explained = self.fresh = 0.0
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
        if len(self._theirs) > 4 * _KEPT_THEIRS:
            del self._theirs[: len(self._theirs) - 2 * _KEPT_THEIRS]
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
        self._doubts, self._evidence = 0, 0.0

    def judge(self, speech_from: float, speech_until: float, now: float, *, is_over: bool = False) -> Verdict:
        """Theirs, in a speech that began at `speech_from` and went on until `speech_until` as far as is known. Looks at the
        newest `WINDOW_S` of it; in a gap there is nothing to be said. `is_over`: asked for the last time, never unsure."""
        if not self.may_echo(now) or self._theirs_began_at is None:
            return Verdict.CALLER
        heard_at = self._theirs_began_at + self._theirs_s
        until = min(heard_at, speech_until + _OVER_S / 2) if is_over else heard_at
        if not is_over and (until - speech_from < LEAST_S or heard_at - speech_until > _OVER_S):
            return Verdict.UNSURE
        back = round((heard_at - until) * RATE)
        end = round(heard_at * RATE) - back
        if self._delay is not None and self._filter.is_trained:
            verdict = self._foretell(self._delay, back, end)
            if is_over:
                verdict = Verdict.ECHO if self.fresh < FRESH else Verdict.CALLER
            if verdict is not Verdict.CALLER:
                return verdict
        if self._is_explained(until - speech_from, back, end):
            self._doubts, self._evidence = 0, 0.0
            return Verdict.ECHO
        self._doubts += 1
        if not is_over and not self._filter.is_trained and self._doubts < DOUBTS:
            return Verdict.UNSURE
        self._filter = _Filter()
        return Verdict.CALLER

    # --- how: `back` samples before the newest of theirs, which is sample `end` of the clock ---

    def _foretell(self, delay: int, back: int, end: int) -> Verdict:
        samples = self._window(WINDOW_S, back)
        theirs, ours = _spectra(_emphasise(samples)), self._ours_at(delay, len(samples), end)
        self.fresh = self._filter.fresh(theirs, ours)
        if rms(samples[-_NEWEST * _HOP :]) * self.fresh**0.5 < LEAST_RMS:
            self.fresh = 0.0
        if self.fresh > LEAN:
            for jump in _JUMPS:
                fresh = self._filter.fresh(theirs, self._ours_at(delay + jump, len(samples), end))
                if fresh < self.fresh / 2:
                    self._delay, self._evidence, self.fresh = delay + jump, 0.0, fresh
                    return Verdict.ECHO
        self._evidence = max(0.0, self._evidence + self.fresh - LEAN)
        if self.fresh < LEAN:
            self._filter.learn(theirs[:-_NEWEST], ours[:-_NEWEST])
        if self._evidence >= LIMIT:
            return Verdict.CALLER
        return Verdict.UNSURE if self._evidence else Verdict.ECHO

    def _is_explained(self, speech_s: float, back: int, end: int) -> bool:
        """Not much before the speech is looked at, as far as there is enough of it."""
        samples = self._window(max(2 * _FRAME / RATE, min(WINDOW_S, speech_s + 0.05)), back)
        is_learned = self._filter.is_trained
        if self._delay is not None and not is_learned and self._explains(self._delay, samples, end, KNOWN_ECHO):
            return True
        ours = _emphasise(self._take(end - _LONGEST_DELAY - len(samples), end - _SHORTEST_DELAY))
        if not ours.any():
            self.explained = 0.0
            return False
        self.searches += 1
        delay = _SHORTEST_DELAY + _search(_emphasise(samples), ours)
        is_again = _is_same(delay, self._candidate)
        self._candidate = delay
        if is_learned and _is_same(delay, self._delay):
            return False
        least = PLAINLY if is_learned else KNOWN_ECHO if is_again else ECHO
        if not self._explains(delay, samples, end, least):
            return False
        if is_again and not _is_same(delay, self._delay):
            self._delay, self._filter = delay, _Filter()
        return True

    def _explains(self, delay: int, samples: NDArray[np.int16], end: int, least: float) -> bool:
        theirs, ours = _spectra(_emphasise(samples)), self._ours_at(delay, len(samples), end)
        self.explained = _coherence(theirs, ours)
        if self.explained < least:
            return bool(rms(samples) * (1 - self.explained) ** 0.5 < LEAST_RMS)
        if _is_same(delay, self._delay):
            self._filter.learn(theirs, ours)
        return True

    def _window(self, seconds: float, back: int) -> NDArray[np.int16]:
        last = max(0, len(self._theirs) - 2 * back)
        return np.frombuffer(bytes(self._theirs[max(0, last - 2 * round(seconds * RATE)) : last]), np.int16)

    def _ours_at(self, delay: int, count: int, end: int) -> Spectra:
        """Ours as it would come back at the delay, in step with the `count` samples of theirs until `end`."""
        until = end - delay + _EARLIER
        return _spectra(_emphasise(self._take(until - count, until)))

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


class _Filter:
    """What the line makes of ours, in each frequency: how it answers to one spectrum, learned from those before."""

    def __init__(self) -> None:
        self._cross = np.zeros(_BINS.stop - _BINS.start, np.complex64)
        self._source = np.zeros(len(self._cross), np.float32)
        self._windows = 0

    @property
    def is_trained(self) -> bool:
        return self._windows >= _TRAINED

    def learn(self, theirs: Spectra, ours: Spectra) -> None:
        """A window that is echo and nothing else."""
        self._cross = self._cross * _FORGET + np.add.reduce(theirs * ours.conj(), axis=0)
        self._source = self._source * _FORGET + _power(ours)
        self._windows += 1

    def fresh(self, theirs: Spectra, ours: Spectra) -> float:
        """The part of the energy of the newest of theirs that is more than ours explains: neither foretold, nor within what
        was foretold as it dies away."""
        echo = ours * (self._cross / (self._source + 1e-3 * self._source.mean() + 1e-9))
        power = _squares(echo)
        falls = _DIES_AWAY ** np.arange(len(power), dtype=np.float32)[:, None]
        power = np.maximum.accumulate(power / falls, axis=0) * falls
        newest, echo, power = theirs[-_NEWEST:], echo[-_NEWEST:], power[-_NEWEST:]
        total = _squares(newest)
        rest = np.minimum(total, _squares(newest - echo)) - _FORETOLD * power
        return float(np.maximum(rest, 0).sum() / (total.sum() + 1e-9))


def _is_same(delay: int, other: int | None) -> bool:
    return other is not None and abs(delay - other) <= _SAME_DELAY


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


def _coherence(theirs: Spectra, ours: Spectra) -> float:
    """Part of their energy that is ours through a fixed filter."""
    source = _power(ours)
    total, played = float(_squares(theirs).sum()), float(source.sum())
    if total <= 0 or played <= 0:
        return 0.0
    cross = _squares(np.add.reduce(theirs * ours.conj(), axis=0))
    return float((cross / (source + 1e-3 * source.mean())).sum()) / total


def _squares(spectra: Spectra) -> Wave:
    squares: Wave = spectra.real**2 + spectra.imag**2
    return squares


def _power(spectra: Spectra) -> Wave:
    power: Wave = np.add.reduce(_squares(spectra), axis=0)
    return power


def _spectra(wave: Wave) -> Spectra:
    count = (len(wave) - _FRAME) // _HOP + 1
    skipped = len(wave) - (count - 1) * _HOP - _FRAME
    wave = np.ascontiguousarray(wave[skipped:])
    frames: Wave = np.ndarray((count, _FRAME), np.float32, wave, strides=(4 * _HOP, 4))
    spectra = np.fft.rfft(frames * _HANN, axis=1)[:, _BINS]
    return spectra.astype(np.complex64, copy=False)
