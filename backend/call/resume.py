"""Which words of a text its audio has reached: where to go on when it broke off (F25), what was heard when it was cut.

Pure. Some voices tell when they say which word; for the others that is estimated: each word takes time by its characters,
a digit or sign as long as several letters, because it is a word when spoken; a comma and a full stop are pauses. How fast
a voice gets through all that is learned from what it has finished (`Paces`). Text is cut between words only, words being
what white space separates: a word of which not nearly all was handed over, or heard, counts as not said, since half a
word is none.

Run by `session/speaker.py` (where to go on, estimates) and `playback.py` (what was heard).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

UNITS_PER_S = 15.0
"""A letter is one unit: the pace of a voice of which nothing is known yet."""
SLOWEST_UNITS_PER_S, FASTEST_UNITS_PER_S = 4.0, 60.0
SYMBOL_UNITS = 4.0
COMMA_UNITS = 3.0
STOP_UNITS = 6.0
ENOUGH_OF_A_WORD = 0.8
"""Of a word's audio; with less handed over it is said again."""
LEAST_TO_LEARN_FROM_S = 0.8
LEARNING = 0.3
"""Weight of the newest measurement."""
MOST_VOICES = 500

_WORD = re.compile(r"\S+")


def units(text: str) -> float:
    """How long it takes to say, in letters."""
    words = _WORD.findall(text)
    return sum(map(_word_units, words[:-1])) + (_letters(words[-1]) if words else 0.0)


@dataclass(frozen=True, slots=True)
class Rest:
    """`said_words` of the text's words (split at white space) were handed over; `text` is what follows them."""

    said_words: int
    text: str

    @property
    def words(self) -> int:
        return len(_WORD.findall(self.text))


def rest_of(text: str, handed_over_s: float, units_per_s: float = UNITS_PER_S) -> Rest:
    """What still has to be said when `handed_over_s` seconds of this text's audio have been handed over."""
    reached = handed_over_s * units_per_s
    position = 0.0
    for number, word in enumerate(_WORD.finditer(text)):
        if position + ENOUGH_OF_A_WORD * _letters(word.group()) > reached:
            return Rest(number, text[word.start() :])
        position += _word_units(word.group())
    return Rest(len(_WORD.findall(text)), "")


def word_starts(text: str, units_per_s: float = UNITS_PER_S) -> list[float]:
    """When each word begins, in seconds after the first sample: the estimate for a voice that does not tell."""
    starts, position = [], 0.0
    for word in _WORD.findall(text):
        starts.append(position / units_per_s)
        position += _word_units(word)
    return starts


def heard_words(text: str, starts_s: Sequence[float], played_s: float, length_s: float) -> int:
    """How many words of `text` were heard when `played_s` of its `length_s` seconds were played. `starts_s`: when the words
    begin, for as many as are known; words whose beginning is not known had not been sent. Empty: nothing is known, they
    are spread over the length."""
    words = _WORD.findall(text)
    if played_s <= 0 or not words:
        return 0
    if played_s >= length_s:
        return len(words)
    if not starts_s:
        return rest_of(text, played_s / length_s * units(text), 1.0).said_words
    heard = 0
    for number, (word, start_s) in enumerate(zip(words, starts_s, strict=False)):
        next_s = starts_s[number + 1] if number + 1 < len(starts_s) else None
        if next_s is not None:
            spoken_s = (next_s - start_s) * _letters(word) / _word_units(word)
        elif number + 1 == len(words):
            spoken_s = length_s - start_s
        else:
            spoken_s = _letters(word) / UNITS_PER_S
        if start_s + ENOUGH_OF_A_WORD * spoken_s > played_s:
            break
        heard = number + 1
    return heard


@dataclass(slots=True)
class Paces:
    """How fast each voice speaks, as far as this process has heard. Bounded: of too many voices the oldest goes."""

    _units_per_s: dict[str, float] = field(default_factory=dict)

    def of(self, voice: str) -> float:
        return self._units_per_s.get(voice, UNITS_PER_S)

    def learn(self, voice: str, text: str, duration_s: float) -> None:
        """It took so long to say all of this. Very short texts say little about the pace and are not counted."""
        if duration_s < LEAST_TO_LEARN_FROM_S:
            return
        measured = min(FASTEST_UNITS_PER_S, max(SLOWEST_UNITS_PER_S, units(text) / duration_s))
        known = self._units_per_s.pop(voice, measured)
        self._units_per_s[voice] = known + LEARNING * (measured - known)
        if len(self._units_per_s) > MOST_VOICES:
            del self._units_per_s[next(iter(self._units_per_s))]


def _word_units(word: str) -> float:
    """With what follows it: a space, and the pause of its punctuation."""
    pause = STOP_UNITS if word[-1] in ".!?…" else COMMA_UNITS if word[-1] in ",;:" else 0.0
    return _letters(word) + 1.0 + pause


def _letters(word: str) -> float:
    return sum(map(_character_units, word))


def _character_units(character: str) -> float:
    if character.isdigit() or character in "$€£¥%&@#*+=/_" or character >= "\u2e80":
        return SYMBOL_UNITS
    return 1.0 if character.isalpha() else 0.0
