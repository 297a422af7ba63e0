"""Sounds a caller's line makes that are not words: noise, hold music, a ringing tone, a cough. Pure and seeded.

All are 8 kHz s16le, exactly as long as asked for.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 8000
Wave = NDArray[np.float64]


def make_sound(name: str, duration_s: float, level_dbfs: float = -20.0, seed: int = 0) -> bytes:
    """`duration_s` seconds of the sound; `level_dbfs` is its RMS over the whole."""
    count = max(1, round(duration_s * RATE))
    wave = _MAKERS[name](count, np.random.default_rng(seed))
    rms = float(np.sqrt(np.mean(wave**2))) or 1.0
    scaled = wave / rms * 32768 * 10 ** (level_dbfs / 20)
    return np.clip(np.round(scaled), -32768, 32767).astype("<i2").tobytes()


def _noise(count: int, dice: np.random.Generator) -> Wave:
    """A street: noise with more of the low than of the high."""
    white = dice.standard_normal(count + 8)
    return np.convolve(white, np.ones(9) / 9, mode="valid") + 0.2 * dice.standard_normal(count)


def _hold_music(count: int, _: np.random.Generator) -> Wave:
    """Broken chords, half a second each."""
    time = np.arange(count) / RATE
    chords = [(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)]
    wave = np.zeros(count)
    for index, chord in enumerate(chords):
        active = (np.floor(time * 2).astype(int) % len(chords)) == index
        wave += active * sum(np.sin(2 * np.pi * note * time) for note in chord)
    return wave * (0.6 + 0.4 * np.cos(2 * np.pi * 4 * time))


def _ringback(count: int, _: np.random.Generator) -> Wave:
    """The North American ringing tone: 440 + 480 Hz, two seconds on, four off."""
    time = np.arange(count) / RATE
    return (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)) * (time % 6 < 2)


def _cough(count: int, dice: np.random.Generator) -> Wave:
    """Two short bursts that fade, the rest silence."""
    time = np.arange(count) / RATE
    fade = sum((time >= at) * np.exp(-np.clip(time - at, 0, None) * 18) for at in (0.0, 0.25))
    return dice.standard_normal(count) * fade


_MAKERS: dict[str, Callable[[int, np.random.Generator], Wave]] = {
    "noise": _noise,
    "hold_music": _hold_music,
    "ringback": _ringback,
    "cough": _cough,
}
