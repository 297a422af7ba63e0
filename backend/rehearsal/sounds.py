"""Sounds a caller's line makes that are not words: noise, hold music, tones, keys, a cough. Pure and seeded.

All are 8 kHz s16le, exactly as long as asked for. The seed picks the take: another cough, another tune, other keys.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE = 8000
Wave = NDArray[np.float64]
SoundName = Literal["noise", "hold_music", "tune", "ringback", "busy", "dtmf", "cough", "throaty_cough"]

_KEYS = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477, 1633)]
_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14), (2, 5, 9), (4, 7, 11))
"""Semitones above the key: I, vi, IV, V, ii, iii."""


def make_sound(name: SoundName, duration_s: float, level_dbfs: float = -20.0, seed: int = 0) -> bytes:
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


def _tune(count: int, dice: np.random.Generator) -> Wave:
    """Plucked chords with a melody above and overtones, in a key and at a pace of its own."""
    key = 130.0 * 2 ** (dice.integers(0, 12) / 12)
    beat = round(RATE * dice.uniform(0.2, 0.5))
    overtones = dice.uniform(0.2, 0.6)
    wave, chord = np.zeros(count), _CHORDS[0]
    for number, start in enumerate(range(0, count, beat)):
        if number % 4 == 0:
            chord = _CHORDS[dice.integers(len(_CHORDS))]
        melody = chord[dice.integers(len(chord))] + 12
        time = np.arange(min(2 * beat, count - start)) / RATE
        fade = np.exp(-time * dice.uniform(1.5, 6)) * np.minimum(1, time * 200)
        for note, loud in (*((note, 0.5) for note in chord if number % 4 == 0), (melody, 1.0)):
            pitch = key * 2 ** (note / 12)
            for multiple in range(1, 6):
                if pitch * multiple < 3600:
                    tone = np.sin(2 * np.pi * pitch * multiple * time)
                    wave[start : start + len(time)] += loud * overtones ** (multiple - 1) * fade * tone
    return wave


def _ringback(count: int, _: np.random.Generator) -> Wave:
    """The North American ringing tone: 440 + 480 Hz, two seconds on, four off."""
    time = np.arange(count) / RATE
    return (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time)) * (time % 6 < 2)


def _busy(count: int, _: np.random.Generator) -> Wave:
    """The North American busy tone: 480 + 620 Hz, half a second on, half off."""
    time = np.arange(count) / RATE
    return (np.sin(2 * np.pi * 480 * time) + np.sin(2 * np.pi * 620 * time)) * (time % 1 < 0.5)


def _dtmf(count: int, dice: np.random.Generator) -> Wave:
    """Keys pressed one after the other, each for 60 to 250 ms."""
    wave = np.zeros(count)
    at = 0
    while at < count:
        low, high = _KEYS[dice.integers(len(_KEYS))]
        time = np.arange(min(round(RATE * dice.uniform(0.06, 0.25)), count - at)) / RATE
        wave[at : at + len(time)] = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
        at += len(time) + round(RATE * dice.uniform(0.06, 0.25))
    return wave


def _cough(count: int, dice: np.random.Generator) -> Wave:
    """Two short bursts that fade, the rest silence."""
    time = np.arange(count) / RATE
    fade = sum((time >= at) * np.exp(-np.clip(time - at, 0, None) * 18) for at in (0.0, 0.25))
    return dice.standard_normal(count) * fade


def _throaty_cough(count: int, dice: np.random.Generator) -> Wave:
    """One to three coughs, each an explosion of noise, then breath through the throat's resonances, some with a short
    voiced end: nearer to a real one than `cough`."""
    wave = np.zeros(count)
    at = 0
    for _ in range(dice.integers(1, 4)):
        length = min(round(RATE * dice.uniform(0.15, 0.3)), count - at)
        if length <= 0:
            break
        time = np.arange(length) / RATE
        burst = dice.standard_normal(length) * np.exp(-time * dice.uniform(12, 25))
        if dice.random() < 0.5:
            voiced = (time * dice.uniform(90, 160) % 1 < 0.1) * 4.0 * (time > 0.08) * np.exp(-time * 12)
            burst = burst + voiced
        for resonance in (dice.uniform(450, 750), dice.uniform(1100, 1700), dice.uniform(2300, 2900)):
            burst = burst + 0.8 * _resonate(burst, resonance, 150.0)
        wave[at : at + length] += burst
        at += length + round(RATE * dice.uniform(0.03, 0.15))
    return wave


def _resonate(wave: Wave, frequency: float, bandwidth: float) -> Wave:
    """`wave` through one resonance."""
    time = np.arange(round(RATE * 3 / bandwidth)) / RATE
    response = np.exp(-np.pi * bandwidth * time) * np.sin(2 * np.pi * frequency * time)
    return np.convolve(wave, response / np.sqrt(np.sum(response**2)))[: len(wave)]


_MAKERS: dict[SoundName, Callable[[int, np.random.Generator], Wave]] = {
    "noise": _noise,
    "hold_music": _hold_music,
    "tune": _tune,
    "ringback": _ringback,
    "busy": _busy,
    "dtmf": _dtmf,
    "cough": _cough,
    "throaty_cough": _throaty_cough,
}
