"""When Kokoro says which word: from the durations that the model predicts for each phoneme. Pure.

The front end turns a phrase into phonemes, the model gives each phoneme a number of steps of 25 ms, and the audio is made
to that measure; so a word begins where the steps of its first phoneme begin. The package's own `join_timestamps` counts
every character and takes 75 ms off the beginning; characters that the model does not know get no steps, so they are not
counted here, and nothing is taken off.

| front end                | which phonemes are which word's                                                       |
|--------------------------|---------------------------------------------------------------------------------------|
| misaki's dictionaries    | it hands out tokens: their text is looked for in the phrase, in order                   |
| espeak-ng                | phonemes stand in words; as many as the phrase's: one by one, otherwise spread evenly   |
"""

import re
from bisect import bisect_right
from collections.abc import Container, Sequence
from typing import Protocol

STEP_S = 0.025

_WORD = re.compile(r"\S+")


class Token(Protocol):
    """What misaki says of one piece of text."""

    text: str
    phonemes: str | None
    whitespace: str


def phoneme_times(phonemes: str, known: Container[str], durations: Sequence[int]) -> list[float]:
    """When each phoneme of what was handed to the model begins, in seconds. `durations`: steps of the mark at the
    beginning, of each known phoneme, and of the mark at the end."""
    times, steps, place = [], durations[0] if durations else 0, 1
    for phoneme in phonemes:
        times.append(steps * STEP_S)
        if phoneme in known and place < len(durations) - 1:
            steps += durations[place]
            place += 1
    return times


def word_places(phrase: str, phonemes: str, tokens: Sequence[Token] | None) -> list[tuple[int, int]]:
    """(word of the phrase from 0, its first phoneme), rising in both. Words that are not spoken are left out."""
    if tokens is None:
        return _evenly(len(_WORD.findall(phrase)), [match.start() for match in _WORD.finditer(phonemes)])
    starts = [match.start() for match in _WORD.finditer(phrase)]
    places: list[tuple[int, int]] = []
    at = in_phrase = 0
    for token in tokens:
        spoken = token.phonemes or ""
        found = phrase.find(token.text, in_phrase)
        if found >= 0:
            in_phrase = found + len(token.text)
            word = bisect_right(starts, found) - 1
            if spoken.strip() and word > (places[-1][0] if places else -1):
                places.append((word, at + len(spoken) - len(spoken.lstrip())))
        at += len(spoken) + len(token.whitespace)
    return [(word, place) for word, place in places if place < len(phonemes)]


def _evenly(words: int, phoneme_words: Sequence[int]) -> list[tuple[int, int]]:
    if not phoneme_words:
        return []
    return [(word, phoneme_words[word * len(phoneme_words) // words]) for word in range(words)]
