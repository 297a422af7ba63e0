"""Tokens of one call to interim and final texts with times. Pure; run by recogniser.py.

Decides what a text looks like and where an utterance is cut:

    text       every token since the last final one, decoded together. A letter of several bytes is shown once all of them
               are there; the sign of a word's beginning shows with its word; what cannot be printed is a space
    interim    whenever the text changed
    final      when the caller fell silent (`finish`); or, before a token that begins a word, after MOST_TOKENS of one
               utterance: decoding is by utterance, and somebody's radio never falls silent
    times      of the first and the last token that has a part in the text, in seconds of the call's audio

Not decided here: when the caller fell silent (the web worker's voice activity detection says so).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backend.workers.stt.recogniser import Words

MOST_TOKENS = 256
"""About a minute and a half of speech."""
LONGEST_LETTER = 4
"""Bytes, and tokens at most."""
INVALID = "\ufffd"
FRAME_S = 0.08
"""How long a token is taken to last."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One token and when it was said, in seconds of the call's audio."""

    number: int
    at_s: float


@dataclass(slots=True)
class Transcript:
    """The words of one call. `decode` gives the text of some tokens, U+FFFD for bytes that are none;
    `begins_word` says so of one token."""

    decode: Callable[[list[int]], str]
    begins_word: Callable[[int], bool]
    _tokens: list[Heard] = field(default_factory=list)
    _shown: str = ""

    def hear(self, tokens: Sequence[Heard], given_s: float) -> list[Words]:
        """The words that changed. `given_s`: the audio that the call has given so far."""
        words: list[Words] = []
        for token in tokens:
            if len(self._tokens) >= MOST_TOKENS and self.begins_word(token.number):
                words += self.finish([], given_s)
            self._tokens.append(token)
        text = self._text()
        if text and text != self._shown:
            self._shown = text
            words.append(self._words(text, False, given_s))
        return words

    def finish(self, tokens: Sequence[Heard], given_s: float) -> list[Words]:
        """The utterance is over, with these tokens as its last."""
        words = [word for word in self.hear(tokens, given_s) if word.is_final]
        if text := self._text():
            words.append(self._words(text, True, given_s))
        self.forget()
        return words

    def forget(self) -> None:
        """What was heard and is not final is void."""
        self._tokens, self._shown = [], ""

    def _words(self, text: str, is_final: bool, given_s: float) -> Words:
        start_s = min(self._tokens[0].at_s, given_s)
        end_s = min(self._tokens[-1].at_s + FRAME_S, given_s)
        return Words(text, is_final, max(0.0, start_s), max(0.0, end_s))

    def _text(self) -> str:
        numbers = [token.number for token in self._tokens]
        text = ""
        for missing in range(min(LONGEST_LETTER, len(numbers) + 1)):
            text = self.decode(numbers[: len(numbers) - missing])
            if not text.endswith(INVALID):
                break
        return " ".join(
            "".join(letter if letter.isprintable() else " " for letter in text.replace(INVALID, "")).split()
        )
