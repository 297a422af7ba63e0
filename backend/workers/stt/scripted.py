"""The recogniser of rehearsals: it knows a book of phrases by their sound, and nothing else.

It hears what the caller's line carries, as any recogniser does, word by word while a phrase sounds and all of it after; any
number of calls at once, the same audio always giving the same words. The book (`phrase_book.py`, STT_PHRASES_FILE) is
spoken once, while loading, by the embedded voice that speaks for the caller of a rehearsal. Comparing is `tracker.py`'s.
It needs no model and no GPU, and is of no use for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.audio.resample import Resampler
from backend.rehearsal.carrier.speech import synthesise
from backend.settings import Settings
from backend.workers.stt import phrase_book
from backend.workers.stt.phrase_book import Phrase
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Samples, Words
from backend.workers.stt.sound import RATE, Framer, audibility, frames_of
from backend.workers.stt.tracker import Book, Entry, Told, Tracker, seconds

PIECE = 640
"""80 ms: how soon a word is told."""


@dataclass(eq=False)
class Listening:
    """One session."""

    tracker: Tracker
    framer: Framer = field(default_factory=Framer)
    samples: int = 0


class Scripted:
    """See `Recogniser`."""

    name = "scripted"
    sample_rate = RATE
    max_batch = 256

    def __init__(self, settings: Settings) -> None:
        self._phrases_file = settings.stt_phrases_file
        self._book: Book | None = None

    def load(self) -> None:
        phrases = phrase_book.read(self._phrases_file, self.name)
        try:
            self._book = Book([speak(phrase) for phrase in phrases])
        except ValueError as error:
            raise RecogniserBroken(f"scripted: {error}") from None

    def unload(self) -> None:
        self._book = None

    def upsampler(self, from_rate: int) -> Resampler:
        return Resampler(from_rate, self.sample_rate)

    def open(self, language: str) -> Listening:
        if self._book is None:
            raise RecogniserBroken("scripted: not loaded")
        return Listening(Tracker(self._book))

    def wants(self, state: Listening) -> int:
        return PIECE

    def step(self, pieces: Sequence[Piece[Listening]]) -> list[list[Words]]:
        return [self._one(piece) for piece in pieces]

    def _one(self, piece: Piece[Listening]) -> list[Words]:
        state = piece.state
        state.samples += len(piece.audio)
        told = state.tracker.hear(state.framer.process(piece.audio))
        if piece.ends:
            told += state.tracker.end()
        limit = state.samples / self.sample_rate
        return [_words(each, limit) for each in told]

    def reset(self, state: Listening) -> None:
        state.tracker.forget()

    def close(self, state: Listening) -> None:
        state.tracker.forget()


def speak(phrase: Phrase) -> Entry:
    """The phrase as it sounds, with its words' places: each takes the share of the sounding frames that it takes when it is
    said alone. Raises ValueError for a voice there is not, or words without a sound."""
    frames = frames_of(_sound(phrase.text, phrase))
    words = phrase.text.split()
    shares = np.array([len(_sound(word, phrase)) for word in words], float)
    if not audibility(frames).max() > 0.05 or not shares.sum():
        raise ValueError(f"{phrase.text[:40]!r} has no sound")
    sounding = np.flatnonzero(audibility(frames) > 0.05)
    lasts = np.round(np.cumsum(shares) / shares.sum() * len(sounding)).astype(int)
    ends = [int(sounding[max(0, last - 1)]) + 1 for last in lasts]
    begins = [int(sounding[min(last, len(sounding) - 1)]) for last in (0, *lasts[:-1])]
    return Entry(tuple(words), tuple(begins), tuple(ends), frames)


def _sound(text: str, phrase: Phrase) -> Samples:
    return np.frombuffer(synthesise(text, phrase.voice, phrase.rate_wpm), np.int16)


def _words(told: Told, limit_s: float) -> Words:
    end_s = min(seconds(told.to_frame), limit_s)
    return Words(told.text, told.is_final, min(seconds(told.from_frame), end_s), end_s)
