"""What is laid over a speech model's probabilities, for all streams of a worker at once: gate, hysteresis, clock.

Decides which chunks the model has to see, and when speech begins and ends. Pure: numpy arrays with a row per stream, time
is counted in chunks. `vad_silero.py` runs it.

- The gate. A chunk that is as quiet as its line's own background is not shown to the model: silence costs nothing. The
  background is learned per stream (falls quickly, rises slowly, never from speech). After the last loud chunk the gate
  stays open for `GATE_HOLD` chunks, so that the model itself sees the release of a word.
- Hysteresis. Speech begins with two chunks in a row at 0.5 or above; it ends when both the probability (below 0.35) and
  the gap since the last audible speech (`min_gap_s`) say so. Gaps inside words and between words are shorter.
- The clock. The model notices beginnings some 50 ms and endings some 75 ms late. The level of the audio, in blocks of
  4 ms over the last second, tells where the sound itself began and ended: that is what `at_s` says.
"""

import numpy as np
from numpy.typing import NDArray

from backend.audio.silence import AUDIBLE_RMS
from backend.engines.base import SpeechEdge

CHUNK_S = 0.032
BLOCKS = 8
"""Level blocks per chunk, 4 ms each."""
BLOCK_S = CHUNK_S / BLOCKS
HISTORY = 32
"""Chunks of level kept per stream: one second."""

ON, OFF = 0.5, 0.35
ON_RUN = 2
"""Chunks in a row at `ON` that make a beginning: 64 ms; a click makes one."""
GATE_RMS = 58.0
"""-55 dBFS: below this nothing is analysed, whatever the background."""
ABOVE_BACKGROUND = 1.41
"""3 dB: what the gate asks for above a stream's own background noise."""
GATE_HOLD = 7
"""Chunks for which the gate stays open after the last loud one: 224 ms, longer than `min_gap_s`."""
YOUNG_S = 0.4
"""Speech that has gone on for less may be about to stop the agent."""
_FIRST_CHUNKS = 4
_LOUDEST_FIRST_BACKGROUND = 330.0
"""-40 dBFS: a call that begins in the middle of a word must not take the word for its background."""
_LOOK_BACK_S = 0.2
"""How far before the model's first sign a beginning is looked for."""

Levels = NDArray[np.float32]
Slots = NDArray[np.intp]


