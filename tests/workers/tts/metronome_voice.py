"""Two voices that speak by the clock, and a worker that speaks with them: `python -m tests.workers.tts.metronome_voice`.

"metronome" gives 20 ms every 20 ms and nothing ahead of it, so whatever a listener finds uneven was made on the way.
"ahead" gives 80 ms at a time and keeps half a second before its playout, as pocket-tts does under its scheduler. The text
is how many times 20 ms they say.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

from backend.workers.tts import adapter
from backend.workers.tts.adapter import Samples, ShouldStop, Spend, not_counted
from tests.workers.tts.made_up_voice import MadeUpVoice

RATE = 8000
FRAME_S = 0.02
AHEAD_S, STEP_FRAMES = 0.5, 4


class MetronomeVoice(MadeUpVoice):
    """An `Adapter`."""

    name = "metronome"
    native_sample_rate = RATE
    names = ("metronome", "ahead")

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        ahead_s, step = (AHEAD_S, STEP_FRAMES) if voice == "ahead" else (0.0, 1)
        frame = np.full(int(RATE * FRAME_S), 5000, np.int16)
        began, frames = time.monotonic(), len(text.split())
        for number in range(0, frames, step):
            time.sleep(max(0.0, began + number * FRAME_S - ahead_s - time.monotonic()))
            if should_stop():
                return
            yield np.tile(frame, min(step, frames - number))


if __name__ == "__main__":
    from backend.workers.tts.server import main

    adapter.ENGINES["metronome"] = "tests.workers.tts.metronome_voice:MetronomeVoice"
    sys.exit(main())
