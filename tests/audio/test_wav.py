"""WAV in memory, held against the standard library's reader."""

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.audio.wav import build_ulaw_wav, build_wav, parse_wav
from backend.errors import MalformedMessage


@given(st.binary(max_size=200).map(lambda data: data[: len(data) // 4 * 4]), st.sampled_from([1, 2]))
def test_what_is_built_parses_back(pcm: bytes, channels: int) -> None:
    """Same samples, same rate, mono and stereo."""
    wav = parse_wav(build_wav(pcm, 16000, channels))

    assert wav.sample_rate == 16000
    assert wav.samples.tobytes() == pcm
    assert wav.samples.ndim == channels


def test_the_standard_library_reads_what_is_built() -> None:
    """Length, rate and channels as it sees them."""
    with wave.open(io.BytesIO(build_wav(np.arange(100, dtype=np.int16).tobytes(), 8000))) as reader:
        assert (
            reader.getnframes(),
            reader.getframerate(),
            reader.getnchannels(),
            reader.getsampwidth(),
        ) == (100, 8000, 1, 2)


def test_a_telephone_recording_is_written_without_decoding() -> None:
    """Format 7, one byte a sample, an odd length padded outside the data."""
    data = build_ulaw_wav(b"\x10\x20\x30")

    assert data[20:22] == b"\x07\x00"
    assert data[40:44] == b"\x03\x00\x00\x00"
    assert len(data) == 44 + 4
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda junk: build_wav(b"\0" * 8, 8000)[:30] + junk))
def test_junk_is_malformed_and_nothing_else(data: bytes) -> None:
    """No other exception leaves the parser."""
    try:
        parse_wav(data)
    except MalformedMessage:
        pass


def test_other_widths_are_refused() -> None:
    """Eight-bit PCM would be read as noise."""
    with pytest.raises(MalformedMessage):
        parse_wav(build_ulaw_wav(b"\xff" * 8))
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(8000)
        writer.writeframes(b"\x80" * 10)
    with pytest.raises(MalformedMessage, match="8 bits"):
        parse_wav(out.getvalue())


def test_half_a_sample_is_refused_when_building() -> None:
    """Our own mistake, told at once."""
    with pytest.raises(ValueError):
        build_wav(b"\x00", 8000)
