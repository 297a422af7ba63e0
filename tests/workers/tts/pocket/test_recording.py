"""Which recordings a voice may be made of."""

from pathlib import Path

import numpy as np
import pytest

from backend.audio.wav import build_wav
from backend.workers.tts.pocket.recording import UnfitRecording, check_name, check_recording, read_recording


def hum(seconds: float, rate: int = 24000, loudness: float = 8000.0) -> bytes:
    """One tone as a file."""
    at = np.arange(int(seconds * rate)) / rate
    return build_wav((loudness * np.sin(2 * np.pi * 200 * at)).clip(-32768, 32767).astype("<i2").tobytes(), rate)


@pytest.mark.parametrize("seconds", [2.0, 10.0, 30.0])
@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_some_seconds_of_speech_will_do(seconds: float, rate: int) -> None:
    """At any rate from 16 kHz on."""
    wav = read_recording(hum(seconds, rate))

    assert (wav.sample_rate, len(wav.samples)) == (rate, int(seconds * rate))


def test_two_channels_become_one() -> None:
    """Their mean."""
    both = np.repeat(np.arange(48000, dtype="<i2")[:, None] // 10 + 1000, 2, axis=1)
    both[:, 1] += 100
    wav = read_recording(build_wav(both.tobytes(), 24000, channels=2))

    assert wav.samples.ndim == 1
    assert np.array_equal(wav.samples, both[:, 0] + 50)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a WAV file"),
        (b"RIFF....WAVE" + b"x" * 100, "not a WAV file"),
        (b"ID3" + bytes(500), "not a WAV file.*ffmpeg"),
        (hum(1.9), r"1\.9 s is too short; allowed are 2 to 30 s"),
        (hum(30.1), r"30\.1 s is too long; allowed are 2 to 30 s"),
        (hum(5, rate=8000), "8000 Hz; allowed are 16000 Hz and more"),
        (hum(5, loudness=50), r"only 0\.0 s of it can be heard"),
        (hum(5, loudness=90000), "at full scale: it was recorded too loud"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(data: bytes, said: str) -> None:
    """A file that is none, too short, too long, too dull, silent, clipped."""
    with pytest.raises(UnfitRecording, match=said):
        read_recording(data)


def test_eight_bit_samples_are_refused() -> None:
    """And the command that converts them is named."""
    import io
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(24000)
        writer.writeframes(b"\x80" * 72000)
    with pytest.raises(UnfitRecording, match="8 bits.*16-bit PCM.*ffmpeg"):
        read_recording(file.getvalue())


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 65, "a\nb", "café"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    """It becomes part of a path."""
    with pytest.raises(UnfitRecording, match="voice name"):
        check_name(name)


def test_the_file_is_named_in_the_refusal(tmp_path: Path) -> None:
    """Also one that is not there."""
    (tmp_path / "a.wav").write_bytes(hum(1.0))
    with pytest.raises(UnfitRecording, match=rf"{tmp_path}/a\.wav: 1\.0 s is too short"):
        check_recording("anna", tmp_path / "a.wav")
    with pytest.raises(UnfitRecording, match=r"b\.wav: No such file"):
        check_recording("anna", tmp_path / "b.wav")
