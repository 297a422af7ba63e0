"""A recogniser that does what the audio says, and `python -m tests.workers.stt.fake_recogniser`: the sidecar with it.

A piece is 40 ms at 16 kHz, the first one of a session or after an end 80 ms. Each loud piece (a sample above 1000) is
one word, "w1 w2 …"; the text is told with each, and all of it when the piece ends. First samples that do something else:

    BREAKS     this session is lost             FAILS    the step raises
    HANGS      the step never comes back        SLOW     the step takes SLOW_STEP_S

FAKE_LOAD_S says how long loading takes; "never" breaks it off.
"""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.audio.resample import Resampler
from backend.settings import Settings
from backend.workers.stt import recogniser_names
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Words

BREAKS, FAILS, HANGS, SLOW = 31001, 31002, 31003, 31004
PIECE, FIRST = 640, 1280
SLOW_STEP_S = 0.04


@dataclass(eq=False)
class FakeState:
    language: str
    wants: int = FIRST
    samples: int = 0
    words: list[str] = field(default_factory=list)
    began_at: int = 0


class FakeRecogniser:
    """`steps` keeps the sizes of the pieces of each step, `opened` and `closed` count."""

    name = "fake"
    sample_rate = 16000
    max_batch = 64

    def __init__(self, settings: Settings | None = None) -> None:
        self.steps: list[list[int]] = []
        self.opened = self.closed = self.resets = 0
        self.is_loaded = False

    def load(self) -> None:
        wait = os.environ.get("FAKE_LOAD_S", "0")
        if wait == "never":
            raise RecogniserBroken("fake: there is no model")
        time.sleep(float(wait))
        self.is_loaded = True

    def unload(self) -> None:
        self.is_loaded = False

    def upsampler(self, from_rate: int) -> Resampler:
        return Resampler(from_rate, self.sample_rate)

    def open(self, language: str) -> FakeState:
        if language == "xx":
            raise RecogniserBroken("fake: does not know xx")
        self.opened += 1
        return FakeState(language)

    def wants(self, state: FakeState) -> int:
        return state.wants

    def step(self, pieces: Sequence[Piece[FakeState]]) -> list[list[Words] | RecogniserBroken]:
        self.steps.append([len(piece.audio) for piece in pieces])
        return [self._one(piece) for piece in pieces]

    def _one(self, piece: Piece[FakeState]) -> list[Words] | RecogniserBroken:
        state = piece.state
        first = int(piece.audio[0]) if len(piece.audio) else 0
        if first == BREAKS:
            return RecogniserBroken("fake: lost")
        if first == FAILS:
            raise ZeroDivisionError("a bug in somebody's model")
        if first == HANGS:
            time.sleep(3600)
        if first == SLOW:
            time.sleep(SLOW_STEP_S)
        if not state.words:
            state.began_at = state.samples
        state.samples += len(piece.audio)
        state.wants = FIRST if piece.ends else PIECE
        if len(piece.audio) and int(piece.audio.max()) > 1000:
            state.words.append(f"w{len(state.words) + 1}")
        elif not piece.ends:
            return []
        words = [self._words(state, piece.ends)] if state.words else []
        if piece.ends:
            state.words = []
        return words

    def _words(self, state: FakeState, is_final: bool) -> Words:
        rate = self.sample_rate
        return Words(" ".join(state.words), is_final, state.began_at / rate, state.samples / rate)

    def reset(self, state: FakeState) -> None:
        self.resets += 1
        state.words, state.wants = [], FIRST

    def close(self, state: FakeState) -> None:
        self.closed += 1


if __name__ == "__main__":
    recogniser_names.RECOGNISERS["fake"] = "tests.workers.stt.fake_recogniser:FakeRecogniser"
    from backend.workers.stt.server import main

    sys.exit(main())
