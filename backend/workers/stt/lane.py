"""One session's way through the compute thread: its audio, in order with its flushes and resets. Pure.

Decides what a session's next piece is, where its utterances begin and end, and what second of the client's audio a word
belongs to. It does not decide when steps run or with whom (`compute.py`). `push` comes from the event loop, everything else
is the compute thread's; `compute.py` holds its lock around `push`, `collect` and `is_ready`.

The order is the client's: what stands before a flush or a reset is worked off before it. A flush where nothing was heard
since the last one needs no step. Seconds are counted in the client's audio: a recogniser counts what it was given, which
is less (audio before a reset that never filled a piece) or more (the upsampler's own delay at a flush), so the difference
is set anew wherever nothing is left on the way.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from backend.workers.stt.recogniser import Piece, Recogniser, Samples, State, Words


@dataclass(frozen=True, slots=True)
class Flush:
    """All words up to here are wanted. `id` None: and nothing follows."""

    id: int | None


@dataclass(frozen=True, slots=True)
class Reset:
    """What was heard so far and is not final is void."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Words for the client, see `Words`; seconds of its own audio."""

    text: str
    is_final: bool
    utterance: int
    """From 1."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Flushed:
    """All words up to that flush went before this."""

    id: int | None


Item = bytes | Flush | Reset
"""Audio: mono int16 little-endian, an even number of bytes."""
Output = Heard | Flushed

_NOTHING: Samples = np.zeros(0, np.int16)


class Lane(Generic[State]):
    """`push` items in; `next_piece` until None; after each step `took` what it gave; `outputs` are the client's."""

    def __init__(self, recogniser: Recogniser[State], state: State, client_rate: int) -> None:
        self.state = state
        self.is_lost = False
        """The recogniser failed for it: nothing more is given to it."""
        self._recogniser = recogniser
        self._client_rate = client_rate
        self._upsampler = recogniser.upsampler(client_rate)
        self._inbox: deque[Item] = deque()
        # Two counts instead of one: each is written by one thread only.
        self._pushed_bytes = self._taken_bytes = 0
        self._pushed_marks = self._taken_marks = 0
        """Flushes and resets."""
        self._todo: deque[Item] = deque()
        self._rest = _NOTHING
        """Samples at the recogniser's rate that are not yet in a piece."""
        self._wants = recogniser.wants(state)
        """Kept, because the event loop must not ask the recogniser."""
        self._flush: Flush | None = None
        self._has_heard = False
        """Something reached the recogniser, or waits for it, since the last end."""
        self._utterance, self._is_utterance_told = 1, False
        self._received = 0
        """Samples of the client that left the inbox."""
        self._given = 0
        """Samples the recogniser was given."""
        self._difference_s = 0.0
        """The client's seconds less the recogniser's."""
        self._outputs: list[Output] = []

    # -- under the lock of compute.py ---------------------------------------------------------------------------------

    def push(self, item: Item) -> None:
        """The next of the client."""
        self._inbox.append(item)
        if isinstance(item, bytes):
            self._pushed_bytes += len(item)
        else:
            self._pushed_marks += 1

    def collect(self) -> None:
        """Takes over what was pushed, for `next_piece`."""
        self._todo.extend(self._inbox)
        self._inbox.clear()

    def is_ready(self) -> bool:
        """Whether `next_piece` has something to do: a flush or reset, or enough audio."""
        if self._flush is not None or self._pushed_marks != self._taken_marks:
            return True
        waiting = (self._pushed_bytes - self._taken_bytes) // 2 * self._recogniser.sample_rate // self._client_rate
        return len(self._rest) + waiting >= self._wants

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that were pushed and not yet given to the recogniser."""
        return self._pushed_bytes / 2 / self._client_rate - self.recognised_s

    # -- the compute thread's -----------------------------------------------------------------------------------------

    @property
    def recognised_s(self) -> float:
        """Seconds of the client's audio that the recogniser was given or that a reset made void."""
        return self._given / self._recogniser.sample_rate + self._difference_s

    def next_piece(self) -> Piece[State] | None:
        """What the next step is to take for this session; None: nothing yet. Resets are done on the way."""
        while True:
            wants = self._wants = self._recogniser.wants(self.state)
            if self._flush is not None:
                if not self._has_heard:
                    self._end()
                    continue
                return self._cut(wants, ends=len(self._rest) <= wants)
            if len(self._rest) >= wants:
                return self._cut(wants, ends=False)
            if not self._todo:
                return None
            item = self._todo.popleft()
            if isinstance(item, bytes):
                self._hear(item)
                continue
            self._taken_marks += 1
            if isinstance(item, Flush):
                self._flush = item
                self._rest = np.concatenate((self._rest, self._upsampler.flush()))
            else:
                self._forget()

    def took(self, piece: Piece[State], words: Sequence[Words]) -> None:
        """The step has taken that piece and gave these words."""
        self._given += len(piece.audio)
        self._wants = self._recogniser.wants(self.state)
        for heard in words:
            self._tell(heard)
        if piece.ends:
            self._end()

    def outputs(self) -> list[Output]:
        """What there is for the client since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # -- inside -------------------------------------------------------------------------------------------------------

    def _hear(self, audio: bytes) -> None:
        """This message and those right behind it, at once: one call of the upsampler, not one for each."""
        parts = [audio]
        while self._todo and isinstance(self._todo[0], bytes):
            parts.append(self._todo.popleft())  # type: ignore[arg-type]  # it has just been looked at
        joined = b"".join(parts)
        self._taken_bytes += len(joined)
        self._received += len(joined) // 2
        self._has_heard = self._has_heard or bool(joined)
        self._rest = np.concatenate((self._rest, self._upsampler.process(np.frombuffer(joined, "<i2"))))

    def _cut(self, count: int, *, ends: bool) -> Piece[State]:
        audio, self._rest = self._rest[:count], self._rest[count:]
        return Piece(self.state, audio, ends)

    def _tell(self, words: Words) -> None:
        difference = self._difference_s
        limit = self._received / self._client_rate
        start, end = min(words.start_s + difference, limit), min(words.end_s + difference, limit)
        self._outputs.append(Heard(words.text, words.is_final, self._utterance, start, end))
        self._is_utterance_told = not words.is_final
        if words.is_final:
            self._utterance += 1

    def _end(self) -> None:
        assert self._flush is not None  # both callers have looked
        self._outputs.append(Flushed(self._flush.id))
        self._flush = None
        self._begin_anew()

    def _forget(self) -> None:
        self._recogniser.reset(self.state)
        self._upsampler = self._recogniser.upsampler(self._client_rate)
        self._rest = _NOTHING
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Nothing is on the way: the next words are another utterance, and the seconds are set right."""
        if self._is_utterance_told:
            self._utterance += 1
            self._is_utterance_told = False
        self._has_heard = False
        self._difference_s = self._received / self._client_rate - self._given / self._recogniser.sample_rate
