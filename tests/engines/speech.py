"""Speech for the tests of hearing: made by espeak-ng, sent through μ-law at 8 kHz as a telephone would."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from backend.audio import g711
from backend.audio.resample import Resampler
from backend.audio.silence import audible_span
from backend.workers.tts.adapter import WordAt
from backend.workers.tts.espeak import Espeak

SENTENCES = (
    "Hello, I would like to book a table for four people.",
    "Yes.",
    "My number is five five five, one two three four.",
    "Could you tell me when you open tomorrow morning?",
    "That is all, thank you very much.",
)


@cache
def _voice() -> Espeak:
    voice = Espeak()
    voice.load()
    return voice


@cache
def spoken(text: str) -> bytes:
    """s16le at 8 kHz, trimmed to what is audible, at a usual level."""
    made = _voice().synthesize(text, "en-us", lambda: False)
    samples = np.concatenate([piece for piece in made if not isinstance(piece, WordAt)])
    resampler = Resampler(22050, 8000)
    low = np.concatenate([resampler.process(samples), resampler.flush()]).astype(np.float32)
    low *= 12000 / np.abs(low).max()
    telephone = g711.decode_ulaw(g711.encode_ulaw(low.astype(np.int16)))
    span = audible_span(telephone, 8000)
    assert span is not None
    return telephone[span[0] : span[1]].tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(8000 * seconds))


def with_noise(pcm: bytes, dbfs: float, seed: int = 1) -> bytes:
    """Add white noise of that level, and send it through μ-law again."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    noise: NDArray[np.float64] = np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbfs / 20), len(samples))
    mixed = np.clip(samples + noise, -32768, 32767).astype(np.int16)
    return g711.decode_ulaw_bytes(g711.encode_ulaw(mixed))


def frames(pcm: bytes, size: int = 320) -> list[bytes]:
    return [pcm[i : i + size] for i in range(0, len(pcm), size)]
