"""Voice activity by WebRTC's detector: a few microseconds per frame, no model file, but fooled by every tone.

For machines on which even Silero is too much. Same contract; `aggressiveness` 0 to 3 says how sure it must be before
calling something speech, `frame_ms` is 10, 20 or 30. Speech begins with a run of voiced frames and ends after
`min_gap_s` without one; edges lie at the borders of frames. A frame counts only when it is audible as well: by itself the
detector holds on for 170 ms after the last sound.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backend.audio.silence import AUDIBLE_RMS, rms
from backend.engines.base import SpeechEdge
from backend.errors import EngineBusy, EngineFailed

_RATES = (8000, 16000, 32000, 48000)
_ON_RUN_S = 0.06
_MOST_PENDING_S = 10.0


class WebRtcStream:
    """One caller. Made by `WebRtcVad.open`."""

    def __init__(self, vad: "WebRtcVad", detector: Any, sample_rate: int, frame_s: float, min_gap_s: float) -> None:
        self._vad = vad
        self._detector = detector
        self._sample_rate = sample_rate
        self._frame_s = frame_s
        self._frame_bytes = 2 * round(sample_rate * frame_s)
        self._on_run = max(1, round(_ON_RUN_S / frame_s))
        self._min_gap_s = min_gap_s
        self._most_pending = int(2 * sample_rate * _MOST_PENDING_S)
        self._pending = bytearray()
        self._frames_done = 0
        self._run = 0
        self._is_speech = False
        self._last_voiced_s = 0.0
        self._edges: list[SpeechEdge] = []

    def push(self, pcm: bytes) -> None:
        self._pending += pcm
        excess = len(self._pending) - self._most_pending
        if excess > 0:  # nobody steps: keep the newest, and the clock right
            frames = -(-excess // self._frame_bytes)
            del self._pending[: frames * self._frame_bytes]
            self._frames_done += frames

    def edges(self) -> list[SpeechEdge]:
        edges, self._edges = self._edges, []
        return edges

    @property
    def speech_until_s(self) -> float | None:
        return self._last_voiced_s if self._is_speech else None

    def close(self) -> None:
        self._vad.release(self)

    def analyse(self) -> None:
        """All frames that are complete."""
        size = self._frame_bytes
        whole = len(self._pending) // size * size
        for start in range(0, whole, size):
            frame = bytes(self._pending[start : start + size])
            is_voiced = self._detector.is_speech(frame, self._sample_rate)
            self._take(is_voiced and rms(np.frombuffer(frame, np.int16)) >= AUDIBLE_RMS)
        del self._pending[:whole]

    def _take(self, is_voiced: bool) -> None:
        self._frames_done += 1
        now_s = self._frames_done * self._frame_s
        self._run = self._run + 1 if is_voiced else 0
        if is_voiced:
            self._last_voiced_s = now_s
        if not self._is_speech and self._run >= self._on_run:
            self._is_speech = True
            self._edges.append(SpeechEdge(True, now_s - self._run * self._frame_s))
        elif self._is_speech and now_s - self._last_voiced_s >= self._min_gap_s - 1e-9:
            self._is_speech = False
            self._edges.append(SpeechEdge(False, self._last_voiced_s))


class WebRtcVad:
    """A Vad. One per worker."""

    def __init__(
        self, *, aggressiveness: int = 2, frame_ms: int = 20, min_gap_s: float = 0.2, capacity: int = 256
    ) -> None:
        if aggressiveness not in (0, 1, 2, 3) or frame_ms not in (10, 20, 30):
            raise EngineFailed("aggressiveness is 0 to 3, frames are 10, 20 or 30 ms", engine="webrtcvad")
        import webrtcvad  # here and not above: workers with the other detector need not have it

        self._new_detector: Callable[[], Any] = lambda: webrtcvad.Vad(aggressiveness)
        self._frame_s = frame_ms / 1000
        self._min_gap_s = min_gap_s
        self._capacity = capacity
        self._streams: dict[WebRtcStream, None] = {}

    def open(self, sample_rate: int = 8000) -> WebRtcStream:
        if sample_rate not in _RATES:
            raise EngineFailed(f"WebRTC voice activity does not know {sample_rate} Hz", engine="webrtcvad")
        if len(self._streams) >= self._capacity:
            raise EngineBusy("every voice activity slot is taken", engine="webrtcvad")
        stream = WebRtcStream(self, self._new_detector(), sample_rate, self._frame_s, self._min_gap_s)
        self._streams[stream] = None
        return stream

    def step(self) -> None:
        for stream in self._streams:
            stream.analyse()

    def release(self, stream: WebRtcStream) -> None:
        """Forget it; harmless when already done."""
        self._streams.pop(stream, None)

    @property
    def open_streams(self) -> int:
        return len(self._streams)
