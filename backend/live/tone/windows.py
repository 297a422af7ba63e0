"""Audio of one side, gathered in chunks of 100 ms to windows of one second: each is analysed once.

Pieces come in any size with the second at which they are heard (`session/audio_taps.py`). A window is a second of the
stream, from one whole second to the next, so that the windows of both sides lie side by side. What is missing in it is
silence; a second of which nothing came is no window. What comes for a window that is over is left out. Pure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 8000
CHUNK_S = 0.1
WINDOW_S = 1.0
_CHUNK = round(CHUNK_S * RATE)
_WINDOW = round(WINDOW_S * RATE)


@dataclass(frozen=True, slots=True)
class Window:
    """One second of one side. `at_s`: the second of the stream at which it begins."""

    at_s: float
    samples: NDArray[np.int16]


class Windows:
    """One side of one call."""

    def __init__(self) -> None:
        self._number: int | None = None
        """Of the window that is being filled."""
        self._samples = np.zeros(_WINDOW, np.int16)
        self._is_empty = True
        self._waiting: list[bytes] = []
        self._waiting_at = 0
        self._waiting_samples = 0

    def push(self, pcm: bytes, at_s: float) -> list[Window]:
        """s16le from `at_s` on. Returns the windows that are over with it, nearly always none."""
        at = round(at_s * RATE)
        is_apart = bool(self._waiting) and abs(at - self._waiting_at - self._waiting_samples) > _CHUNK // 10
        done = self._lay() if is_apart else []
        if not self._waiting:
            self._waiting_at = at
        self._waiting.append(pcm)
        self._waiting_samples += len(pcm) // 2
        # Fifty frames a second are laid down ten times a second: that is what chunks are for.
        return done + self._lay() if self._waiting_samples >= _CHUNK else done

    def flush(self) -> list[Window]:
        """What is left when the call is over, filled up with silence."""
        done = self._lay()
        if self._number is not None and not self._is_empty:
            done.append(self._next(self._number + 1))
        return done

    def clear(self, from_s: float) -> None:
        """Nothing is heard from there on."""
        self._lay()
        if self._number is not None:
            self._samples[max(0, round(from_s * RATE) - self._number * _WINDOW) :] = 0

    def _lay(self) -> list[Window]:
        samples, at = np.frombuffer(b"".join(self._waiting), np.int16), self._waiting_at
        self._waiting, self._waiting_samples = [], 0
        done = []
        while len(samples):
            number, start = divmod(max(0, at), _WINDOW)
            if self._number is None:
                self._number = number
            if number < self._number:
                late = self._number * _WINDOW - at
                samples, at = samples[late:], at + late
                continue
            if number > self._number:
                if not self._is_empty:
                    done.append(self._next(number))
                self._number = number
            part = samples[: _WINDOW - start]
            self._samples[start : start + len(part)] = part
            self._is_empty = False
            samples, at = samples[len(part) :], at + len(part)
        return done

    def _next(self, number: int) -> Window:
        assert self._number is not None  # there is something in it
        window = Window(self._number * WINDOW_S, self._samples)
        self._samples, self._is_empty, self._number = np.zeros(_WINDOW, np.int16), True, number
        return window
