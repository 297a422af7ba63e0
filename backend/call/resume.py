"""What is left of a text whose audio broke off: where to go on, so that no word is missing and none is said twice (F25).

Pure. A voice does not tell when it says which word, so that is estimated: each word takes time by its characters, a
digit or sign as long as several letters, because it is a word when spoken; a comma and a full stop are pauses. How fast
a voice gets through all that is learned from what it has finished (`Paces`). Text is cut between words only: a word of
which not nearly all was handed over is said again, since half a word is none.

Run by `session/speaker.py`.
"""

import re
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
