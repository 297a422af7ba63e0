"""A voice whose words can be told apart by machine: each word is a tone of its own. And a worker that speaks with it.

`python -m tests.workers.tts.spelling_voice` is the real server with this one engine. It speaks no faster than real time,
like a voice that keeps its stream a little ahead of playout, so that a worker can be killed in the middle of a word.
`words_heard` reads the words back from what a caller would have heard, `spans_heard` also how much of each there was.

| voice           | pace                                                    | tells when its words begin |
|-----------------|---------------------------------------------------------|----------------------------|
| speller         | far quicker than speech: many sentences fit into a test | no                         |
| other-speller   | the same                                                | no                         |
| telling-speller | that of speech                                          | yes                        |
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.audio import g711
from backend.workers.tts import adapter
from backend.workers.tts.adapter import Samples, ShouldStop, Spend, WordAt, not_counted
from tests.workers.tts.made_up_voice import MadeUpVoice

WORDS = (  # noqa: SIM905  one long list, read as words
    "apple banjo cedar dolphin eagle forest garden harbour island jungle kettle lemon "
    "market needle orange pepper quarter river silver tunnel umbrella valley window yellow"
).split()
LOWEST_HZ, STEP_HZ = 300, 120
UNITS_PER_S = 38.0
"""The product does not know it."""
TELLING = "telling-speller"
TELLING_UNITS_PER_S = 17.0
AHEAD_S = 0.4
RATE = 24000
PIECE_S = 0.05


class SpellingVoice(MadeUpVoice):
    """An `Adapter`."""

    name = "spelling"
    native_sample_rate = RATE
    names = ("speller", "other-speller", TELLING)

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples | WordAt]:
        tones = [_tone(word, voice) for word in text.split()]
        if voice == TELLING:
            starts = np.cumsum([0, *map(len, tones[:-1])]) / RATE
            yield from (WordAt(number, float(at_s)) for number, at_s in enumerate(starts))
        samples = np.concatenate(tones)
        began, size = time.monotonic(), int(RATE * PIECE_S)
        for start in range(0, len(samples), size):
            too_early_s = start / RATE - AHEAD_S - (time.monotonic() - began)
            if too_early_s > 0:
                time.sleep(too_early_s)
            if should_stop():
                return
            yield samples[start : start + size]


def seconds_of(word: str, voice: str = TELLING) -> float:
    """How long the voice takes for a word of WORDS. No two at the same pace, as in speech: up to a fifth quicker or
    slower, always the same for one word."""
    plain = word.strip(".,").lower()
    pace = TELLING_UNITS_PER_S if voice == TELLING else UNITS_PER_S
    seconds = (len(plain) + 1) / pace * (0.8 + 0.4 * (WORDS.index(plain) * 7 % 11) / 10)
    return seconds + 0.1 if word[-1] == "." else seconds


def _tone(word: str, voice: str) -> Samples:
    plain = word.strip(".,").lower()
    if plain not in WORDS:
        return np.full(RATE // 10, 3000, np.int16)  # audible, and none of the words
    at = np.arange(int(seconds_of(word, voice) * RATE)) / RATE
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


@dataclass(frozen=True, slots=True)
class Span:
    """One word as it was heard. `start` and `end` are samples at 8 kHz, known to within `HOP`."""

    word: str
    start: int
    end: int


WINDOW, HOP = 160, 40


def spans_heard(pcm: NDArray[np.int16]) -> list[Span]:
    """Every word in this 8 kHz audio, in order. A window says the word whose tone has more than half of its energy; so the
    border between two words is found where it is."""
    if len(pcm) < WINDOW:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(pcm, WINDOW)[::HOP].astype(np.float64)
    hz = LOWEST_HZ + STEP_HZ * np.arange(len(WORDS))
    tones = np.exp(-2j * np.pi * np.outer(np.arange(WINDOW), hz) / 8000)
    energy = np.abs(windows @ tones) ** 2 * 2 / WINDOW
    loudest = np.argmax(energy, axis=1)
    is_word = energy[np.arange(len(windows)), loudest] > 0.5 * np.sum(windows**2, axis=1)
    found = np.where(is_word & np.any(windows != 0, axis=1), loudest, -1)
    changes = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
    centre = WINDOW // 2
    return [
        Span(WORDS[found[first]], HOP * first + centre - HOP // 2, HOP * (last - 1) + centre + HOP // 2)
        for first, last in zip(changes, changes[1:], strict=False)
        if found[first] != -1
    ]


if __name__ == "__main__":
    from backend.workers.tts.server import main

    adapter.ENGINES["spelling"] = "tests.workers.tts.spelling_voice:SpellingVoice"
    sys.exit(main())
