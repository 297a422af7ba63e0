"""Where the audio of a rehearsal comes from: espeak-ng for words, WAV files for recordings. All ends as 8 kHz s16 mono.

espeak-ng's state is global to the process: one utterance at a time, under a lock; the library lets go of the
interpreter while it works, so the carrier runs it in a thread. Leading and trailing silence is cut off, so that the end
of the PCM is the end of the speech.
"""

import ctypes
import io
import tempfile
import threading
import wave
from functools import lru_cache
from pathlib import Path

import numpy as np

from backend.rehearsal.carrier.codec import RATE, Pcm

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_RATE_PARAMETER = 1
_UTF8 = 1
_AUDIBLE = 250

_lock = threading.Lock()
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Espeak:
    """The loaded library. Its callback must outlive every synthesis, hence an object that is never dropped."""

    def __init__(self) -> None:
        import espeakng_loader

        # A copy of its own: the library's state is global to the loaded file, and tests load the voice worker's engine
        # into the same process.
        with tempfile.NamedTemporaryFile(suffix=".so") as copy:
            copy.write(Path(espeakng_loader.get_library_path()).read_bytes())
            copy.flush()
            self._library = ctypes.CDLL(copy.name)
        self.rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, 20, espeakng_loader.get_data_path().encode(), _DO_NOT_EXIT
        )
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not start: its data were not found")
        self._pieces: list[bytes] = []
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: object) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    def speak(self, text: str, voice: str, rate_wpm: int) -> Pcm:
        self._pieces.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE_PARAMETER, rate_wpm, 0)
        raw = text.encode() + b"\0"
        self._library.espeak_Synth(raw, len(raw), 0, 1, 0, _UTF8, None, None)
        return np.frombuffer(b"".join(self._pieces), dtype=np.int16)


_espeak: _Espeak | None = None


@lru_cache(maxsize=256)
def synthesise(text: str, voice: str = "en-us", rate_wpm: int = 170) -> bytes:
    """The words as 8 kHz s16le, starting and ending with sound. Blocks for some milliseconds: run it in a thread."""
    global _espeak
    with _lock:
        if _espeak is None:
            _espeak = _Espeak()
        spoken = _espeak.speak(text, voice, rate_wpm)
        rate = _espeak.rate
    return trim(to_8k(spoken, rate)).tobytes()


def trim(pcm: Pcm) -> Pcm:
    """Without the silence before the first and after the last audible sample."""
    audible = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= _AUDIBLE)
    return pcm[audible[0] : audible[-1] + 1] if len(audible) else pcm[:0]


def to_8k(pcm: Pcm, rate: int) -> Pcm:
    """Any rate to telephone rate: a low-pass at 3.6 kHz, then interpolation."""
    if rate == RATE or not len(pcm):
        return pcm.astype(np.int16)
    signal = pcm.astype(np.float64)
    if rate > RATE:
        taps = 2 * (rate // 500) + 1
        position = np.arange(taps) - taps // 2
        kernel = np.sinc(2 * 3600 / rate * position) * np.hamming(taps)
        signal = np.convolve(signal, kernel / kernel.sum(), mode="same")
    wanted = np.arange(int(len(pcm) * RATE / rate)) * (rate / RATE)
    resampled = np.interp(wanted, np.arange(len(signal)), signal)
    rounded: Pcm = np.clip(np.round(resampled), -32768, 32767).astype(np.int16)
    return rounded


def read_wav(content: bytes) -> Pcm:
    """A mono 16-bit PCM WAV file of any rate as 8 kHz. ValueError says what is wrong with it."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"not a PCM WAV file: {error}") from error
    if channels != 1 or width != 2:
        raise ValueError(f"only mono 16-bit WAV is played, this has {channels} channels of {8 * width} bits")
    return to_8k(np.frombuffer(frames, dtype=np.int16), rate)
