"""What the caller really heard, cut into audible segments, and the whole of it for the recording.

A sample is audible from `AUDIBLE` upwards, so silence that pads a frame or a file does not count. Less than
`SEGMENT_GAP_S` without an audible sample belongs to the segment (a stop consonant, a breath); more ends it. Pure.
"""

from dataclasses import dataclass

import numpy as np

from backend.rehearsal.carrier.codec import FRAME_S, FRAME_SAMPLES, RATE, Pcm

AUDIBLE = 200
SEGMENT_GAP_S = 0.3


@dataclass(frozen=True, slots=True)
class AudibleSegment:
    """One stretch of sound."""

    started_at: float
    """Carrier clock, the first audible sample (s)."""
    ended_at: float
    """The end of the last audible sample (s)."""
    pcm: bytes
    """8 kHz s16le from `started_at` to `ended_at`."""
    starved_s: float = 0.0
    """Time inside in which the carrier had nothing to play at all: the product's audio came too late."""


class Hearing:
    """One ear. `hear` takes the played frames in slot order; `settle` ends what has been silent long enough."""

    def __init__(self) -> None:
        self.segments: list[AudibleSegment] = []
        self._frames: dict[int, Pcm] = {}
        self._started_at: float | None = None
        self._ended_at = 0.0

    @property
    def started_at(self) -> float | None:
        """Start of the segment that is open, None when there is none."""
        return self._started_at

    def hear(self, slot: int, pcm: Pcm) -> bool:
        """True when this frame opens a segment."""
        self._frames[slot] = pcm
        audible = np.flatnonzero((pcm >= AUDIBLE) | (pcm <= -AUDIBLE))
        if not len(audible):
            return False
        opens = self._started_at is None
        if opens:
            self._started_at = slot * FRAME_S + float(audible[0]) / RATE
        self._ended_at = slot * FRAME_S + float(audible[-1] + 1) / RATE
        return opens

    def settle(self, now: float) -> AudibleSegment | None:
        """The segment that has ended, once: `SEGMENT_GAP_S` have passed since its last audible sample."""
        if self._started_at is None or now - self._ended_at < SEGMENT_GAP_S:
            return None
        return self.finish()

    def finish(self) -> AudibleSegment | None:
        """Ends the open segment now, whatever the silence."""
        segment = self._open_segment()
        if segment is not None:
            self.segments.append(segment)
            self._started_at = None
        return segment

    def all_segments(self) -> list[AudibleSegment]:
        """The finished ones and, as far as heard, the open one."""
        segment = self._open_segment()
        return [*self.segments, segment] if segment is not None else list(self.segments)

    def is_audible(self, now: float) -> bool:
        """Whether `now` lies in a segment; the present one lasts until `SEGMENT_GAP_S` of silence."""
        if self._started_at is not None and self._started_at <= now:
            return now - self._ended_at < SEGMENT_GAP_S
        return any(segment.started_at <= now <= segment.ended_at for segment in reversed(self.segments))

    def audio(self, from_slot: int, to_slot: int) -> bytes:
        """Everything heard, silence where there was nothing."""
        return join_frames(self._frames, from_slot, to_slot)

    def _open_segment(self) -> AudibleSegment | None:
        if self._started_at is None:
            return None
        first = int(self._started_at / FRAME_S + 1e-6)
        last = int((self._ended_at - 0.5 / RATE) / FRAME_S)
        skip = round(self._started_at * RATE) - first * FRAME_SAMPLES
        count = round((self._ended_at - self._started_at) * RATE)
        pcm = self.audio(first, last + 1)[2 * skip : 2 * (skip + count)]
        starved = sum(1 for slot in range(first, last + 1) if slot not in self._frames)
        return AudibleSegment(self._started_at, self._ended_at, pcm, round(starved * FRAME_S, 3))


def join_frames(frames: dict[int, Pcm], from_slot: int, to_slot: int) -> bytes:
    """Frames by slot as one stretch of s16le, silent where a slot is missing."""
    whole = np.zeros(max(0, to_slot - from_slot) * FRAME_SAMPLES, dtype="<i2")
    for slot, pcm in frames.items():
        if from_slot <= slot < to_slot:
            start = (slot - from_slot) * FRAME_SAMPLES
            whole[start : start + FRAME_SAMPLES] = pcm
    return whole.tobytes()
