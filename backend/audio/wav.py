"""WAV files in memory: what recordings are served as, and what test speech is read from.

Only uncompressed mono or stereo 16-bit PCM, and mono μ-law for building (a telephone recording needs no decoding to be
heard). Anything else is a MalformedMessage, never another exception: files come from outside.
"""

import io
import struct
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.errors import MalformedMessage

_PCM, _ULAW = 1, 7
_LONGEST_DATA = 0xFFFFFFFF - 64


@dataclass(frozen=True, slots=True)
class Wav:
    """A parsed file. `samples` is [length] for mono, [length, 2] for stereo."""

    sample_rate: int
    samples: NDArray[np.int16]


def _header(data_length: int, code: int, channels: int, sample_rate: int, bytes_per_sample: int) -> bytes:
    if data_length > _LONGEST_DATA:
        raise ValueError("a WAV file cannot hold more than 4 GiB")
    frame = channels * bytes_per_sample
    form = struct.pack("<HHIIHH", code, channels, sample_rate, sample_rate * frame, frame, 8 * bytes_per_sample)
    size = 4 + 8 + len(form) + 8 + data_length + data_length % 2
    return b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data"


def build_wav(pcm: bytes, sample_rate: int, channels: int = 1) -> bytes:
    """s16le samples (interleaved when stereo) as a file."""
    if len(pcm) % (2 * channels):
        raise ValueError("the samples do not fill the last frame")
    return _header(len(pcm), _PCM, channels, sample_rate, 2) + struct.pack("<I", len(pcm)) + pcm


def build_ulaw_wav(encoded: bytes, sample_rate: int = 8000) -> bytes:
    """μ-law bytes as a file, half the size of the same in PCM."""
    padding = b"\xff" if len(encoded) % 2 else b""
    return _header(len(encoded), _ULAW, 1, sample_rate, 1) + struct.pack("<I", len(encoded)) + encoded + padding


def parse_wav(data: bytes) -> Wav:
    """Raises MalformedMessage for anything but 16-bit PCM with one or two channels."""
    try:
        with wave.open(io.BytesIO(data), "rb") as reader:
            channels, width, rate = reader.getnchannels(), reader.getsampwidth(), reader.getframerate()
            if width != 2 or channels not in (1, 2) or not 4000 <= rate <= 192_000:
                raise MalformedMessage(f"WAV with {channels} channels of {8 * width} bits at {rate} Hz")
            pcm = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError, struct.error, RuntimeError, ValueError) as error:
        raise MalformedMessage(f"not a WAV file: {error}") from error
    samples = np.frombuffer(pcm[: len(pcm) - len(pcm) % (2 * channels)], np.int16)
    return Wav(rate, samples if channels == 1 else samples.reshape(-1, 2))
