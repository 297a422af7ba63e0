"""What one text becomes for the model: pieces it can say in one go, and the rule for when a piece is over.

The model was trained on single sentences and says at most some fifty tokens well. So a text is cut at its sentences,
neighbours go together while they fit, and a sentence that does not fit is cut near its middle. Each piece is spoken from
the voice's beginning, with noise drawn from its own words: the same words in the same voice always sound the same,
whoever else speaks. Not decided here: when a piece is spoken (scheduler.py).
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass
from typing import Any

from pocket_tts import TTSModel
from pocket_tts.default_parameters import MAX_TOKEN_PER_CHUNK
from pocket_tts.models.text_chunking import prepare_text_prompt

from backend.engines.sentences import SentenceSplitter
from backend.workers.tts.pocket.batch import Start
from backend.workers.tts.pocket.model import Voice

MOST_TOKENS = MAX_TOKEN_PER_CHUNK
LONGEST_SENTENCE = 250
"""Characters; a sentence longer than that has more tokens than the model says in one go."""
_BREAKS = (re.compile(r"[,;:–—]\s"), re.compile(r"\s"))


@dataclass(slots=True)
class Ending:
    """When a piece is over: some frames after the model first says so, and at `most_frames` in any case. In its first
    frames the model is not believed: it may say so before it has begun to speak."""

    most_frames: int
    frames_after_eos: int
    believed_from: int
    _frames: int = 0
    _eos_at: int | None = None

    def on_frame(self, is_eos: bool) -> tuple[bool, bool]:
        """Is this frame spoken, and is the piece over with it?"""
        if is_eos and self._eos_at is None and self._frames >= self.believed_from:
            self._eos_at = self._frames
        self._frames += 1
        if self._eos_at is None:
            return True, self._frames >= self.most_frames
        over = self._eos_at + self.frames_after_eos
        return self._frames <= over, self._frames >= min(over, self.most_frames)


@dataclass(frozen=True, slots=True)
class Piece:
    """What the batch needs to begin a piece, and how long it goes on after its end of speech."""

    start: Start
    frames_after_eos: int


class Cutter:
    """Cuts texts for one model. Any thread may use it."""

    def __init__(self, tts: TTSModel, language: str) -> None:
        self._tts = tts
        self._language = language
        self._tokenizer = tts.flow_lm.conditioner.tokenizer
        self.most_frames = tts._estimate_max_gen_len(MOST_TOKENS)

    def ending(self, piece: Piece) -> Ending:
        return Ending(piece.start.most_frames, piece.frames_after_eos, self._tts._MIN_FRAMES_BEFORE_EOS)

    def pieces(self, text: str, voice: Voice) -> list[Piece]:
        """Nothing for a text without a letter or digit."""
        splitter = SentenceSplitter(self._language, max_chars=LONGEST_SENTENCE, first_clause_chars=LONGEST_SENTENCE)
        sentences = splitter.push(_printable(text)) + splitter.flush()
        fitting = [part for sentence in sentences for part in self._fit(sentence)]
        return [piece for part in self._gather(fitting) if (piece := self._piece(part, voice)).start.tokens]

    def _fit(self, sentence: str) -> list[str]:
        """It, or its halves."""
        if not any(map(str.isalnum, sentence)):
            return []
        if len(self._tokens(sentence)) <= MOST_TOKENS or len(sentence) < 2:
            return [sentence]
        cut = _middle(sentence)
        return self._fit(sentence[:cut].strip()) + self._fit(sentence[cut:].strip())

    def _gather(self, parts: list[str]) -> list[str]:
        gathered: list[str] = []
        for part in parts:
            together = f"{gathered[-1]} {part}" if gathered else part
            if gathered and len(self._tokens(together)) <= MOST_TOKENS:
                gathered[-1] = together
            else:
                gathered.append(part)
        return gathered

    def _prepare(self, text: str) -> tuple[str, int]:
        tts = self._tts
        prepared: tuple[str, int] = prepare_text_prompt(
            text,
            tts.pad_with_spaces_for_short_inputs,
            tts.remove_semicolons,
            tts.append_terminal_punctuation,
            tts.capitalize_first_letter,
            tts.replace_characters,
        )
        return prepared

    def _tokens(self, text: str) -> list[int]:
        # The preparing may leave nothing of it, which the package takes for a fault.
        try:
            tokens: list[int] = self._tokenizer.encode(self._prepare(text)[0])
        except ValueError:
            return []
        return tokens

    def _piece(self, text: str, voice: Voice) -> Piece:
        tokens = self._tokens(text)[:MOST_TOKENS]
        after: Any = self._tts.model_recommended_frames_after_eos
        if after is None:
            after = self._prepare(text)[1] + 2
        seed = zlib.crc32(f"{voice.name}\n{text}".encode())
        most_frames = self._tts._estimate_max_gen_len(len(tokens))
        return Piece(Start(voice, tokens, seed, most_frames), after)


def _printable(text: str) -> str:
    """Without control characters and the like; new lines stay, they end sentences."""
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else " " for c in text)


def _middle(sentence: str) -> int:
    """The clause's end nearest to the middle, if it is in the middle half; else the white space; else the middle."""
    half = len(sentence) / 2
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(sentence) if half / 2 <= found.end() <= 1.5 * half]
        if ends:
            return min(ends, key=lambda end: abs(end - half))
    return len(sentence) // 2
