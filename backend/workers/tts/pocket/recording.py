"""Is a recording fit to make a voice from? Pure; needs neither torch nor the model.

A voice is made from what the speaker says in a few seconds. Too little of it gives a voice of somebody else, silence gives
noise, a clipped recording a rough voice, and what comes after thirty seconds is never looked at. Every refusal says what
was found and what is allowed. Not decided here: how the voice is made (make_voice.py).
"""

import re
from pathlib import Path

import numpy as np

from backend.audio.wav import Wav, parse_wav
from backend.errors import BackendError, MalformedMessage
from backend.workers.tts.frames import AUDIBLE

SHORTEST_S, LONGEST_S = 2.0, 30.0
LOWEST_RATE = 16000
"""Hz; what telephones carry is too dull to make a voice from."""
LEAST_VOICED_S = 1.0
MOST_CLIPPED = 0.01
"""Of all samples, at full scale."""
_WINDOW_S = 0.02
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


class UnfitRecording(BackendError):
    """Another recording, or another name, is needed."""

    whose_fault = "operator"


def check_name(name: str) -> str:
    """A voice's name becomes a file's. Raises UnfitRecording."""
    if not _NAME.match(name):
        raise UnfitRecording(
            f"voice name: {name[:80]!r}; allowed are 1 to 64 letters, digits, dots, dashes and underscores, "
            "a letter or digit first"
        )
    return name


def check_recording(name: str, path: Path) -> Wav:
    """The recording as one channel, if both may become a voice. Raises UnfitRecording."""
    check_name(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnfitRecording(f"{path}: {error.strerror}") from None
    try:
        return read_recording(data)
    except UnfitRecording as error:
        raise UnfitRecording(f"{path}: {error}") from None


def read_recording(data: bytes) -> Wav:
    """`data` is a whole file. The recording as one channel. Raises UnfitRecording."""
    try:
        wav = parse_wav(data)
    except MalformedMessage as error:
        raise UnfitRecording(
            f"{error}; allowed is WAV with 16-bit PCM (ffmpeg -i recording -ac 1 -ar 24000 -c:a pcm_s16le voice.wav)"
        ) from error
    mono = wav.samples if wav.samples.ndim == 1 else wav.samples.mean(axis=1).astype(np.int16)
    if wav.sample_rate < LOWEST_RATE:
        raise UnfitRecording(f"{wav.sample_rate} Hz; allowed are {LOWEST_RATE} Hz and more")
    seconds = len(mono) / wav.sample_rate
    if seconds < SHORTEST_S:
        raise UnfitRecording(f"{seconds:.1f} s is too short; allowed are {SHORTEST_S:g} to {LONGEST_S:g} s")
    if seconds > LONGEST_S:
        raise UnfitRecording(
            f"{seconds:.1f} s is too long; allowed are {SHORTEST_S:g} to {LONGEST_S:g} s: cut out the best part"
        )
    voiced_s = _voiced_s(mono, wav.sample_rate)
    if voiced_s < LEAST_VOICED_S:
        raise UnfitRecording(f"only {voiced_s:.1f} s of it can be heard; needed are {LEAST_VOICED_S:g} s of speech")
    clipped = float(np.mean(np.abs(mono.astype(np.int32)) >= 32767))
    if clipped > MOST_CLIPPED:
        raise UnfitRecording(f"{clipped:.0%} of it is at full scale: it was recorded too loud")
    return Wav(wav.sample_rate, mono)


def _voiced_s(mono: np.ndarray, rate: int) -> float:
    """Seconds of it that are louder than silence."""
    window = int(rate * _WINDOW_S)
    windows = mono[: len(mono) // window * window].astype(np.int32).reshape(-1, window)
    return float((np.abs(windows).max(axis=1) > AUDIBLE).sum()) * _WINDOW_S
