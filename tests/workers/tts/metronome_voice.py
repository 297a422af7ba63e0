"""A voice that gives 20 ms every 20 ms, and a worker that speaks with it: `python -m tests.workers.tts.metronome_voice`.

Its pace is the clock's, so whatever a listener finds uneven was made on the way. The text is how many frames it says.
"""

import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np

from backend.settings import Settings
from backend.workers.tts import adapter
from backend.workers.tts.adapter import Samples, ShouldStop, Spend, VoiceInfo, not_counted

RATE = 8000
FRAME_S = 0.02


class MetronomeVoice:
    """An `Adapter`."""

    name = "metronome"
    native_sample_rate = RATE

    @classmethod
    def configured(cls, settings: Settings) -> "MetronomeVoice":
        return cls()

    def load(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def voices(self) -> Sequence[VoiceInfo]:
        return [VoiceInfo("metronome", "en")]

    def has_voice(self, name: str) -> bool:
        return name == "metronome"

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        frame = np.full(int(RATE * FRAME_S), 5000, np.int16)
        began = time.monotonic()
        for number in range(len(text.split())):
            time.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
            if should_stop():
                return
            yield frame


if __name__ == "__main__":
    from backend.workers.tts.server import main

    adapter.ENGINES["metronome"] = "tests.workers.tts.metronome_voice:MetronomeVoice"
    sys.exit(main())
