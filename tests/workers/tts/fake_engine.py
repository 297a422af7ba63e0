"""An engine that does what a test says: speaks so many steps, waits before each, fails, hangs."""

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from backend.settings import Settings
from backend.workers.tts.adapter import Samples, ShouldStop, Spend, VoiceInfo, not_counted

STEP_MS = 50


class FakeEngine:
    """`steps`: pieces of 50 ms per text. `fails_at`: raise before that step. `is_gated`: each step waits until `let`
    allows it. `step_costs_s`: what it says that a step has cost."""

    name = "fake"

    def __init__(
        self,
        *,
        steps: int = 10,
        fails_at: int | None = None,
        is_gated: bool = False,
        voices: Sequence[VoiceInfo] = (VoiceInfo("anna", "de"),),
        native_sample_rate: int = 24000,
        step_costs_s: float = 0.001,
    ) -> None:
        self.native_sample_rate = native_sample_rate
        self.step_costs_s = step_costs_s
        self.steps, self.fails_at, self.is_gated = steps, fails_at, is_gated
        self._allowed = threading.Semaphore(0)
        self.steps_made = 0
        self.loads = 0
        self.stopped = threading.Event()
        self._voices = voices

    @classmethod
    def configured(cls, settings: Settings) -> "FakeEngine":
        return cls()

    def let(self, steps: int) -> None:
        """Allow so many steps more."""
        self._allowed.release(steps)

    def load(self) -> None:
        self.loads += 1

    def unload(self) -> None:
        pass

    def voices(self) -> Sequence[VoiceInfo]:
        return self._voices

    def has_voice(self, name: str) -> bool:
        return name in [voice.name for voice in self._voices]

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        for step in range(self.steps):
            if self.is_gated:
                self._allowed.acquire()
            if should_stop():
                self.stopped.set()
                return
            if step == self.fails_at:
                raise ZeroDivisionError("a bug in somebody's model")
            self.steps_made += 1
            spend(self.step_costs_s)
            try:
                yield np.full(self.native_sample_rate * STEP_MS // 1000, 3000, np.int16)
            except GeneratorExit:  # the service noticed first, between two steps
                self.stopped.set()
                raise