class Tracks:
    """Arrays with a row per slot. Levels are RMS in int16 units; `slots` never names a row twice."""

    def __init__(self, capacity: int, min_gap_s: float) -> None:
        self._min_gap_s = min_gap_s
        self._levels = np.zeros((capacity, HISTORY, BLOCKS), np.float32)
        """A ring of chunks per slot: chunk n stands at n % HISTORY."""
        self._background = np.zeros(capacity, np.float32)
        self.hold = np.zeros(capacity, np.int32)
        """Above 0: the gate is open."""
        self._chunks = np.zeros(capacity, np.int64)
        self._run = np.zeros(capacity, np.int32)
        """Likely chunks in a row up to now."""
        self._last_likely = np.zeros(capacity, np.int64)
        """Number of the last chunk at or above `OFF`."""
        self._is_speech = np.zeros(capacity, np.bool_)
        self._not_before_s = np.zeros(capacity)
        """The last edge: the next cannot lie before it."""

    def forget(self, slot: int) -> None:
        """The row begins a new stream."""
        for array in (
            self._levels, self._background, self.hold, self._chunks, self._run, self._last_likely, self._is_speech,
            self._not_before_s,
        ):  # fmt: skip
            array[slot] = 0

    def skip(self, slot: int, chunks: int) -> None:
        """So many chunks were lost: the clock goes on."""
        self._chunks[slot] += chunks

    def gate(self, slots: Slots, levels: Levels) -> NDArray[np.bool_]:
        """Take one chunk's levels, [n, BLOCKS], of each slot. Which of them the model must see. Call `take` with the
        same slots next."""
        loudest = levels.max(axis=1)
        self._levels[slots, self._chunks[slots] % HISTORY] = levels
        is_loud = loudest >= np.maximum(GATE_RMS, self._background[slots] * ABOVE_BACKGROUND)
        hold = np.where(is_loud, GATE_HOLD, np.maximum(self.hold[slots] - 1, 0))
        self.hold[slots] = hold
        self._loudest = loudest
        return hold > 0

    def take(self, slots: Slots, probabilities: NDArray[np.float32]) -> list[tuple[int, SpeechEdge]]:
        """The model's word on the chunks that `gate` took, 0 for those it did not see. The edges that follow."""
        chunks = self._chunks[slots] + 1
        self._chunks[slots] = chunks
        is_likely = probabilities >= OFF
        self._last_likely[slots[is_likely]] = chunks[is_likely]
        self._learn_background(slots, chunks, probabilities)
        run = np.where(probabilities >= ON, self._run[slots] + 1, 0)
        self._run[slots] = run
        is_speech = self._is_speech[slots]
        begins = ~is_speech & (run >= ON_RUN)
        may_end = is_speech & (chunks - self._last_likely[slots] >= 2)
        edges = []
        for slot in slots[begins].tolist():
            edges.append((slot, self._edge(slot, True, self._began_at_s(slot))))
        for slot in slots[may_end].tolist():
            ended_at_s = self._ended_at_s(slot)
            if self._chunks[slot] * CHUNK_S - ended_at_s >= self._min_gap_s:
                edges.append((slot, self._edge(slot, False, ended_at_s)))
        return edges

    def speech_until_s(self, slot: int) -> float | None:
        """The last audible instant of the speech that is going on; None when none is."""
        if not self._is_speech[slot]:
            return None
        return max(float(self._not_before_s[slot]), self._ended_at_s(slot))

    def is_beginning(self, slot: int) -> bool:
        """A sound for which the gate is open: not yet speech, or speech for less than `YOUNG_S`."""
        if not self._is_speech[slot]:
            return bool(self.hold[slot] > 0)
        return bool(self._chunks[slot] * CHUNK_S - self._not_before_s[slot] < YOUNG_S)

    def _learn_background(self, slots: Slots, chunks: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
        loudest, background = self._loudest, self._background[slots]
        weight = np.where(loudest < background, np.float32(0.3), np.float32(0.04))
        learned = background + weight * (loudest - background)
        first = np.minimum(loudest, np.float32(_LOUDEST_FIRST_BACKGROUND))
        learned = np.where(chunks <= _FIRST_CHUNKS, first, learned)
        self._background[slots] = np.where(probabilities < 0.1, learned, background)

    def _edge(self, slot: int, is_speech: bool, at_s: float) -> SpeechEdge:
        self._is_speech[slot] = is_speech
        self._not_before_s[slot] = at_s = max(float(self._not_before_s[slot]), at_s)
        return SpeechEdge(is_speech, at_s)

    def _history(self, slot: int) -> Levels:
        """Levels of the last second, oldest first."""
        newest = int(self._chunks[slot]) % HISTORY
        return np.concatenate((self._levels[slot, newest:], self._levels[slot, :newest])).reshape(-1)

    def _began_at_s(self, slot: int) -> float:
        """Walk back from the first likely chunk over what is audible, across gaps of at most 24 ms."""
        levels = self._history(slot)
        background = float(self._background[slot])
        first_likely = len(levels) - int(self._run[slot]) * BLOCKS
        earliest = max(0, first_likely - round(_LOOK_BACK_S / BLOCK_S))
        before = levels[max(0, earliest - 25) : earliest]
        floor = max(background, _median(before)) if len(before) else background
        audible = levels >= max(AUDIBLE_RMS, 2 * floor)
        began, gap = first_likely, 0
        while began < len(levels) - 1 and not audible[began]:
            began += 1
        place = began
        while place > earliest and gap <= 6:
            place -= 1
            if audible[place]:
                began, gap = place, 0
            else:
                gap += 1
        return float(self._chunks[slot]) * CHUNK_S - (len(levels) - began) * BLOCK_S

    def _ended_at_s(self, slot: int) -> float:
        """The last audible block that the model still takes for speech, or that follows it by at most one chunk."""
        levels = self._history(slot)
        chunks = int(self._chunks[slot])
        since_likely = min(chunks - int(self._last_likely[slot]), HISTORY - 1) * BLOCKS
        after = levels[len(levels) - since_likely :]
        background = float(self._background[slot])
        floor = max(_median(after), background) if len(after) else background
        until = min(len(levels), len(levels) - since_likely + BLOCKS)
        loud = np.flatnonzero(levels[:until] >= max(AUDIBLE_RMS, 2 * floor))
        last = int(loud[-1]) + 1 if len(loud) else max(0, until - 3 * BLOCKS)
        return chunks * CHUNK_S - (len(levels) - last) * BLOCK_S


def _median(levels: Levels) -> float:
    """Not numpy's: its first call in a process imports masked arrays, 15 ms of a call's audio."""
    ordered, middle = np.sort(levels), len(levels) // 2
    return float(ordered[middle] if len(levels) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
