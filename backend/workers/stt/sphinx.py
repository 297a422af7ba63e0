"""The demo recogniser: pocketsphinx with a grammar that is the list of phrases of STT_PHRASES_FILE, and nothing else.

It hears people, offline and without a GPU, as long as they say one of these phrases: enough to try out a flow of yes, no,
numbers and key words. It is not for production: whatever else is said comes out as nothing, or as the wrong phrase. Free
dictation with the package's own language model got no telephone phrase of forty right; that is why there is none here.

- Telephone audio is brought to 16 kHz by plain interpolation. Its images fill the upper half of the band, which the
  wideband model misses otherwise: 34 of 40 phrases right instead of 30.
- One decoder for each session, for it goes on adapting to the voice it hears; made when the session opens (a fifth of a
  second, some 30 MB).
- A phrase with a word that is not in the package's dictionary cannot be heard. It is left out, and the log says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from pocketsphinx import Config, Decoder

from backend.settings import Settings
from backend.workers.stt import phrase_book
from backend.workers.stt.recogniser import Piece, RecogniserBroken, Samples, Words

RATE = 16000
PIECE = 1280
FRAME_S = 0.01
LONGEST_UTTERANCE = 60 * RATE
"""Samples after which an utterance is ended whether somebody asks or not."""
LEAST_INTERIM = 2
"""Words: a single one comes and goes with every noise."""

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Interpolator:
    """Twice the rate by plain interpolation; half a sample late. See `Upsampler`."""

    def __init__(self) -> None:
        self._last = 0

    def process(self, samples: Samples) -> Samples:
        if not len(samples):
            return samples
        wide = samples.astype(np.int32)
        before = np.concatenate(([self._last], wide[:-1]))
        self._last = int(wide[-1])
        doubled = np.empty(2 * len(wide), np.int16)
        doubled[0::2] = (before + wide) // 2
        doubled[1::2] = wide
        return doubled

    def flush(self) -> Samples:
        self._last = 0
        return np.zeros(0, np.int16)


class AsItIs:
    """For clients at our own rate."""

    def process(self, samples: Samples) -> Samples:
        return samples

    def flush(self) -> Samples:
        return np.zeros(0, np.int16)


@dataclass(eq=False)
class Utterance:
    """One session: its decoder, and where the running utterance began."""

    decoder: Any
    samples: int = 0
    began_at: int = 0
    is_running: bool = False
    told: str = ""


class Sphinx:
    """See `Recogniser`."""

    name = "sphinx"
    sample_rate = RATE
    max_batch = 16

    def __init__(self, settings: Settings) -> None:
        self._phrases_file = settings.stt_phrases_file
        self._grammar = ""
        self._texts: dict[str, str] = {}
        """What the grammar's phrase is → as it stands in the file."""

    def load(self) -> None:
        phrases = phrase_book.read(self._phrases_file, self.name)
        decoder = _decoder()
        for phrase in phrases:
            words = grammar_words(phrase.text)
            unknown = [word for word in words if decoder.lookup_word(word) is None]
            if words and not unknown and not re.search(r"\d", phrase.text):
                self._texts.setdefault(" ".join(words), phrase.text)
            else:
                log.warning("stt.phrase_left_out", phrase=phrase.text[:80], unknown_words=unknown)
        if not self._texts:
            raise RecogniserBroken(f"sphinx: no phrase of {self._phrases_file} has only words of its dictionary")
        self._grammar = f"#JSGF V1.0; grammar phrases; public <phrase> = ( {' | '.join(self._texts)} );"
        log.warning("stt.demo_recogniser", phrases=len(self._texts))

    def unload(self) -> None:
        self._grammar, self._texts = "", {}

    def upsampler(self, from_rate: int) -> Interpolator | AsItIs:
        return AsItIs() if from_rate == RATE else Interpolator()

    def open(self, language: str) -> Utterance:
        decoder = _decoder()
        decoder.add_jsgf_string("phrases", self._grammar)
        decoder.activate_search("phrases")
        return Utterance(decoder)

    def wants(self, state: Utterance) -> int:
        return PIECE

    def step(self, pieces: Sequence[Piece[Utterance]]) -> list[list[Words]]:
        return [self._one(piece) for piece in pieces]

    def _one(self, piece: Piece[Utterance]) -> list[Words]:
        state = piece.state
        if len(piece.audio):
            if not state.is_running:
                state.decoder.start_utt()
                state.is_running, state.began_at = True, state.samples
            state.samples += len(piece.audio)
            state.decoder.process_raw(np.ascontiguousarray(piece.audio, "<i2").tobytes(), False, False)
        if not state.is_running:
            return []
        if piece.ends or state.samples - state.began_at >= LONGEST_UTTERANCE:
            state.decoder.end_utt()
            state.is_running, state.told = False, ""
            return self._heard(state, is_final=True)
        return self._heard(state, is_final=False)

    def _heard(self, state: Utterance, *, is_final: bool) -> list[Words]:
        hypothesis = state.decoder.hyp()
        text = hypothesis.hypstr.strip() if hypothesis is not None else ""
        if not text or (not is_final and (text == state.told or len(text.split()) < LEAST_INTERIM)):
            return []
        state.told = text
        began, limit = state.began_at / RATE, state.samples / RATE
        frames = [(part.start_frame, part.end_frame) for part in state.decoder.seg() if _WORD.fullmatch(part.word)]
        start = min(began + frames[0][0] * FRAME_S, limit) if frames else began
        end = min(began + (frames[-1][1] + 1) * FRAME_S, limit) if frames else limit
        return [Words(self._texts.get(text, text), is_final, start, end)]

    def reset(self, state: Utterance) -> None:
        if state.is_running:
            state.decoder.end_utt()
            state.is_running, state.told = False, ""

    def close(self, state: Utterance) -> None:
        state.decoder = None


def grammar_words(text: str) -> list[str]:
    """The words of a phrase as the dictionary spells them."""
    return _WORD.findall(text.lower().replace("’", "'"))


def _decoder() -> Any:
    try:
        return Decoder(Config(lm=None, loglevel="FATAL"))
    except (RuntimeError, ValueError, OSError) as error:
        raise RecogniserBroken(f"sphinx: the decoder could not be made ({type(error).__name__})") from None
