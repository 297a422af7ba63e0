"""A voice whose words can be told apart by machine: each word is a tone of its own. And a worker that speaks with it.

`python -m tests.workers.tts.spelling_voice` is the real server with this one engine. It speaks no faster than real time,
like a voice that keeps its stream a little ahead of playout, so that a worker can be killed in the middle of a word.
`words_heard` reads the words back from what a caller would have heard.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np

from backend.audio import g711
from backend.workers.tts import adapter
from backend.workers.tts.adapter import Samples, ShouldStop, Spend, not_counted
from tests.workers.tts.made_up_voice import MadeUpVoice

WORDS = (  # noqa: SIM905  one long list, read as words
    "apple banjo cedar dolphin eagle forest garden harbour island jungle kettle lemon "
    "market needle orange pepper quarter river silver tunnel umbrella valley window yellow"
).split()
LOWEST_HZ, STEP_HZ = 300, 120
UNITS_PER_S = 38.0
"""Far quicker than speech, so that many sentences fit into a test; the product does not know it."""
AHEAD_S = 0.4
RATE = 24000
PIECE_S = 0.05


class SpellingVoice(MadeUpVoice):
    """An `Adapter`."""

    name = "spelling"
    native_sample_rate = RATE
    names = ("speller", "other-speller")

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        samples = np.concatenate([_tone(word) for word in text.split()])
        began, size = time.monotonic(), int(RATE * PIECE_S)
        for start in range(0, len(samples), size):
            too_early_s = start / RATE - AHEAD_S - (time.monotonic() - began)
            if too_early_s > 0:
                time.sleep(too_early_s)
            if should_stop():
                return
            yield samples[start : start + size]


def _tone(word: str) -> Samples:
    plain = word.strip(".,").lower()
    if plain not in WORDS:
        return np.full(RATE // 10, 3000, np.int16)  # audible, and none of the words
    # No two words at the same pace, as in speech: up to a fifth quicker or slower, always the same for one word.
    seconds = (len(plain) + 1) / UNITS_PER_S * (0.8 + 0.4 * (WORDS.index(plain) * 7 % 11) / 10)
    if word[-1] == ".":
        seconds += 0.1
    at = np.arange(int(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * (LOWEST_HZ + STEP_HZ * WORDS.index(plain)) * at)).astype(np.int16)


def words_heard(ulaw: bytes) -> list[str]:
    """The words in this audio, in order; a word that follows itself counts once."""
    pcm = np.frombuffer(g711.decode_ulaw_bytes(ulaw), "<i2").astype(float)
    window = 160
    found: list[int] = []
    for start in range(0, len(pcm) - window + 1, window // 2):
        spectrum = np.abs(np.fft.rfft(pcm[start : start + window] * np.hanning(window), 1600))
        index = round((float(np.argmax(spectrum)) * 5 - LOWEST_HZ) / STEP_HZ)
        found.append(index if spectrum.max() > 1e4 and 0 <= index < len(WORDS) else -1)
    heard: list[str] = []
    for before, here, after in zip(found, found[1:], found[2:], strict=False):
        if before == here == after != -1 and (not heard or heard[-1] != WORDS[here]):
            heard.append(WORDS[here])
    return heard


if __name__ == "__main__":
    from backend.workers.tts.server import main

    adapter.ENGINES["spelling"] = "tests.workers.tts.spelling_voice:SpellingVoice"
    sys.exit(main())
