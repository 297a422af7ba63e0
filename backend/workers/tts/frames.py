"""Cut a voice's stream of samples into frames, without the silence around it, and know which frame is the last.

Pure; runs in the thread that computes. Nothing is collected (D3): a frame goes out as soon as one more audible sample
exists, for only then is it certain that it is not the final one. The silence at the end must never be sent, because
the caller's silence is counted from the last audible sample (B2), so silence is held back until something audible
follows it. Not decided here: rates (audio/resample.py), what a voice says (the adapters), how frames travel (service.py).

Lengths grow: the first frame is short so that the caller hears something early, and each next one is at most twice as long
as the one before it, up to the asked length (20, 40, 80, 160, 200, 200 ms …). While one is heard the next is made, so a
voice of twice real time never falls behind its own beginning; a step from 20 straight to 200 ms would
need ten.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

AUDIBLE = 100
"""A sample further from zero than this is audible: -50 dBFS, 45 dB below a voice at its usual level."""
LEAD_MS = 10
"""Silence kept before the first audible sample, so that a soft onset is not clipped."""
LONGEST_PAUSE_MS = 2000
"""A longer pause inside a text is shortened to this: what is held back stays bounded, and so does dead air."""
GROWTH = 2
SILENT_FRAME_MS = 20
"""What is sent for a text of which nothing is audible: the one final frame every synthesis has."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame on its way out. `duration_ms` is rounded up."""

    pcm: bytes
    duration_ms: int
    sequence_number: int
    is_final: bool
    words: tuple[tuple[int, int], ...] = ()
    """The words that begin in it: (number, milliseconds after its first sample)."""


class SilenceTrim:
    """Drops the silence at both ends of a stream. What it gives always ends with an audible sample."""

    def __init__(self, sample_rate: int) -> None:
        self._lead = sample_rate * LEAD_MS // 1000
        self._most_held = sample_rate * LONGEST_PAUSE_MS // 1000
        self._held: list[Samples] = []
        self._held_count = 0
        self._has_sounded = False
        self.dropped = 0
        """Samples that were taken off the beginning, so far."""

    def process(self, samples: Samples) -> Samples:
        """The samples that are now known to be followed, or to be, audible ones."""
        # Not abs(): it leaves -32768 negative.
        audible = np.flatnonzero((samples > AUDIBLE) | (samples < -AUDIBLE))
        if len(audible) == 0:
            self._hold(samples)
            return samples[:0]
        last = int(audible[-1]) + 1
        if not self._has_sounded:
            self._hold(samples[: audible[0]])
            samples, last = samples[audible[0] :], last - int(audible[0])
            self._has_sounded = True
        out = np.concatenate((*self._held, samples[:last]))
        self._held, self._held_count = [], 0
        self._hold(samples[last:])
        return out

    def _hold(self, silence: Samples) -> None:
        """Keep silence that may turn out to be a pause; before the first sound only the end of it counts."""
        if not self._has_sounded:
            kept = np.concatenate((*self._held, silence[-self._lead :]))[-self._lead :]
            self.dropped += sum(map(len, self._held)) + len(silence) - len(kept)
            self._held = [kept]
            return
        silence = silence[: self._most_held - self._held_count]
        self._held_count += len(silence)
        if len(silence):
            self._held.append(silence)


class FrameCutter:
    """One synthesis: `push` whatever the voice gives, `flush` once when it has ended. A frame is never longer than
    `GROWTH` times the one before it; a first frame longer than the others stays one."""

    def __init__(self, sample_rate: int, frame_duration_ms: int, first_frame_duration_ms: int) -> None:
        self._rate = sample_rate
        self._length = sample_rate * frame_duration_ms // 1000
        self._next_length = sample_rate * first_frame_duration_ms // 1000
        self._trim = SilenceTrim(sample_rate)
        self._buffer: Samples = np.zeros(0, np.int16)
        self._sequence_number = 0
        self.samples_cut = 0

    @property
    def dropped(self) -> int:
        """Samples that were taken off the beginning: that much earlier everything is heard."""
        return self._trim.dropped

    def push(self, samples: Samples) -> list[Frame]:
        """The frames that are certain not to be final."""
        fresh = self._trim.process(samples)
        if len(fresh):
            self._buffer = np.concatenate((self._buffer, fresh)) if len(self._buffer) else fresh
        frames = []
        while len(self._buffer) > self._next_length:
            frames.append(self._cut(self._next_length, is_final=False))
            self._next_length = min(self._length, GROWTH * self._next_length)
        return frames

    def flush(self) -> Frame:
        """The final frame; it has audio, always."""
        if len(self._buffer) == 0:
            self._buffer = np.zeros(self._rate * SILENT_FRAME_MS // 1000, np.int16)
        return self._cut(len(self._buffer), is_final=True)

    def _cut(self, length: int, *, is_final: bool) -> Frame:
        pcm = self._buffer[:length].astype("<i2").tobytes()
        self._buffer = self._buffer[length:]
        frame = Frame(pcm, -(-length * 1000 // self._rate), self._sequence_number, is_final)
        self._sequence_number += 1
        self.samples_cut += length
        return frame
