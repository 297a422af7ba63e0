"""What the far end hears, and when: the buffers between the product's audio and the caller's ear.

Time is cut into slots of 20 ms on the carrier's clock; slot k is played from 0.02 k to 0.02 (k + 1). Audio never plays
earlier than the next slot after it arrived, never faster than real time, and marks come back when the slot that holds
the last sample before them is over. Three sources are heard together: the media stream, the queue of REST playbacks
(one after the other) and its overlay. Pure: time is an argument. `far_end.py` calls `advance` for every slot.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from backend.rehearsal.carrier.codec import FRAME_S, FRAME_SAMPLES, RATE, Pcm, mix

EndStatus = Literal["completed", "cancelled", "call_hangup", "file_not_found", "failed"]


def slot_of(now: float) -> int:
    """The slot that is playing at `now`."""
    return math.floor(now / FRAME_S + 1e-6)


def next_slot(now: float) -> int:
    """The first slot that begins at or after `now`."""
    return math.ceil(now / FRAME_S - 1e-6)


@dataclass(frozen=True, slots=True)
class FramePlayed:
    slot: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class MarkReached:
    """Everything sent before this mark was heard, at `at`."""

    name: str
    at: float


@dataclass(eq=False, slots=True)
class Playback:
    """One `playback_start` or `speak`. `pcm` is None while it is fetched or synthesised: it holds up the queue."""

    kind: Literal["playback", "speak"]
    media_url: str = ""
    media_name: str = ""
    overlay: bool = False
    loops: int | None = 1
    """None: for ever."""
    pcm: Pcm | None = None
    failure: tuple[EndStatus, str] | None = None
    position: int = 0
    has_started: bool = False


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    playback: Playback
    at: float


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    playback: Playback
    status: EndStatus
    at: float
    detail: str = ""


PlayoutEvent = FramePlayed | MarkReached | PlaybackStarted | PlaybackEnded


@dataclass(slots=True)
class _Chunk:
    pcm: Pcm
    not_before: int
    position: int = 0


class MediaBuffer:
    """The agent audio of one media stream that was received and not yet played, with the marks between."""

    def __init__(self) -> None:
        self._queue: deque[_Chunk | str] = deque()
        self._due: list[str] = []
        self._last_slot = -1
        self._played: list[Pcm] = []
        self.played_samples = 0
        """How many of the samples that were sent have been played, so far."""

    def played(self) -> Pcm:
        """Those samples, one after the other: without the silence of slots for which nothing was there."""
        return np.concatenate(self._played) if self._played else np.zeros(0, np.int16)

    def push(self, pcm: Pcm, now: float) -> None:
        self._queue.append(_Chunk(pcm, next_slot(now)))

    def mark(self, name: str, now: float) -> bool:
        """True: nothing is before it, return it at once. Otherwise it comes as `MarkReached`, or out of `clear`."""
        if self._queue:
            self._queue.append(name)
            return False
        if (self._last_slot + 1) * FRAME_S > now + 1e-6:
            self._due.append(name)
            return False
        return True

    def clear(self) -> tuple[list[str], float]:
        """Empties it: the marks that were waiting, all at once, and the seconds of audio that nobody heard."""
        marks = self._due + [item for item in self._queue if isinstance(item, str)]
        dropped_s = self.waiting_s()
        self._queue.clear()
        self._due = []
        return marks, dropped_s

    def waiting_s(self) -> float:
        """Seconds of audio not yet played."""
        return sum(len(item.pcm) - item.position for item in self._queue if isinstance(item, _Chunk)) / RATE

    def take(self, slot: int) -> tuple[Pcm | None, list[str]]:
        """The frame for `slot` (padded with silence when too little is there), and the marks reached as it begins."""
        reached, self._due = self._due, []
        pieces: list[Pcm] = []
        missing = FRAME_SAMPLES
        while self._queue:
            head = self._queue[0]
            if isinstance(head, str):
                (self._due if pieces else reached).append(head)
                self._queue.popleft()
                continue
            if not missing or head.not_before > slot:
                break
            piece = head.pcm[head.position : head.position + missing]
            head.position += len(piece)
            missing -= len(piece)
            if len(piece):
                pieces.append(piece)
                self._played.append(piece)
                self.played_samples += len(piece)
            if head.position >= len(head.pcm):
                self._queue.popleft()
        if not pieces:
            return None, reached
        self._last_slot = slot
        if missing:
            pieces.append(np.zeros(missing, dtype=np.int16))
        return (pieces[0] if len(pieces) == 1 else np.concatenate(pieces)), reached


@dataclass(slots=True)
class PlaybackQueue:
    """REST playbacks and spoken texts of a leg: first come, first heard."""

    items: deque[Playback] = field(default_factory=deque)
    _finished: Playback | None = None

    def add(self, playback: Playback) -> None:
        self.items.append(playback)

    def stop(self, which: Literal["current", "all"], status: EndStatus, now: float) -> list[PlaybackEnded]:
        """Ends the playing one, or all. What was waiting for its audio counts as playing."""
        count = len(self.items) if which == "all" else min(1, len(self.items))
        ended = [PlaybackEnded(self.items.popleft(), status, now) for _ in range(count)]
        if self._finished is not None:
            ended.insert(0, PlaybackEnded(self._finished, "completed", now))
            self._finished = None
        return ended

    def take(self, slot: int) -> tuple[Pcm | None, list[PlayoutEvent]]:
        at = slot * FRAME_S
        events: list[PlayoutEvent] = []
        if self._finished is not None:
            events.append(PlaybackEnded(self._finished, "completed", at))
            self._finished = None
        while self.items:
            head = self.items[0]
            if head.failure is not None or (head.pcm is not None and not len(head.pcm)):
                status, detail = head.failure or ("failed", "the audio is empty")
                events.append(PlaybackEnded(self.items.popleft(), status, at, detail))
                continue
            if head.pcm is None:
                return None, events
            if not head.has_started:
                head.has_started = True
                events.append(PlaybackStarted(head, at))
            return self._frame(head), events
        return None, events

    def _frame(self, head: Playback) -> Pcm:
        assert head.pcm is not None  # `take` has looked
        frame = head.pcm[head.position : head.position + FRAME_SAMPLES]
        head.position += len(frame)
        if head.position >= len(head.pcm):
            head.position = 0
            if head.loops is not None:
                head.loops -= 1
                if head.loops <= 0:
                    self._finished = self.items.popleft()
        if len(frame) < FRAME_SAMPLES:
            frame = np.concatenate([frame, np.zeros(FRAME_SAMPLES - len(frame), dtype=np.int16)])
        return frame


class Playout:
    """All that one far end hears."""

    def __init__(self, now: float) -> None:
        self.media = MediaBuffer()
        self.playbacks = PlaybackQueue()
        self.overlays = PlaybackQueue()
        self._next_slot = next_slot(now)

    def advance(self, now: float) -> list[PlayoutEvent]:
        """Plays every slot that has begun by `now` and was not played yet."""
        events: list[PlayoutEvent] = []
        while self._next_slot * FRAME_S <= now + 1e-6:
            slot = self._next_slot
            self._next_slot += 1
            heard, marks = self.media.take(slot)
            events += [MarkReached(name, slot * FRAME_S) for name in marks]
            for queue in (self.playbacks, self.overlays):
                frame, happened = queue.take(slot)
                events += happened
                heard = mix(heard, frame)
            if heard is not None:
                events.append(FramePlayed(slot, heard))
        return events
