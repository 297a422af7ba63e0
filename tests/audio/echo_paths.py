"""Lines that send our own voice back: for the test and the benchmark of the echo guard.

Both sides are espeak-ng through μ-law. A line delays the echo by 50 to 600 ms, weakens it by 10 to 40 dB and changes it in
one of six ways; hiss of -70 to -58 dBFS lies over it. With `caller_talks` another voice speaks in the middle of it, at
-30 to -18 dBFS (the agent speaks at -20).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.audio import g711
from backend.audio.silence import audible_span
from backend.rehearsal.carrier.speech import synthesise

RATE = 8000
KINDS = ("flat", "band", "hybrid", "low", "room", "clip")
AGENT = (
    "Thank you for calling, how can I help you today?",
    "I found three appointments next week, on Monday at ten, on Wednesday at noon, and on Friday afternoon.",
    "Your order was shipped yesterday and should arrive within two working days.",
    "Please tell me your account number, one digit at a time.",
    "We are open from nine to five, Monday to Friday.",
)
CALLER = (
    "Wait a moment please",
    "No, that is not what I meant.",
    "Stop, I want to talk to a person.",
    "Can you repeat that?",
    "Yes, Wednesday is good for me.",
    "Hold on, my number is different.",
)
AGENT_VOICES = ("en-us", "en-us+f2", "en-us+m3")
CALLER_VOICES = ("en-us+m7", "en-us+f4", "en-us+m1", "en-us", "en-us+f3")

Wave = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One call: what we play and what comes back, sample by sample from the same instant."""

    kind: str
    delay_s: float
    gain_db: float
    played: NDArray[np.int16]
    heard: NDArray[np.int16]
    caller_at_s: float | None
    """The caller's first audible sample."""


def make_line(
    seed: int,
    *,
    caller_talks: bool = False,
    gain_db: float | None = None,
    delay_s: float | None = None,
    lost_frames: int = 0,
) -> Line:
    """The line of that number. `lost_frames`: so many of the caller's frames never reach us, somewhere in the second
    second, so that the delay jumps."""
    dice = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    pieces = [np.zeros(RATE // 2)]
    for _ in range(2):
        text, voice = AGENT[dice.integers(len(AGENT))], AGENT_VOICES[dice.integers(len(AGENT_VOICES))]
        pieces += [_speech(text, voice, int(dice.uniform(150, 190)), -20.0), np.zeros(round(RATE * 0.15))]
    agent = np.concatenate([*pieces, np.zeros(RATE)])
    played = _telephone(agent)
    delay = round((delay_s or dice.uniform(0.05, 0.6)) * RATE)
    gain = gain_db if gain_db is not None else -dice.uniform(10, 40)
    source = played.astype(np.float64)
    if kind == "clip":
        source = 8000 * np.tanh(source / 8000)
    echo = np.convolve(source, _path(kind, dice))[: len(agent)]
    echo *= 10 ** (gain / 20) * _rms(played) / _rms(echo)
    heard = np.zeros(len(agent))
    heard[delay:] = echo[: len(agent) - delay]
    caller_at = None
    if caller_talks:
        level = dice.uniform(-30, -18)
        text, voice = CALLER[dice.integers(len(CALLER))], CALLER_VOICES[dice.integers(len(CALLER_VOICES))]
        words = _speech(text, voice, int(dice.uniform(150, 200)), level)
        span = audible_span(words.astype(np.int16), RATE, 208)
        assert span is not None
        words = words[span[0] : span[1]]
        caller_at = int(dice.uniform(1.2, 2.2) * RATE)
        words = words[: len(heard) - caller_at]
        heard[caller_at : caller_at + len(words)] += words
    heard += dice.standard_normal(len(heard)) * 32768 * 10 ** (dice.uniform(-70, -58) / 20)
    theirs = _telephone(heard)
    if lost_frames:
        theirs = np.delete(theirs, np.s_[RATE : RATE + 160 * lost_frames])
    return Line(kind, delay / RATE, gain, played, theirs, None if caller_at is None else caller_at / RATE)


def _path(kind: str, dice: np.random.Generator) -> Wave:
    """The line's filter: nothing, a telephone's band, a hybrid's ringing, a dull handset, a room's reverberation, and a
    loudspeaker that distorts (by `make_line`)."""
    if kind == "band":
        place = np.arange(-32, 33)
        high, low = 6800 / RATE * np.sinc(6800 / RATE * place), 600 / RATE * np.sinc(600 / RATE * place)
        return np.asarray((high - low) * np.hanning(65))
    if kind == "hybrid":
        return np.asarray(dice.standard_normal(64) * np.exp(-np.arange(64) / 16))
    if kind == "low":
        return np.exp(-np.arange(40) / 3)
    if kind == "room":
        room = dice.standard_normal(2400) * 10 ** (-3 * np.arange(2400) / RATE / 0.25) * 0.12
        room[:8] += dice.standard_normal(8) * np.exp(-np.arange(8))
        room[0] = 1
        return np.asarray(room)
    return np.ones(1)


def _speech(text: str, voice: str, words_per_minute: int, dbfs: float) -> Wave:
    samples = np.frombuffer(synthesise(text, voice, words_per_minute), np.int16).astype(np.float64)
    return np.asarray(samples * (32768 * 10 ** (dbfs / 20) / _rms(samples)))


def _telephone(wave: Wave) -> NDArray[np.int16]:
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(np.round(wave), -32000, 32000).astype(np.int16)))


def _rms(wave: NDArray[np.float64] | NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)) + 1e-12))
