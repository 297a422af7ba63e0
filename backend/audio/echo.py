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
   part of the newest `NEWEST` spectra (112 ms) that is more than that, `fresh`, stays below `LEAN` for an echo; a caller
   makes it 0.6 to 1 within 60 to 200 ms, because the filter was learned before they spoke.

| the line so far               | the sound                                                        | verdict                |
|-------------------------------|------------------------------------------------------------------|------------------------|
| we played nothing lately      |                                                                  | the caller speaks      |
| no echo so far, as loud as    | louder than any echo can be (`echo_limit.py`), by 12 dB: nobody  | the caller speaks: too |
| this                          | waits for the questions above, which took 0.2 s                  | loud                   |
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

Who was too loud for an echo may be one, too: the line has begun to give us back since. `is_plainly_ours` says so within some
tenths of a second, and then nothing is too loud until the line has been quiet again while we spoke.

Known limits: frames lost within the first tenth of a second of the first echo make it a caller; a caller who is just as loud
as the echo, in the same frequencies at the same time, is heard late. Not built for echoes whose delay wanders within a
window, or that a codec has made anew from parameters; those are taken for a caller, as without this file.

Cost: see `python -m tests.bench echo`.
"""

import enum

import numpy as np
from numpy.typing import NDArray

from backend.audio.echo_limit import EchoLimit
from backend.audio.line_filter import (
    FRAME,
    HOP,
    NEWEST,
    LineFilter,
    Spectra,
    coherence,
    emphasise,
    search,
    spectra,
)
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
AFTER_ALL = 0.6
"""Of `explained`, for what was taken for the caller at first; `PLAINLY` while it has lasted less than `_LONG_S`: a vowel by
itself is soon like one of ours."""
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
_LIMIT_FIRST, _LIMIT_EVERY = 4000, 8000
"""Samples of theirs between two looks at what comes back at most: until it is known, and from then on."""
_JOINED_S = 0.01
"""Pieces that follow each other closer than this were sent as one: sample behind sample."""
_DRIFT_S = 0.08
_OVER_S = 0.1
"""Voice activity goes on for so long after the last sound."""
_LONG_S = 0.3
_SAME_DELAY = 40
"""Samples, 5 ms: what the delay may differ between two windows."""
_EARLIER = 24
"""Samples by which ours is shifted less than the peak says: a filter rings before its peak, too."""
_JUMPS = tuple(160 * frames for frames in (-1, -2, -3, -4, 1, 2, 3, 4))
"""Samples by which a delay changes when whole frames are lost, and when that is noticed."""


class Verdict(enum.Enum):
    ECHO = "echo"
    CALLER = "caller"
    UNSURE = "unsure"
    TOO_LOUD = "too_loud"
    """For an echo on this line, as it was so far: the caller."""


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
        self._filter = LineFilter()
        self._doubts = 0
        self._evidence = 0.0
        self._limit = EchoLimit(_LONGEST_DELAY, _SHORTEST_DELAY)
        self._unlimited = 0
        """Samples of theirs that the limit has not seen."""
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
        self._unlimited += len(pcm) // 2
        if self._unlimited >= (_LIMIT_EVERY if self._limit.is_known else _LIMIT_FIRST) and self.may_echo(at):
            self._unlimited = 0
            self._learn_limit()

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
        if self._is_above_echoes(speech_from, min(heard_at, speech_until + _OVER_S / 2), heard_at):
            return Verdict.TOO_LOUD
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
        self._filter = LineFilter()
        return Verdict.CALLER

    def is_plainly_ours(self, speech_from: float, now: float) -> bool:
        """Of a sound that was told to be the caller's because it was too loud for an echo: the line has begun to echo. Needs
        two questions, some 30 ms apart, that find the same delay."""
        if not self.may_echo(now) or self._theirs_began_at is None:
            return False
        end = round((self._theirs_began_at + self._theirs_s) * RATE)
        samples = self._window(WINDOW_S, 0)
        before, self._candidate = self._candidate, self._find(samples, end)
        delay = self._candidate
        if delay is None or not _is_same(delay, before):
            return False
        self.explained = coherence(spectra(emphasise(samples)), self._ours_at(delay, len(samples), end))
        if self.explained < (AFTER_ALL if now - speech_from >= _LONG_S else PLAINLY):
            return False
        self._delay, self._filter = delay, LineFilter()
        self._limit.forget()
        return True

    # --- how: `back` samples before the newest of theirs, which is sample `end` of the clock ---

    def _foretell(self, delay: int, back: int, end: int) -> Verdict:
        samples = self._window(WINDOW_S, back)
        theirs, ours = spectra(emphasise(samples)), self._ours_at(delay, len(samples), end)
        self.fresh = self._filter.fresh(theirs, ours)
        if rms(samples[-NEWEST * HOP :]) * self.fresh**0.5 < LEAST_RMS:
            self.fresh = 0.0
        if self.fresh > LEAN:
            for jump in _JUMPS:
                fresh = self._filter.fresh(theirs, self._ours_at(delay + jump, len(samples), end))
                if fresh < self.fresh / 2:
                    self._delay, self._evidence, self.fresh = delay + jump, 0.0, fresh
                    return Verdict.ECHO
        self._evidence = max(0.0, self._evidence + self.fresh - LEAN)
        if self.fresh < LEAN:
            self._filter.learn(theirs[:-NEWEST], ours[:-NEWEST])
        if self._evidence >= LIMIT:
            return Verdict.CALLER
        return Verdict.UNSURE if self._evidence else Verdict.ECHO

    def _is_explained(self, speech_s: float, back: int, end: int) -> bool:
        """Not much before the speech is looked at, as far as there is enough of it."""
        samples = self._window(max(2 * FRAME / RATE, min(WINDOW_S, speech_s + 0.05)), back)
        is_learned = self._filter.is_trained
        if self._delay is not None and not is_learned and self._explains(self._delay, samples, end, KNOWN_ECHO):
            return True
        delay = self._find(samples, end)
        if delay is None:
            self.explained = 0.0
            return False
        is_again = _is_same(delay, self._candidate)
        self._candidate = delay
        if is_learned and _is_same(delay, self._delay):
            return False
        least = PLAINLY if is_learned else KNOWN_ECHO if is_again else ECHO
        if not self._explains(delay, samples, end, least):
            return False
        if is_again and not _is_same(delay, self._delay):
            self._delay, self._filter = delay, LineFilter()
        return True

    def _find(self, samples: NDArray[np.int16], end: int) -> int | None:
        """The delay at which ours is most like these; None: nothing was played."""
        ours = emphasise(self._take(end - _LONGEST_DELAY - len(samples), end - _SHORTEST_DELAY))
        if not ours.any():
            return None
        self.searches += 1
        return _SHORTEST_DELAY + search(emphasise(samples), ours)

    def _explains(self, delay: int, samples: NDArray[np.int16], end: int, least: float) -> bool:
        theirs, ours = spectra(emphasise(samples)), self._ours_at(delay, len(samples), end)
        self.explained = coherence(theirs, ours)
        if self.explained < least:
            return bool(rms(samples) * (1 - self.explained) ** 0.5 < LEAST_RMS)
        if _is_same(delay, self._delay):
            self._filter.learn(theirs, ours)
        return True

    def _is_above_echoes(self, speech_from: float, until: float, heard_at: float) -> bool:
        if self._filter.is_trained:
            return False
        back = round((heard_at - until) * RATE)
        samples = self._window(min(until - speech_from, WINDOW_S), back)
        end = round(heard_at * RATE) - back
        return self._limit.is_above(samples, self._take(end - _LONGEST_DELAY - len(samples), end - _SHORTEST_DELAY))

    def _learn_limit(self) -> None:
        samples = self._window(EchoLimit.piece / RATE, 0)
        if len(samples) < EchoLimit.piece or self._theirs_began_at is None:
            return
        end = round((self._theirs_began_at + self._theirs_s) * RATE)
        self._limit.take(samples, self._take(end - _LONGEST_DELAY - len(samples), end - _SHORTEST_DELAY))

    def _window(self, seconds: float, back: int) -> NDArray[np.int16]:
        last = max(0, len(self._theirs) - 2 * back)
        return np.frombuffer(bytes(self._theirs[max(0, last - 2 * round(seconds * RATE)) : last]), np.int16)

    def _ours_at(self, delay: int, count: int, end: int) -> Spectra:
        """Ours as it would come back at the delay, in step with the `count` samples of theirs until `end`."""
        until = end - delay + _EARLIER
        return spectra(emphasise(self._take(until - count, until)))

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


def _is_same(delay: int, other: int | None) -> bool:
    return other is not None and abs(delay - other) <= _SAME_DELAY
