"""What the far end says, laid out on the same 20 ms slots as what it hears. Pure; `far_end.py` takes a frame per slot.

Two sounds that overlap (speech over hold music) are mixed. What was taken is kept for the recording.
"""

import numpy as np

from backend.rehearsal.carrier.codec import FRAME_S, FRAME_SAMPLES, RATE, Pcm, mix
from backend.rehearsal.carrier.hearing import join_frames
from backend.rehearsal.carrier.playout import next_slot


class Mouth:
    """One far end's own sound."""

    def __init__(self) -> None:
        self._ahead: dict[int, Pcm] = {}
        self._said: dict[int, Pcm] = {}

    def say(self, pcm: Pcm, now: float) -> tuple[float, float]:
        """Lays `pcm` out from the next slot on. Returns the times of its first and last sample."""
        first = next_slot(now)
        padded = np.concatenate([pcm, np.zeros(-len(pcm) % FRAME_SAMPLES, dtype=np.int16)])
        for index in range(len(padded) // FRAME_SAMPLES):
            frame = padded[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
            mixed = mix(self._ahead.get(first + index), frame)
            assert mixed is not None  # `frame` is not None
            self._ahead[first + index] = mixed
        return first * FRAME_S, first * FRAME_S + len(pcm) / RATE

    def take(self, slot: int) -> Pcm | None:
        """The frame of this slot, None when the far end is silent."""
        frame = self._ahead.pop(slot, None)
        if frame is not None:
            self._said[slot] = frame
        return frame

    def fall_silent(self) -> None:
        """Nothing more is said."""
        self._ahead.clear()

    def audio(self, from_slot: int, to_slot: int) -> bytes:
        """Everything said, without the line's noise."""
        return join_frames(self._said, from_slot, to_slot)
