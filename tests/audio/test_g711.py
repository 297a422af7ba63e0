"""G.711 both ways, held against the C implementation of the standard library."""

import warnings

import numpy as np
import pytest

from backend.audio import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)
ALL_CODES = bytes(range(256))


def test_every_sample_encodes_as_the_standard_library_does() -> None:
    """All 65536 sample values, both laws."""
    pcm = ALL_SAMPLES.tobytes()

    assert audioop.lin2ulaw(pcm, 2) == g711.encode_ulaw(pcm)
    assert audioop.lin2alaw(pcm, 2) == g711.encode_alaw(pcm)


def test_every_code_decodes_as_the_standard_library_does() -> None:
    """All 256 codes, both laws, as bytes and as samples."""
    assert audioop.ulaw2lin(ALL_CODES, 2) == g711.decode_ulaw_bytes(ALL_CODES) == g711.decode_ulaw(ALL_CODES).tobytes()
    assert audioop.alaw2lin(ALL_CODES, 2) == g711.decode_alaw_bytes(ALL_CODES) == g711.decode_alaw(ALL_CODES).tobytes()


def test_encoding_what_was_decoded_changes_nothing() -> None:
    """Codes survive a trip through samples (μ-law's two zeros are one sample)."""
    assert ALL_CODES.replace(b"\x7f", b"\xff") == g711.encode_ulaw(g711.decode_ulaw(ALL_CODES))
    assert g711.encode_alaw(g711.decode_alaw(ALL_CODES)) == ALL_CODES


def test_samples_and_bytes_encode_alike() -> None:
    """An array needs no detour through bytes."""
    assert g711.encode_ulaw(ALL_SAMPLES.tobytes()) == g711.encode_ulaw(ALL_SAMPLES)
    assert g711.encode_alaw(ALL_SAMPLES.tobytes()) == g711.encode_alaw(ALL_SAMPLES)


def test_strided_samples_encode() -> None:
    """Every second sample of a stereo array is a legal input."""
    assert g711.encode_ulaw(ALL_SAMPLES[::2].copy()) == g711.encode_ulaw(ALL_SAMPLES[::2])


def test_the_silence_bytes_decode_to_nothing_audible() -> None:
    """Padding with them cannot be heard."""
    assert g711.decode_ulaw(g711.ULAW_SILENCE).tolist() == [0]
    assert g711.decode_alaw(g711.ALAW_SILENCE).tolist() == [8]


def test_floats_are_refused() -> None:
    """An array of another type would be read as nonsense."""
    with pytest.raises(ValueError, match="float32"):
        g711.encode_ulaw(np.zeros(4, np.float32))  # type: ignore[arg-type]
